"""Which source records are one customer, looked at again whenever something that it was decided by changed."""
