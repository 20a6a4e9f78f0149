"""One question to everything: customers, documents, leads and what happened; and the texts that answer it."""
