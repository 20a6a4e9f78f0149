"""What the simulated Xero is made of; `connectors/xero/simulator.py` puts it together."""
