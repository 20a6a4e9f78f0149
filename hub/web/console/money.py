"""A customer's money as the pages show it: the panel, what to know before speaking, and the rows on a timeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from hub.accounting import alerts, panel, queries
from hub.accounting.alerts import Alert
from hub.accounting.panel import Eyes, Panel
from hub.accounting.queries import Document, Payment
from hub.identity.models import Party
from hub.security.policy import Person, Right, may
from hub.store.base import now
from hub.timeline.models import Kind
from hub.timeline.queries import Item
from hub.web.frame import current_hub, current_person


@dataclass(frozen=True, slots=True)
class Money:
    """What is known of a customer's money."""

    panel: Panel
    company: Party | None  # whose money it is, where the customer has none of their own
    alerts: Sequence[Alert]

    @property
    def has_several(self) -> bool:
        """Whether there are several legal entities, so that each figure names its own."""
        return len(self.panel.names) > 1


def of_party(session: Session, person: Person, party: Party) -> Money | None:
    """Return what is known of a customer's money; None: no ledger is connected, or it is not for this person."""
    hub = current_hub()
    zone = hub.settings.hub.time_zone
    found = panel.of_party(session, person, party, ledgers=hub.flow.ledgers(), at=now(), zone=zone)
    if found is None:
        return None
    shown, company = found
    return Money(shown, company, alerts.alerts(shown, alerts.least(session)))


def eyes(session: Session) -> Eyes:
    """Return how the person who asks sees money."""
    return panel.eyes(session, current_person(), at=now(), zone=current_hub().settings.hub.time_zone)


def of_items(session: Session, items: Sequence[Item]) -> Mapping[int, Document | Payment]:
    """Return what the documents and payments of a timeline are now, by the numbers of their rows."""
    if not may(current_person().role, Right.SEE_MONEY):
        return {}
    documents = _named(items, Kind.DOCUMENT, "document")
    payments = _named(items, Kind.PAYMENT, "payment")
    if not documents and not payments:
        return {}
    eye = eyes(session)
    seen = queries.documents_by_id(session, eye, documents.values())
    paid = queries.payments_by_id(session, eye, payments.values())
    found: dict[int, Document | Payment] = {n: seen[one] for n, one in documents.items() if one in seen}
    return found | {n: paid[one] for n, one in payments.items() if one in paid}


def _named(items: Sequence[Item], kind: Kind, word: str) -> dict[int, UUID]:
    return {one.number: UUID(one.detail[word]) for one in items if one.kind == kind and one.detail.get(word)}
