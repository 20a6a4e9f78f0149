"""What the hub itself tells people by mail: that a connection needs them, and that it works again."""
