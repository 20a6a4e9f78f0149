"""The parts of the simulated Microsoft 365."""
