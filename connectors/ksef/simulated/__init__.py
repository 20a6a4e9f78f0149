"""The parts of the simulated KSeF: signing in, invoices, packages."""
