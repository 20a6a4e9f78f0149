"""What is held about one person, where it is from, and who saw it: the answer to whoever asks (GDPR, article 15)."""

from collections import Counter
from datetime import datetime
from html import escape
from typing import Any

from sqlalchemy import Select, func, select
from sqlalchemy.orm import Session

from hub.exports.kinds import KINDS, Kind, One, seen
from hub.identity.models import Claim, Identifier, Link, Party
from hub.intake.models import Account
from hub.outbound.models import Outbox
from hub.privacy.models import LegalHold, RetentionRule
from hub.security.models import Audit
from hub.timeline.models import Interaction, Participant

MOST_SEEN = 10_000  # lines of the audit, the newest


def of(session: Session, one: One, at: datetime) -> dict[str, Any]:
    """Return the report as data."""
    party = session.get_one(Party, one.ids[0])
    return {
        "made_at": at,
        "party": {"id": one.public_ids[0], "kind": party.kind, "name": party.name, "since": party.created_at},
        "merged": list(one.public_ids[1:]),
        "identifiers": _identifiers(session, one),
        "fields": _fields(session, one),
        "sources": _sources(session, one),
        "held": _held(session, one),
        "shared_with": _shared(session, one),
        "seen": _seen(session, one),
        "kept": _kept(session, one),
    }


def _identifiers(session: Session, one: One) -> list[dict[str, Any]]:
    query = (
        select(
            Identifier.kind, Identifier.value, Identifier.valid_from, Identifier.valid_to, Account.name.label("source")
        )
        .outerjoin(Link, Link.id == Identifier.link_id)
        .outerjoin(Account, Account.id == Link.account_id)
        .where(Identifier.party_id.in_(one.ids))
    )
    return [_row(row) for row in session.execute(query.order_by(Identifier.id)).mappings()]


def _fields(session: Session, one: One) -> list[dict[str, Any]]:
    query = (
        select(Claim.field, Claim.value, Claim.observed_at, Account.name.label("source"))
        .outerjoin(Link, Link.id == Claim.link_id)
        .outerjoin(Account, Account.id == Link.account_id)
        .where(Claim.party_id.in_(one.ids))
    )
    rows = [_row(row) for row in session.execute(query.order_by(Claim.field, Claim.id)).mappings()]
    return [{**row, "value": row["value"].get("value")} for row in rows]


def _sources(session: Session, one: One) -> list[dict[str, Any]]:
    query = (
        select(Account.name.label("system"), Link.stream, Link.remote_id.label("record"), Link.seen_at, Link.gone_at)
        .join(Account, Account.id == Link.account_id)
        .where(Link.party_id.in_(one.ids))
    )
    return [_row(row) for row in session.execute(query.order_by(Account.name, Link.id)).mappings()]


def _held(session: Session, one: One) -> list[dict[str, Any]]:
    """Count what there is of each kind, and since when the timeline goes."""
    counts = {kind: _count(session, kind, one) for kind in KINDS}
    held = [{"kind": kind.name, "what": kind.what, "count": count} for kind, count in counts.items() if count]
    entries = select(Participant.interaction_id).where(Participant.party_id.in_(one.ids))
    query = select(
        Interaction.kind, func.count().label("count"), func.min(Interaction.started_at).label("first"),
        func.max(Interaction.started_at).label("last"),
    ).where(Interaction.id.in_(entries)).group_by(Interaction.kind)  # fmt: skip
    timeline = [{"what": "on the timeline", **_row(row)} for row in session.execute(query).mappings()]
    return [*held, *timeline]


def _count(session: Session, kind: Kind, one: One) -> int:
    query: Select[Any] | None = kind.rows(one)
    return (
        (session.scalar(select(func.count()).select_from(query.order_by(None).subquery())) or 0)
        if query is not None
        else 0
    )


def _shared(session: Session, one: One) -> list[dict[str, Any]]:
    """Return the systems that something was written to."""
    query = (
        select(
            Account.name.label("system"),
            Outbox.kind,
            func.count().label("count"),
            func.max(Outbox.done_at).label("last"),
        )
        .join(Account, Account.id == Outbox.account_id)
        .where(Outbox.payload["party"].as_integer().in_(one.ids))
        .group_by(Account.name, Outbox.kind)
    )
    return [_row(row) for row in session.execute(query).mappings()]


def _seen(session: Session, one: One) -> dict[str, Any]:
    query = select(Audit.at, Audit.actor, Audit.action).where(seen(one)).order_by(Audit.id.desc()).limit(MOST_SEEN)
    rows = [_row(row) for row in session.execute(query).mappings()]
    who = Counter(row["actor"] for row in rows)
    return {"by": [{"actor": actor, "times": times} for actor, times in who.most_common()], "lines": rows}


def _kept(session: Session, one: One) -> dict[str, Any]:
    rules = session.execute(select(RetentionRule.kind, RetentionRule.days).order_by(RetentionRule.kind)).mappings()
    holds = select(LegalHold.since, LegalHold.reason).where(
        LegalHold.party_id.in_(one.ids), LegalHold.ended_at.is_(None)
    )
    return {
        "rules": [_row(row) for row in rules],  # what none of them says is kept until somebody erases it
        "holds": [_row(row) for row in session.execute(holds).mappings()],
    }


def _row(row: Any) -> dict[str, Any]:
    return dict(row)


# --- as a page ----------------------------------------------------------------------------------------------------

_STYLE = "body{font:16px/1.5 sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}table{border-collapse:collapse;width:100%}th,td{text-align:start;vertical-align:top;border-bottom:1px solid #ccc;padding:.25rem .5rem;overflow-wrap:anywhere}"


def page(told: dict[str, Any]) -> str:
    """Return the report as a page that needs nothing else; every word of others is escaped."""
    seen_by, kept = told["seen"], told["kept"]
    parts = [
        ("Who", [told["party"]]),
        ("Numbers and addresses", told["identifiers"]),
        ("What is said, and by which source", told["fields"]),
        ("Records in other systems", told["sources"]),
        ("What is held", told["held"]),
        ("What was written to other systems", told["shared_with"]),
        ("Who saw or changed it", seen_by["by"]),
        ("When", seen_by["lines"]),
        ("How long kinds of things are kept, in days", kept["rules"]),
        ("Why it must be kept", kept["holds"]),
    ]
    body = "".join(f"<h2>{escape(title)}</h2>{_table(rows)}" for title, rows in parts)
    name = f'<bdi dir="auto">{escape(str(told["party"]["name"]))}</bdi>'
    head = f'<meta charset="utf-8"><title>What is held about one person</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body><h1>What is held about {name}</h1>{body}</body></html>\n'


def _table(rows: list[dict[str, Any]]) -> str:
    if not rows:
        return "<p>Nothing.</p>"
    head = "".join(f"<th>{escape(name.replace('_', ' '))}</th>" for name in rows[0])
    lines = ("".join(f'<td dir="auto">{escape(_said(value))}</td>' for value in row.values()) for row in rows)
    return f"<table><tr>{head}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"


def _said(value: Any) -> str:
    match value:
        case None:
            return ""
        case datetime():
            return f"{value:%Y-%m-%d %H:%M} UTC"
    return str(value)
