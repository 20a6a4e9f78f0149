"""The parts of the simulated gateways: what they take, and what they post."""
