"""A customer of whom the hub knows everything that it can know of anybody, and another one who has a part in some of it."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.connector.contract import Delivered
from hub.context import Hub
from hub.cti.models import Click, LegRow, MatchBasis, Pop, Recording, RecordingState, TransferRow
from hub.cti.payload import CALLS
from hub.errors import GoneError
from hub.identity import link
from hub.identity.merging.merge import merge
from hub.identity.models import Conflict, ContactPhoto, Link, NumberRule, Party, PhotoState, SharedRecord
from hub.imports.models import ImportBatch, ImportRow
from hub.intake import receive
from hub.intake.models import Account, NamedRecord, RawRecord, RawState, Reading
from hub.leads.models import Consent, LeadAnswer, LeadRow, LeadStage, Touchpoint
from hub.mail.models import FileState, MailCopy, MailDraft, MailFile, MailMessage, MailThread, MailThreadKey
from hub.meetings.models import Booking, MeetingCopy, MeetingRow, MeetingSeries
from hub.messages.models import (
    Conversation,
    ConversationPeer,
    MediaState,
    MessageMedia,
    MessageRow,
    MessageStatus,
    PeerKind,
)
from hub.outbound.models import Delivery, Outbox
from hub.privacy.shelves import shelves
from hub.records.interaction import Interaction as Record
from hub.rules.models import Rule, RuleFiring, RuleLetter, RuleNotice
from hub.security import audit
from hub.security.models import EmbedTicket, Idempotency, User
from hub.security.policy import Person
from hub.store.base import Base, now
from hub.store.session import Database
from hub.store.shelf import Shelf
from hub.timeline.add import Entry, Part, add
from hub.timeline.models import Note, NoteFile, Task
from tests.fakes.api import Office, add_call
from tests.fakes.exchange import FakeExchange

CONTACTS = "contacts:book"
NAME, NICK, HEBREW = "Dorothea Vandermeer", "Thea Vandermeer", "דורותיאה ונדרמיר"
PHONE, EMAIL = "+972502345671", "dorothea@vandermeer.example"
SPOKEN = "050-234-5671"
OTHER, OTHER_EMAIL = "Boaz Mizrahi", "boaz@mizrahi.example"
DESK = "+97236123456"  # that both have
OF_A_NOTE = b"secret of hers, signed"
ODD = {"phone": SPOKEN, "what": "secret of hers"}
# What nobody may find afterwards, in whatever way it is written.
NEEDLES = (NAME, NICK, HEBREW, EMAIL, "502345671", SPOKEN, "secret of hers", "vandermeer", "ונדרמיר")  # fmt: skip


class Removing(FakeExchange):
    """An exchange whose recordings can be removed."""

    def remove_recording(self, path: str) -> None:
        self._may_fail()
        if path not in self.files:
            raise GoneError("no such file")
        del self.files[path]


@dataclass
class World:
    """Both of them, in one hub."""

    office: Office
    hub: Hub
    books: int = 0
    her: int = 0
    other: int = 0
    files: list[tuple[Shelf, str]] = field(default_factory=list)

    def contact(self, session: Session, remote_id: str, **values: Any) -> RawRecord:
        """Take a contact in as a reading does."""
        account = session.get_one(Account, self.books)
        told = {"remote_id": remote_id, **values}
        kept = receive.keep_page(session, account.id, CONTACTS, [Delivered(CONTACTS, remote_id, dict(told))])
        if not kept[0].waits:
            return session.get_one(RawRecord, kept[0].id)
        [raw] = receive.rows(session, kept)
        [raw.state] = link.take(session, account, [link.Given(raw, told)], region="IL")
        session.flush()
        return raw

    def sync(self, session: Session) -> None:
        """Everything that the address book has, once more; with a new record of hers in it."""
        self.contact(
            session, "c1", name=NAME, phones=[SPOKEN], emails=[EMAIL], notes="secret of hers", company="Acme Ltd"
        )
        self.contact(session, "c2", name=HEBREW, emails=[EMAIL, "thea@vandermeer.example"])
        self.contact(session, "c3", name=NAME, phones=[PHONE], notes="secret of hers, again")
        self.contact(session, "o1", name=OTHER, emails=[OTHER_EMAIL], phones=[DESK])

    def party_of(self, session: Session, remote_id: str) -> Party:
        found = session.scalars(select(Link).where(Link.remote_id == remote_id)).one()
        return session.get_one(Party, found.party_id)

    def keep(self, shelf: Shelf, content: bytes) -> str:
        draft = shelf.receive([content])
        shelf.place(draft)
        self.files.append((shelf, draft.sha256))
        return draft.sha256


def make(office: Office) -> World:
    """Write everything that there can be of somebody."""
    world = World(office, office.hub)
    with office.hub.db.write() as session:
        books = Account(name="Address book", connector="books", owner_id=office.agent.id)
        session.add(books)
        session.flush()
        world.books = books.id
        world.contact(
            session, "c1", name=NAME, phones=[SPOKEN], emails=[EMAIL], notes="secret of hers", company="Acme Ltd"
        )
        world.contact(session, "c2", name=HEBREW, emails=["thea@vandermeer.example"], phones=[DESK])
        world.contact(session, "o1", name=OTHER, emails=[OTHER_EMAIL], phones=[DESK])
        her, nick, other = (world.party_of(session, one) for one in ("c1", "c2", "o1"))
        who = Person(office.agent.id, office.agent.public_id, office.agent.email, "Noa", "admin")
        merge(session, who, her, nick)
        world.her, world.other = her.id, other.id
        _identity(world, session, her, books)
        _calls(world, session, her)
        _mails(world, session, her, other)
        _messages(world, session, her)
        _meetings(world, session, her, other)
        _lead(world, session, her)
        _rest(world, session, her, other, who)
    return world


def _raw(session: Session, account_id: int, stream: str, name: str, payload: dict[str, Any]) -> RawRecord:
    kept = receive.keep_page(session, account_id, stream, [Delivered(stream, name, payload)])
    raw = session.get_one(RawRecord, kept[0].id)
    raw.state = RawState.APPLIED
    session.flush()
    return raw


def _entry(session: Session, raw: RawRecord | None, kind: str, *parts: Part, **more: Any) -> int:
    given = {
        "direction": "inbound",
        "started_at": now() - timedelta(days=3),
        "ended_at": None,
        "summary": "",
        "mentions": (),
    }
    entry = Entry(Record(kind=kind, **{**given, **more}), list(parts), raw.id if raw else None)
    [row] = add(session, [entry], account_id=raw.account_id if raw else None)
    return row.id


def _identity(world: World, session: Session, her: Party, books: Account) -> None:
    shelf = shelves(world.hub.settings).photos
    mine = session.scalars(select(Link).where(Link.remote_id == "c1")).one()
    session.add_all([
        ContactPhoto(
            link_id=mine.id, account_id=books.id, url=f"https://photos.example/{EMAIL}", state=PhotoState.READY,
            sha256=world.keep(shelf, b"\x89PNG" + NAME.encode()), media_type="image/png",
        ),
        SharedRecord(link_id=mine.id, base={"name": NAME}, ours={"name": NICK}),
        Conflict(
            link_id=mine.id, party_id=her.id, account_id=books.id, field="name", base={"value": NAME},
            ours={"value": NICK}, theirs={"value": HEBREW}, winner="", fingerprint="f",
        ),
        NumberRule(value=PHONE, rule="shared"),
    ])  # fmt: skip


def _calls(world: World, session: Session, her: Party) -> None:
    account = session.get_one(Account, world.office.account.id)
    row = add_call(
        session, account, "call-1", now() - timedelta(days=2), [world.office.agent], party_id=her.id, number=PHONE,
        caller=SPOKEN, caller_name=NAME, outcome="answered", match_basis=MatchBasis.NUMBER,
        fields={"topic": "secret of hers"}, click_id="hub-1",
    )  # fmt: skip
    raw = _raw(session, account.id, CALLS, "call-1", {"caller": SPOKEN, "name": NAME})
    row.interaction_id = _entry(session, raw, "call", Part(her.id, "caller", "phone", PHONE), detail={"number": PHONE})
    path = f"monitor/in-{SPOKEN}-1.wav"
    world.office.exchange.files[path] = b"RIFF" + NAME.encode()
    session.add_all([
        LegRow(call_id=row.id, uid="t", number=PHONE, channel=f"PJSIP/{PHONE}-1", offered_at=now()),
        TransferRow(call_id=row.id, at=now(), kind="blind", source=PHONE, target="102"),
        Recording(call_id=row.id, path=path, state=RecordingState.READY, started_at=now(), sha256="0" * 64),
        Pop(call_id=row.id, user_id=world.office.agent.id, card={"name": NAME}, draft={"note": "secret of hers"}),
        Click(
            id="hub-1", account_id=account.id, user_id=world.office.agent.id, extension="101", number=PHONE,
            party_id=her.id,
        ),
        Note(call_id=row.id, interaction_id=row.interaction_id, party_id=her.id, text=f"{NAME} told a secret of hers"),
        Task(call_id=row.id, party_id=her.id, number=PHONE, title=f"Call {NAME}", due_at=now()),
    ])  # fmt: skip
    stranger = add_call(
        session, account, "call-2", now() - timedelta(days=2), [], number="+972541111111", caller_name="Somebody"
    )
    session.add(LegRow(call_id=stranger.id, uid="x", number=PHONE, offered_at=now()))  # was put through to her


def _mail(session: Session, world: World, name: str, people: dict[str, Any], *parts: Part) -> MailMessage:
    raw = _raw(
        session,
        world.books,
        "mail:noa",
        name,
        {"from": people["from"], "body": "A secret of hers" if name == "m1" else "Prices"},
    )
    text = f"A secret of hers\n{NAME}\n{HEBREW}" if name == "m1" else "Prices for Boaz"
    entry = _entry(
        session, raw, "email", *parts, summary=f"About {name}", detail={"from": people["from"], "snippet": text[:40]}
    )
    thread = MailThread(interaction_id=entry)
    session.add(thread)
    session.flush()
    message = MailMessage(
        key=f"key-{name}", thread_id=thread.id, message_id=f"<{name}@example>", at=now() - timedelta(days=3),
        subject=f"About {name}", refers_to=[], snippet=text[:40], text=text, html=f"<p>{text}</p>", people=people,
        attachments=[{"name": f"{name}.pdf"}], defects=[],
    )  # fmt: skip
    session.add(message)
    session.flush()
    session.add_all([
        MailThreadKey(key=f"key-of-{name}", thread_id=thread.id),
        MailCopy(message_id=message.id, raw_record_id=raw.id, account_id=world.books, labels=[]),
    ])  # fmt: skip
    return message


def _mails(world: World, session: Session, her: Party, other: Party) -> None:
    shelf = shelves(world.hub.settings).mail
    me, him = {"name": NAME, "address": EMAIL}, {"name": OTHER, "address": OTHER_EMAIL}
    alone = _mail(session, world, "m1", {"from": [me], "to": []}, Part(her.id, "sender", "email", EMAIL))
    both = _mail(
        session, world, "m2", {"from": [him], "cc": [me]}, Part(other.id, "sender", "email", OTHER_EMAIL),
        Part(her.id, "recipient", "email", EMAIL),
    )  # fmt: skip
    hers, common = world.keep(shelf, b"%PDF secret of hers"), world.keep(shelf, b"%PDF prices")
    session.add_all([
        MailFile(message_id=alone.id, place=0, state=FileState.READY, sha256=hers, size=1),
        MailFile(message_id=alone.id, place=1, state=FileState.READY, sha256=common, size=1),
        MailFile(message_id=both.id, place=0, state=FileState.READY, sha256=common, size=1),
        MailDraft(user_id=world.office.agent.id, account_id=world.books, mailbox="", party_id=her.id, to=EMAIL, text=NAME),
    ])  # fmt: skip


def _messages(world: World, session: Session, her: Party) -> None:
    shelf = shelves(world.hub.settings).media
    raw = _raw(session, world.books, "messages", "w1", {"from": PHONE, "text": "secret of hers"})
    talk = Conversation(
        account_id=world.books, channel="whatsapp", line="1", peer_phone=PHONE, peer_id="972502345671", peer_name=NAME,
        party_id=her.id,
    )  # fmt: skip
    session.add(talk)
    session.flush()
    entry = _entry(
        session,
        raw,
        "message",
        Part(her.id, "sender", "phone", PHONE),
        summary="secret of hers",
        detail={"text": "secret of hers"},
    )
    row = MessageRow(
        account_id=world.books, remote_id="w1", raw_record_id=raw.id, interaction_id=entry, conversation_id=talk.id,
        direction="inbound", text="secret of hers", at=now() - timedelta(days=1), peer_phone=PHONE, peer_name=NAME,
    )  # fmt: skip
    session.add(row)
    session.flush()
    session.add_all([
        ConversationPeer(
            conversation_id=talk.id, account_id=world.books, channel="whatsapp", line="1", kind=PeerKind.PHONE, value=PHONE
        ),
        MessageMedia(
            message_id=row.id, account_id=world.books, place=0, remote_id="f1", name=f"{NAME}.jpg", state=MediaState.KEPT,
            sha256=world.keep(shelf, b"\xff\xd8 secret of hers"),
        ),
        MessageStatus(account_id=world.books, message_id="w1", state="read", at=now(), reason=PHONE),
        Consent(account_id=world.books, remote_id="w1", whose=PHONE, key="marketing", text="I agree.", checked=True, given_at=now()),
    ])  # fmt: skip


def _meetings(world: World, session: Session, her: Party, other: Party) -> None:
    for uid, name, parts in (
        ("u1", "secret of hers", [Part(her.id, "guest", "email", EMAIL)]),
        ("u2", "Prices", [Part(her.id, "guest", "email", EMAIL), Part(other.id, "guest", "email", OTHER_EMAIL)]),
    ):
        raw = _raw(session, world.books, "calendar:noa", uid, {"attendees": [EMAIL], "title": name})
        people = [{"address": part.value, "name": ""} for part in parts]
        entry = _entry(session, raw, "meeting", *parts, summary=name, detail={"uid": uid, "attendees": people})
        session.add_all([
            MeetingCopy(
                raw_record_id=raw.id, account_id=world.books, uid=uid, remote_id=uid, fields={"title": name, "attendees": people}
            ),
            MeetingSeries(uid=uid),
            MeetingRow(interaction_id=entry, uid=uid, key=uid),
        ])  # fmt: skip
    session.add(
        Booking(
            account_id=world.books,
            mailbox="",
            party_id=her.id,
            uid="stand-in",
            wish={"title": NAME},
            key="b1",
            undo_until=now(),
        )
    )


def _lead(world: World, session: Session, her: Party) -> None:
    raw = _raw(session, world.books, "leads", "l1", {"name": NAME, "phone": SPOKEN})
    entry = _entry(
        session, raw, "lead", Part(her.id, "lead", "", ""), detail={"answers": [{"answer": "secret of hers"}]}
    )
    lead = LeadRow(
        account_id=world.books, remote_id="l1", raw_record_id=raw.id, interaction_id=entry, created_at=now() - timedelta(days=9),
        name=NAME, phone=SPOKEN, email=EMAIL,
    )  # fmt: skip
    session.add(lead)
    session.flush()
    session.add_all([
        LeadAnswer(lead_id=lead.id, place=0, key="name", label="Name", sent=[NAME], shown=[NAME], options=[]),
        LeadStage(lead_id=lead.id, stage="received", at=now(), reason="secret of hers"),
        Touchpoint(
            account_id=world.books, lead_id=lead.id, interaction_id=entry, at=now(), bucket="paid", campaign_id="k1",
            page_url=f"https://page.example/?mail={EMAIL}", utm={"term": NAME},
        ),
        Consent(account_id=world.books, remote_id="l1", lead_id=lead.id, key="privacy", text="I agree.", checked=True, given_at=now()),
    ])  # fmt: skip


def _rest(world: World, session: Session, her: Party, other: Party, who: Person) -> None:
    entry = _entry(session, None, "note", Part(her.id, "", "", ""), summary="A secret of hers")
    out = Outbox(
        account_id=world.books, kind="contact", object_key=f"party:{her.id}", payload={"party": her.id, "name": NAME},
        idempotency_key="k1", last_error=f"{EMAIL} was refused",
    )  # fmt: skip
    batch = ImportBatch(
        account_id=world.books, what="people", file_name="people.csv", size=1, look={}, columns={},
        sha256=world.keep(shelves(world.hub.settings).imports, f"{NAME},{SPOKEN}".encode()),
        state="done", found={"sample": [NAME]},
    )  # fmt: skip
    session.add_all([out, batch, *_not_read_to_their_end(world)])
    session.flush()
    raw = session.scalars(select(RawRecord).where(RawRecord.remote_id == "c1")).one()
    session.add_all([
        Delivery(outbox_id=out.id, ok=False, answer=f"no such contact: {NAME}"),
        ImportRow(batch_id=batch.id, number=1, fate="update", raw_record_id=raw.id, party_id=her.id, before={"name": NAME}),
        ImportRow(batch_id=batch.id, number=2, fate="bad", said=f"{SPOKEN} is no number", cells={"phone": SPOKEN, "who": NAME}),
        ImportRow(batch_id=batch.id, number=3, fate="bad", said="no name", cells={"who": OTHER}),
        mine := Note(party_id=her.id, interaction_id=entry, text=f"{HEBREW}: a secret of hers"),
        theirs := Note(party_id=other.id, text="Wants prices"),
        Task(party_id=her.id, title=f"Write to {NAME}", number=PHONE, due_at=now()),
        NamedRecord(account_id=world.books, records="leads", mailbox="", remote_id="l9", said={"phone": PHONE}),
        EmbedTicket(user_id=who.id, token_hash="t1", origin="https://crm.example", page="card", number=PHONE, expires_at=now()),
        Reading(account_id=world.books, stream=CONTACTS, phase="full", epoch=1, began_at=now(), error=f"{EMAIL} is odd"),
    ])  # fmt: skip
    session.flush()
    shelf = shelves(world.hub.settings).notes
    hers, both = world.keep(shelf, OF_A_NOTE), world.keep(shelf, b"a list of prices")
    session.add_all(
        NoteFile(note_id=note.id, name=name, media_type="text/plain", size=9, sha256=sha256)
        for note, name, sha256 in (
            (mine, f"{NAME}.txt", hers),
            (mine, "prices.txt", both),
            (theirs, "prices.txt", both),
        )
    )
    _rules(session, her, who)
    token = session.scalars(select(Base.metadata.tables["api_token"].c.id)).first()
    session.add(Idempotency(token_id=token, key="i1", request_hash="h", status=201, body=json.dumps({"name": HEBREW})))
    receive.keep_odd(session, world.books, "leads", ODD, f"{EMAIL} is odd")
    audit.record(session, who, "number.ignored", "number", PHONE)
    audit.record(session, who, "party.changed", "party", her.public_id, name=NAME)
    audit.record(session, who, "call.transferred", "call", "x", to=PHONE)


def _rules(session: Session, her: Party, who: User) -> None:
    """What a rule did because of her, and because of a number of hers before anybody knew whose it was."""
    rule = Rule(name="Somebody called", asks="call_missed")
    session.add(rule)
    session.flush()
    for number, party_id in enumerate((her.id, None)):
        reason = [{"field": "call.number", "operator": "filled", "values": [], "found": PHONE}]
        firing = RuleFiring(
            rule_id=rule.id,
            occasion=f"call:{number}",
            happened_at=now(),
            party_id=party_id,
            state="done",
            reason=reason,
        )
        session.add(firing)
        session.flush()
        session.add(RuleLetter(firing_id=firing.id, user_id=who.id, text=f"{NAME} called"))
        session.add(RuleNotice(firing_id=firing.id, user_id=who.id, text=f"{HEBREW} called"))


def _not_read_to_their_end(world: World) -> list[ImportBatch]:
    """Files with her in them, which nobody imported so far; one is the same as the one that was."""
    shelf = shelves(world.hub.settings).imports
    return [
        ImportBatch(
            account_id=world.books, what="people", file_name=f"{state}.csv", size=1, look={}, columns={}, state=state,
            sha256=world.keep(shelf, content.encode()), archive=world.keep(shelf, f"PK {content}".encode()), found={"shown": [{"name": NAME}]},
        )
        for state, content in (("looked", f"{NAME},{SPOKEN}"), ("checked", f"1;{HEBREW}"), ("paused", f"{OTHER};{EMAIL}"))
    ]  # fmt: skip


# --- looking ------------------------------------------------------------------------------------------------------


def _forms(needle: str) -> set[bytes]:
    """Return how a word may stand in a file: as text, as JSON escapes it, and in the wide form of some programs."""
    return {needle.encode(), json.dumps(needle)[1:-1].encode(), needle.encode("utf-16-le"), needle.encode("utf-16-be")}


def traces_in_files(folder: Path) -> list[str]:
    """Return where a needle stands in any file below a folder, as `grep -r` does."""
    return [
        f"{file.relative_to(folder)}: {needle}"
        for file in sorted(folder.rglob("*")) if file.is_file()
        for content in [file.read_bytes().lower()]
        for needle in NEEDLES if any(form.lower() in content for form in _forms(needle))
    ]  # fmt: skip


def traces_in_rows(db: Database) -> list[str]:
    """Return which rows hold a needle, in whatever column, of every table that there is."""
    return [f"{name}: {needle}" for name, row in rows(db) for needle in NEEDLES if needle.lower() in row.lower()]


def rows(db: Database) -> Iterator[tuple[str, str]]:
    """Yield every row of every table, as text."""
    with db.read() as session:
        for table in Base.metadata.sorted_tables:
            for row in session.execute(select(table)):
                yield (
                    table.name,
                    json.dumps(
                        [str(one) if not isinstance(one, dict | list) else one for one in row], ensure_ascii=False
                    ),
                )
