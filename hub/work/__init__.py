"""What is due, and who works on it: rows with leases, no messages that could be lost."""
