"""Search: one box for customers, documents, leads and what happened; and what is known of a number that is nobody's yet."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext
from flask_babel.speaklater import LazyString
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from hub.cti import history
from hub.fields.models import Of
from hub.identity import photos
from hub.identity import search as parties
from hub.identity.models import Party
from hub.identity.phone import PhoneContext, normalise
from hub.identity.words import LONGEST_QUERY
from hub.search import backfill, everything
from hub.search.everything import Answer, Group
from hub.security.policy import Right, may
from hub.web import auth
from hub.web.auth import needs
from hub.web.console import money, money_words, more_filters, wording
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("search_page", __name__)
EACH = 8  # of each group, where all of them are shown
ONE = 50  # where one group is
LOOKED_AT = 250  # customers that a question finds, before filters
CALLS = 5
GROUPS: Mapping[str, LazyString] = MappingProxyType(
    {
        Group.PARTIES: lazy_gettext("Customers"),
        Group.DOCUMENTS: lazy_gettext("Documents"),
        Group.LEADS: lazy_gettext("Leads"),
        Group.TIMELINE: lazy_gettext("Timeline"),
    }
)
# What a customer was found by, where the name does not show it.
REASONS: Mapping[str, LazyString] = MappingProxyType(
    {
        "tax_id": lazy_gettext("Tax number"),
        "former": lazy_gettext("Formerly"),
    }
)


@blueprint.get("/search")
@needs(Right.USE)
def page() -> ResponseReturnValue:
    """Show what matches."""
    query = request.args.get("q", "").strip()[:LONGEST_QUERY]
    wanted = request.args.get("in", "")
    only = Group(wanted) if wanted in GROUPS else None
    number = _number(query)
    with current_hub().db.read() as session:
        more = more_filters.of(session, Of.PERSON, Of.COMPANY)
        found = _found(session, query, only, more.where(Party.fields, Party.kind))
        pictures = photos.of_parties(session, [one.hit.party_id for one in found.parties])
        calls = _calls(session, number) if number and only is None else []
        progress = backfill.progress(session) if query else None
    template = "agent/_results.html" if auth.is_htmx() else "agent/search.html"
    return render_template(
        template, query=query, found=found, only=only, groups=GROUPS, reasons=REASONS, number=number, calls=calls,
        wording=wording, words=money_words, photos=pictures, filters=more, progress=progress,
    )  # fmt: skip


def _found(session: Session, query: str, only: Group | None, more: Sequence[ColumnElement[bool]]) -> Answer:
    """Return what matches; filters are of customers, and leave nothing else."""
    if not query:
        return Answer()
    limit = EACH if only is None else ONE
    if more:
        hits = parties.search(session, query, LOOKED_AT)
        left = set(session.scalars(select(Party.id).where(Party.id.in_([hit.party_id for hit in hits]), *more)))
        return everything.of_parties([hit for hit in hits if hit.party_id in left], query, ONE)
    groups = tuple(Group) if only is None else (only,)
    return everything.search(session, money.eyes(session), query, groups=groups, limit=limit)


def _calls(session: Session, number: str) -> Sequence[history.CallFact]:
    person = current_person()
    whose = None if may(person.role, Right.SEE_ALL_CALLS) else person.id
    return history.listed(session, person, whose, which=history.Filter(number=number), limit=CALLS)[0]


def _number(query: str) -> str:
    """Return the number that was searched for, if the whole question is one."""
    if any(c.isalpha() for c in query):
        return ""
    phones = normalise(query, PhoneContext(region=current_hub().settings.hub.region))
    return phones[0].key if len(phones) == 1 else ""
