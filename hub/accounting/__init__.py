"""What customers owe and how they pay, as the ledgers say it."""
