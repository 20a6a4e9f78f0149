"""Who may come in, who may see what, and what must stay secret."""
