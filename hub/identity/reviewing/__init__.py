"""What people are asked of pairs that may be one customer: found at night, put in order, shown side by side."""
