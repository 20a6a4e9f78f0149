"""What people may ask of those who know something about them: to see it, to have it erased; how long it is kept."""
