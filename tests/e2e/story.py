"""A small company with customers, calls, notes and tasks, written straight into the tables: the data of the page tests."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.cti.models import CallRow, Extension, LegRow, Recording, RecordingState
from hub.identity import parties
from hub.identity.models import Party, PartyKind
from hub.identity.parties import Given
from hub.intake.models import Account
from hub.records.call import Outcome
from hub.security import users
from hub.security.models import Role, User
from hub.security.policy import Person
from hub.store.base import now
from hub.store.session import Database
from hub.timeline import notes, tasks
from hub.timeline.models import Interaction, Kind, Participant, Task, TaskKind, TaskMember, Visibility

DANA, IVAN, NOBODY = "+972542345678", "+48601234567", "+972501112233"


@dataclass
class Story:
    """Who and what there is."""

    users: dict[str, User] = field(default_factory=dict)
    parties: dict[str, Party] = field(default_factory=dict)
    calls: dict[str, UUID] = field(default_factory=dict)
    recordings: dict[str, UUID] = field(default_factory=dict)
    account_id: int = 0

    def person(self, name: str) -> Person:
        return users.person(self.users[name])


def call(
    session: Session,
    account_id: int,
    *,
    number: str = "",
    party: Party | None = None,
    user: User | None = None,
    rung: Sequence[User] = (),
    at: datetime,
    talk_s: float = 0,
    outcome: str = Outcome.ANSWERED,
    **more: Any,
) -> CallRow:
    """One call with its legs, and its row on the timeline unless it is still open."""
    direction = more.pop("direction", "inbound")
    row = CallRow(
        account_id=account_id, key=f"{at.timestamp()}-{number}-{talk_s}", direction=direction, number=number,
        caller=number, started_at=at, ringing_at=at, answered_at=at + timedelta(seconds=4) if talk_s else None,
        ended_at=at + timedelta(seconds=talk_s + 4), talk_s=talk_s, ring_s=4, outcome=outcome, open=more.pop("open", False), source="live",
        party_id=party.id if party else None, user_id=user.id if user else None, **more,
    )  # fmt: skip
    if row.open:
        row.ended_at, row.outcome = None, ""
    session.add(row)
    session.flush()
    for i, one in enumerate(rung or ([user] if user else [])):
        answered = row.answered_at if one is user else None
        leg = LegRow(call_id=row.id, uid=str(i), extension=f"10{i}", user_id=one.id, offered_at=at, ringing_at=at)
        leg.answered_at, leg.ended_at = answered, row.ended_at
        leg.origin, leg.channel = direction == "outbound", f"PJSIP/10{i}-0000000{i}"
        session.add(leg)
    if not row.open:
        _on_timeline(session, row, [one.id for one in ([user] if user else rung) if one])
    session.flush()
    return row


def _on_timeline(session: Session, row: CallRow, user_ids: list[int]) -> None:
    item = Interaction(
        kind=Kind.CALL, direction=row.direction, started_at=row.started_at, ended_at=row.ended_at,
        summary=f"{row.direction.capitalize()} call, {row.outcome}", account_id=row.account_id,
        detail={"call": str(row.public_id), "outcome": row.outcome, "users": user_ids},
    )  # fmt: skip
    session.add(item)
    session.flush()
    row.interaction_id = item.id
    session.add(
        Participant(
            interaction_id=item.id, party_id=row.party_id, origin_party_id=row.party_id, started_at=row.started_at,
            kind=Kind.CALL, role="caller", identifier_kind="phone" if row.number else "", value=row.number,
        )
    )  # fmt: skip


def mail(session: Session, party: Party, *, at: datetime, summary: str, **more: Any) -> Interaction:
    """One mail of a party."""
    item = Interaction(kind=more.pop("kind", Kind.EMAIL), started_at=at, summary=summary, **more)
    session.add(item)
    session.flush()
    session.add(
        Participant(
            interaction_id=item.id, party_id=party.id, origin_party_id=party.id, started_at=at, kind=item.kind,
            role="sender",
        )
    )  # fmt: skip
    session.flush()
    return item


def missed(session: Session, row: CallRow, members: Sequence[User]) -> None:
    """Somebody waits for a call back."""
    task = Task(
        kind=TaskKind.MISSED_CALL, call_id=row.id, number=row.number, party_id=row.party_id, due_at=row.started_at,
        created_at=row.started_at,
    )  # fmt: skip
    session.add(task)
    session.flush()
    session.add_all(TaskMember(task_id=task.id, user_id=member.id) for member in members)
    session.flush()


def tell(database: Database, password: str | None = None) -> Story:
    """Fill a hub. Without a password nobody can sign in by the form, and a test need not wait for the hashing."""
    story = Story()
    with database.write() as session:
        for name, shown, role in [
            ("boss", "Maya Boss", Role.ADMIN),
            ("manager", "Rina Manager", Role.MANAGER),
            ("noa", "Noa Bar", Role.AGENT),
            ("amir", "Amir Katz", Role.AGENT),
        ]:
            email = f"{name}@example.com"
            user = session.scalars(select(User).where(User.email == email)).first()
            story.users[name] = user or users.add(session, email, shown, role, password)
            story.users[name].role = role
        account = Account(name="Office exchange", connector="asterisk")
        session.add(account)
        session.flush()
        story.account_id = account.id
        noa, amir = story.users["noa"], story.users["amir"]
        session.add_all(
            [Extension(account_id=account.id, number="101", user_id=noa.id),
             Extension(account_id=account.id, number="102", user_id=amir.id)]
        )  # fmt: skip
        _customers(session, story)
        _happenings(session, story)
    return story


def _customers(session: Session, story: Story) -> None:
    person = story.person("noa")
    firm = parties.create(session, person, PartyKind.COMPANY, "Lewandowski & Syn Sp. z o.o.", region="IL")
    story.parties["firm"] = firm
    given = [Given("phone", DANA), Given("email", "dana@example.com")]
    story.parties["dana"] = parties.create(
        session, person, PartyKind.PERSON, "דנה לוי", given, region="IL", company=firm, owner_id=person.id
    )
    story.parties["ivan"] = parties.create(
        session, person, PartyKind.PERSON, "Иван Петров", [Given("phone", IVAN)], region="IL"
    )
    story.parties["new"] = parties.create(session, person, PartyKind.PERSON, "Jan Nowy", region="IL")


def _happenings(session: Session, story: Story) -> None:
    noa, amir, dana = story.users["noa"], story.users["amir"], story.parties["dana"]
    at, account = now().replace(microsecond=0), story.account_id
    both = [noa, amir]

    def kept(name: str, row: CallRow) -> CallRow:
        story.calls[name] = row.public_id
        return row

    talked = kept("talked", call(session, account, number=DANA, party=dana, user=noa, rung=both,
                                 at=at - timedelta(hours=5), talk_s=372))  # fmt: skip
    sound = Recording(call_id=talked.id, path="2026/talked.wav", state=RecordingState.READY, started_at=talked.started_at,
                      size=5_952_044, content_type="audio/wav", sha256="a" * 64)  # fmt: skip
    session.add(sound)
    session.flush()
    story.recordings["talked"] = sound.public_id
    notes.on_call(session, story.person("noa"), call_id=talked.id, interaction_id=talked.interaction_id,
                  party_id=dana.id, text="שאלה על חשבונית 2026-118 and the router.")  # fmt: skip
    talked.disposition = "Resolved"
    for hours in (30, 29, 28):
        row = call(session, account, number=NOBODY, rung=both, at=at - timedelta(hours=hours), outcome=Outcome.MISSED,
                   reason="caller_gave_up")  # fmt: skip
        missed(session, row, both)
    row = kept("missed", call(session, account, number=IVAN, party=story.parties["ivan"], rung=both,
                              at=at - timedelta(minutes=20), outcome=Outcome.MISSED, reason="timeout"))  # fmt: skip
    missed(session, row, both)
    kept("called", call(session, account, number=DANA, party=dana, user=amir, at=at - timedelta(days=3), talk_s=61,
                        direction="outbound"))  # fmt: skip
    kept("withheld", call(session, account, number="", user=noa, at=at - timedelta(days=2), talk_s=12, withheld=True,
                          caller_name="Hidden Person"))  # fmt: skip
    mail(session, dana, at=at - timedelta(days=1), summary="Re: Offer no. 44 — הצעת מחיר", direction="inbound",
         detail={"text": "We come back to you by Sunday."}, owner_id=noa.id)  # fmt: skip
    mail(session, dana, at=at - timedelta(days=40), summary="Private matter", visibility=Visibility.METADATA,
         owner_id=amir.id, detail={"text": "secret words"})  # fmt: skip
    mail(session, dana, at=at - timedelta(days=41), summary="Nobody else may know", visibility=Visibility.OWNER,
         owner_id=amir.id)  # fmt: skip
    mail(session, dana, at=at - timedelta(days=60), summary="Demo (Google Meet)", kind=Kind.MEETING, owner_id=noa.id)
    notes.add(session, story.person("amir"), party_id=dana.id, text="VAT exempt till March", pinned=True)
    tasks.add(session, story.person("noa"), kind=TaskKind.CALL_BACK, title="Offer no. 44", number=DANA,
              party_id=dana.id, owner_id=noa.id, due_at=at - timedelta(hours=1))  # fmt: skip
    tasks.add(session, story.person("noa"), title="Send the price list", party_id=dana.id, owner_id=noa.id,
              due_at=at + timedelta(days=3))  # fmt: skip
    kept("ringing", call(session, account, number=DANA, party=dana, user=None, rung=[noa], at=at - timedelta(seconds=9),
                         open=True))  # fmt: skip
