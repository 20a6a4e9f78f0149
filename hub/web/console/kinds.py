"""What a connector brings, in the words of the pages, and which group of the catalogue it belongs to."""

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from flask_babel import LazyString, lazy_gettext

from hub.connector.contract import Connector
from hub.flow import HUB, Flow

CALL = "call"
# In the order in which they are told; kinds that say nothing to a person, such as allocations, are not among them.
_WORDS: Mapping[str, LazyString] = MappingProxyType(
    {
        CALL: lazy_gettext("Calls"),
        "mail": lazy_gettext("E-mails"),
        "meeting": lazy_gettext("Meetings"),
        "message": lazy_gettext("Messages"),
        "lead": lazy_gettext("Leads"),
        "party": lazy_gettext("Contacts"),
        "document": lazy_gettext("Documents"),
        "payment": lazy_gettext("Payments"),
        "ad_spend": lazy_gettext("Spend of ads"),
        "history": lazy_gettext("History"),
        "file": lazy_gettext("Files"),
        "task": lazy_gettext("Tasks"),
        "ticket": lazy_gettext("Tickets"),
    }
)
# The first group that one of its kinds belongs to is a connector's own.
_GROUPS: Sequence[tuple[str, LazyString, frozenset[str]]] = (
    ("phone", lazy_gettext("Telephone"), frozenset({CALL})),
    ("mail", lazy_gettext("Mail, calendars and contacts"), frozenset({"mail", "meeting"})),
    ("leads", lazy_gettext("Leads and forms"), frozenset({"lead"})),
    ("messages", lazy_gettext("Messages"), frozenset({"message"})),
    ("money", lazy_gettext("Accounting and documents"), frozenset({"document", "payment"})),
    ("crm", lazy_gettext("CRM"), frozenset({"task"})),
    ("desk", lazy_gettext("Help desk"), frozenset({"ticket"})),
    ("other", lazy_gettext("Other"), frozenset()),
)


def brings(flow: Flow, connector: Connector[Any]) -> frozenset[str]:
    """Return the kinds of records that can come from a connector."""
    mapped = {mapping.record for (of, _), mapping in flow.mappings.items() if of == connector.name}
    return frozenset(mapped | ({CALL} if connector.exchange is not None else set()))


def mapped(flow: Flow, connector: str, *, is_exchange: bool) -> list[tuple[str, str]]:
    """Return the mappings that records of a connector go through: kind of records there, kind of record here."""
    own = [(kind, mapping.record) for (of, kind), mapping in flow.mappings.items() if of == connector]
    calls = [(kind, mapping.record) for (of, kind), mapping in flow.mappings.items() if of == HUB]
    return sorted(own or ([one for one in calls if one[1] == CALL] if is_exchange else []))


def words(kinds: Iterable[str]) -> list[str]:
    """Return what kinds of records are called, in a settled order."""
    present = set(kinds)
    return [str(word) for kind, word in _WORDS.items() if kind in present]


def grouped(
    flow: Flow, connectors: Iterable[Connector[Any]]
) -> list[tuple[str, LazyString, list[tuple[Connector[Any], list[str]]]]]:
    """Return connectors by groups (key, title, and each with what it brings); groups without any are left out."""
    groups: dict[str, list[tuple[Connector[Any], list[str]]]] = {key: [] for key, _, _ in _GROUPS}
    for connector in sorted(connectors, key=lambda one: one.title.casefold()):
        kinds = brings(flow, connector)
        key = next((key for key, _, own in _GROUPS if own & kinds), "other")
        groups[key].append((connector, words(kinds)))
    return [(key, title, groups[key]) for key, title, _ in _GROUPS if groups[key]]
