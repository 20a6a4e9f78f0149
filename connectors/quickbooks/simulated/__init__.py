"""What the simulated QuickBooks Online is made of."""
