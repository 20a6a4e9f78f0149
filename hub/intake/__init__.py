"""Raw records in: kept as sent, once."""
