"""One folder per remote system; a connector never knows another."""
