"""Rules that come with the hub, off. Turned on, they are rules like others; their texts are in the hub's language."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import LazyString, force_locale, lazy_gettext

from hub.rules.grammar import OWNER, YES, Do, Operator, TaskIs, When


@dataclass(frozen=True, slots=True)
class Shipped:
    """A rule that comes with the hub.

    Attributes:
        key: the same in each version, by which it is known whether it was made already.
        condition: field, operator and value.
        kind: of the task, where it makes one.
    """

    key: str
    name: LazyString
    when: When
    after: int
    condition: tuple[str, Operator, str] | None
    do: Do
    text: LazyString
    kind: str = ""
    hours: int = 0

    def given(self, language: str) -> dict[str, Any]:
        """Return it as `reading.read` takes it, with its texts in a language."""
        with force_locale(language):
            name, text = str(self.name), str(self.text)
        action: dict[str, Any] = {"do": str(self.do), "to": [OWNER], "text": text}
        if self.do is Do.TASK:
            action |= {"kind": self.kind, "hours": self.hours}
        conditions: list[Mapping[str, Any]] = []
        if self.condition is not None:
            field, operator, value = self.condition
            conditions.append({"field": field, "operator": str(operator), "values": [value]})
        return {
            "name": name, "asks": str(self.when), "after": self.after, "conditions": conditions, "actions": [action],
            "per_hour": 100,
        }  # fmt: skip


SHIPPED: Sequence[Shipped] = (
    Shipped(
        "lead_unanswered", lazy_gettext("Nobody has answered a lead for a day"), When.LEAD_UNCHANGED, 1,
        ("lead.stage", Operator.IS, "received"), Do.TASK, lazy_gettext("Answer the lead of {customer}"),
        TaskIs.CALL_BACK, 4,
    ),
    Shipped(
        "missed_call", lazy_gettext("A customer's call was missed"), When.CALL_MISSED, 0,
        ("customer.known", Operator.IS, YES), Do.NOTICE, lazy_gettext("{customer} called, and nobody answered"),
    ),
    Shipped(
        "call_back_late", lazy_gettext("A call back is late"), When.CALL_BACK_LATE, 1, None, Do.NOTICE,
        lazy_gettext("{customer} still waits for a call back"),
    ),
    Shipped(
        "invoice_overdue", lazy_gettext("An invoice is overdue for a week"), When.INVOICE_OVERDUE, 7, None, Do.TASK,
        lazy_gettext("Ask {customer} about invoice {title}"), TaskIs.FOLLOW_UP, 24,
    ),
    Shipped(
        "no_contact", lazy_gettext("No contact with a customer for two months"), When.NO_CONTACT, 60,
        ("customer.owned", Operator.IS, YES), Do.TASK, lazy_gettext("Ask how {customer} is doing"),
        TaskIs.CALL_BACK, 72,
    ),
)  # fmt: skip
BY_KEY: Mapping[str, Shipped] = {one.key: one for one in SHIPPED}
