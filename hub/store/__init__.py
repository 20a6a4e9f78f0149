"""Rows: one code for SQLite and PostgreSQL."""
