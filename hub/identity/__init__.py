"""Whose is this."""
