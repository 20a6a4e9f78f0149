"""Rules that an administrator writes: when something happens, and if some conditions hold, then something is done."""
