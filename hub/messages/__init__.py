"""Messages (WhatsApp, SMS): conversations with customers, what became of each message, and the answers."""
