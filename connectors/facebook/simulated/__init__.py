"""The parts of the simulated Facebook: pages, lead forms and leads, ads, sign-in, webhooks."""
