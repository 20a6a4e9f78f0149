"""Browsers are told at once what concerns their user."""
