"""What the hub speaks: frozen records, no input or output, no knowledge of any remote system."""
