"""From a remote's fields to the hub's, as data."""
