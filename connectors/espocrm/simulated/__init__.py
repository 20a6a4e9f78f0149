"""What the simulated EspoCRM is made of; `connectors/espocrm/simulator.py` puts it together."""
