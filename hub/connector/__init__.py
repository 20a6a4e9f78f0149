"""What a connector offers to the hub, and what it gets to work with."""
