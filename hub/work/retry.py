"""How long what failed is left alone: twice as long each time, and not all of it at the same moment."""

import random


def pause_s(failures: int, first_s: float, longest_s: float) -> float:
    """Return the seconds to wait after so many failures in a row before this one, spread over half of their length."""
    return min(first_s * 2.0 ** min(failures, 30), longest_s) * random.uniform(0.5, 1)  # noqa: S311 - spreads, hides nothing
