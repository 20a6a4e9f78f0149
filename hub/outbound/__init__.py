"""What other systems must be told: planned with the change, sent later, once."""
