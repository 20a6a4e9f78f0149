"""What the simulators of several remotes are made of: HTTPS on this machine, keys, a clock, mails, notifications."""
