"""The parts of the simulated WhatsApp: people who write, the Cloud API, webhooks."""
