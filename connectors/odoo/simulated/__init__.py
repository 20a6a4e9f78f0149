"""A simulated Odoo: what it knows, its ledger, and the three protocols it is asked in."""
