"""Numbers for managers: one module per topic, read-only SQL, and behind each number the list of its records."""
