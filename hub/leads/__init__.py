"""Leads: what somebody answered in a form, where it came from, who looks after it, and what became of it."""
