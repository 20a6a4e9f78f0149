"""The parts of the simulated Pipedrive."""
