"""What happened with a party, in time order."""
