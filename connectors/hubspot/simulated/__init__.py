"""The parts of the simulated HubSpot."""
