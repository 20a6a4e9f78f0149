"""How full a field should be, by an administrator's word: from so many percent on it is good, from so many on bearable."""

from dataclasses import dataclass
from enum import StrEnum

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.fields.models import FillTarget, Of
from hub.security import audit
from hub.security.policy import Person
from hub.store.insert import insert


class Rating(StrEnum):
    """How a field stands against its target."""

    GREEN = "green"
    AMBER = "amber"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Target:
    """Percent of the records, each 0 to 100; `amber` is never above `green`."""

    green: int
    amber: int

    def rate(self, filled: int, total: int) -> Rating | None:
        """Say how so many of all records stand; None: there are no records. Nothing is rounded up."""
        if not total:
            return None
        if filled * 100 >= self.green * total:
            return Rating.GREEN
        return Rating.AMBER if filled * 100 >= self.amber * total else Rating.RED


def of_kind(session: Session, of: Of) -> dict[str, Target]:
    """Return the targets of a kind of record, by field."""
    rows = session.scalars(select(FillTarget).where(FillTarget.of == of))
    return {row.field: Target(row.green, row.amber) for row in rows}


def read(green: str, amber: str) -> Target | None:
    """Return the target that somebody typed; None: both are empty, so there is to be none.

    Raises:
        UserError: one of them is no percentage (`target_percent`), or amber is above green (`target_order`).
    """
    if not green.strip() and not amber.strip():
        return None
    target = Target(_percent("green", green), _percent("amber", amber))
    if target.amber > target.green:
        text = "Amber begins below green, so it cannot be the larger number."
        raise UserError(text, error_id="target_order", field="amber")
    return target


def keep(session: Session, person: Person, of: Of, field: str, target: Target | None, *, address: str = "") -> None:
    """Set the target of a field, or take it away; what it was before is in the audit. The last of two at once counts."""
    before = of_kind(session, of).get(field)
    if target == before:
        return
    if target is None:
        session.execute(delete(FillTarget).where(FillTarget.of == of, FillTarget.field == field))
    else:
        numbers = {"green": target.green, "amber": target.amber}
        row = insert(session, FillTarget).values(of=of, field=field, **numbers)
        session.execute(row.on_conflict_do_update(index_elements=["of", "field"], set_=numbers))
    audit.record(session, person, "fill_target.changed", "fill_target", f"{of}.{field}",
                 address=address, was=_told(before), becomes=_told(target))  # fmt: skip


def _percent(name: str, typed: str) -> int:
    text = typed.strip().removesuffix("%").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 3 and int(text) <= 100):
        raise UserError("Write a whole number from 0 to 100.", error_id="target_percent", field=name)
    return int(text)


def _told(target: Target | None) -> dict[str, int] | None:
    return {"green": target.green, "amber": target.amber} if target else None
