"""Everything, or everything about one person, in files that other programs read."""
