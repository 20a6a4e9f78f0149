"""What happened, kept for whoever listens: outgoing webhooks, and later rules and CRMs."""
