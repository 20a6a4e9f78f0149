"""What the simulated Salesforce is made of; `connectors/salesforce/simulator.py` puts it together."""
