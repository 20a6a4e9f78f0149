"""What people's answers teach: pairs with the same reasons as many that were different are asked less, then not at all."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.identity.models import Review, ReviewState

MOST_ANSWERS = 2_000  # the newest
# So many answers weigh as much as the rule that made the score.
WEIGHT = 20

Taught = Mapping[str, tuple[int, int]]  # by `alike`: how many were the same, how many were not


def alike(reasons: Sequence[Any]) -> str:
    """Name what pairs have in common that were found for the same reasons, such as `names_agree+same_mobile`.

    Args:
        reasons: pairs of a code and its values.
    """
    return "+".join(sorted({str(code) for code, _ in reasons}))


def taught(session: Session) -> Taught:
    """Count the newest answers of people by what they were asked for."""
    query = (
        select(Review.reasons, Review.state)
        .where(Review.state.in_({ReviewState.SAME, ReviewState.NOT_SAME}), Review.decided_by.is_not(None))
        .order_by(Review.decided_at.desc())
        .limit(MOST_ANSWERS)
    )
    found: dict[str, tuple[int, int]] = {}
    for reasons, state in session.execute(query):
        name = alike(reasons)
        same, other = found.get(name, (0, 0))
        found[name] = (same + 1, other) if state == ReviewState.SAME else (same, other + 1)
    return found


def weighed(score: float, reasons: Sequence[Any], answers: Taught) -> float:
    """Return a score after what people answered to such pairs, 0 to 1."""
    same, other = answers.get(alike(reasons), (0, 0))
    return (score * WEIGHT + same) / (WEIGHT + same + other)
