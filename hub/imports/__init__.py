"""What customers bring: files and databases of the systems they had before."""
