"""Meetings: when they take place, which of several copies counts, what of them may be written. All of it is pure."""
