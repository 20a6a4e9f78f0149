"""Open questions of customers that a help desk keeps: its tickets, as it has them now."""
