"""What the simulator of web forms is made of; it knows the programs that send, and nothing of who reads them."""
