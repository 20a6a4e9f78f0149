"""Mails that people write in the hub: kept while they are written, sent through the writer's own mailbox, once.

Sending puts a row into the outbox in the same transaction; until it is due the sending can be taken back. What was sent
comes to the timeline as the sync would bring it, so that it stands there once whichever comes first.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from email.policy import default
from uuid import UUID
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_datetime
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from hub.errors import ForbiddenError, UserError
from hub.identity.models import Party
from hub.intake.models import Account, AccountState, StreamState
from hub.mail.compose import LARGEST, File, Letter, Parent, Signature, answer_subject, answer_to, compose
from hub.mail.models import DraftState, MailDraft, MailDraftFile, MailMessage, MailThreadKey
from hub.mail.reply_words import OWN
from hub.outbound import outbox
from hub.outbound.plan import Planned
from hub.records.address import match_key
from hub.records.mail import Address
from hub.security.models import User
from hub.store.base import now
from hub.store.insert import insert
from hub.store.public import by_public_id

KIND = "mail"  # in the outbox; also what streams of mail are called before their mailbox
SIGNATURE = "mail_signature"  # in a user's preferences
LONGEST_TEXT = 100_000
MOST_FILES = 30
_FIELDS = ("to", "cc", "bcc", "subject", "text", "signature")


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A mailbox that a user may write from."""

    account_id: int
    address: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a person begins: an answer to a message, or a new mail to a customer."""

    mailbox: Mailbox
    answers: MailMessage | None = None
    everyone: bool = False
    party: Party | None = None
    to: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """What stands in the form."""

    to: str = ""
    cc: str = ""
    bcc: str = ""
    subject: str = ""
    text: str = ""
    signature: str = ""
    quotes: bool = True


def mailboxes(session: Session, user_id: int) -> list[Mailbox]:
    """Return the mailboxes that are a user's own: those of his address, and of accounts that he connected for himself."""
    user = session.get_one(User, user_id)
    rows = session.execute(
        select(StreamState.account_id, StreamState.mailbox, Account.owner_id)
        .join(Account, Account.id == StreamState.account_id)
        .where(StreamState.records.like(f"{KIND}:%"), StreamState.wanted, Account.state == AccountState.ACTIVE)
        .distinct()  # some mailboxes are read folder by folder
        .order_by(StreamState.mailbox, StreamState.account_id)
    )
    own = match_key(user.email)
    return [Mailbox(row.account_id, row.mailbox) for row in rows if _is_his(row.mailbox, row.owner_id, own, user_id)]


def _is_his(mailbox: str, owner_id: int | None, own: str, user_id: int) -> bool:
    return match_key(mailbox) == own or owner_id == user_id


def begun(session: Session, user_id: int, wanted: Wanted) -> MailDraft | None:
    """Return the draft that a user left where he begins again."""
    query = select(MailDraft).where(
        MailDraft.user_id == user_id, MailDraft.state.in_([DraftState.DRAFT, DraftState.REFUSED])
    )
    if wanted.answers is not None:
        query = query.where(MailDraft.answers_id == wanted.answers.id)
    else:
        query = query.where(
            MailDraft.answers_id.is_(None), MailDraft.party_id == (wanted.party.id if wanted.party else None)
        )
    return session.scalars(query.order_by(MailDraft.id.desc()).limit(1)).first()


def first(session: Session, user: User, wanted: Wanted) -> Content:
    """Return what the form shows before anything is typed."""
    signature = str(user.preferences.get(SIGNATURE, ""))
    if wanted.answers is None:
        return Content(to=wanted.to, signature=signature)
    own = frozenset(match_key(address) for address in [*session.scalars(select(User.email)), wanted.mailbox.address])
    to, cc = answer_to(_parent(wanted.answers), own=own, everyone=wanted.everyone)
    return Content(_typed(to), _typed(cc), "", answer_subject(wanted.answers.subject), "", signature)


def start(session: Session, user_id: int, public_id: UUID, wanted: Wanted) -> MailDraft:
    """Make a draft with an id that the form chose, so that a form that is saved twice, or twice at once, makes one.

    Raises:
        NotFoundError: somebody else has a draft of this id.
    """
    draft = {
        "public_id": public_id,
        "user_id": user_id,
        "account_id": wanted.mailbox.account_id,
        "mailbox": wanted.mailbox.address,
        "party_id": wanted.party.id if wanted.party else None,
        "thread_id": wanted.answers.thread_id if wanted.answers else None,
        "answers_id": wanted.answers.id if wanted.answers else None,
    }
    session.execute(insert(session, MailDraft).values(draft).on_conflict_do_nothing(index_elements=["public_id"]))
    return get(session, user_id, public_id, lock=True)


def get(session: Session, user_id: int, public_id: UUID, *, lock: bool = False) -> MailDraft:
    """Return a user's own draft.

    Raises:
        NotFoundError: there is none, or it is somebody else's.
    """
    mine = MailDraft.user_id == user_id
    return by_public_id(session, MailDraft, public_id, "There is no such draft.", mine, lock=lock)


def save(draft: MailDraft, content: Content) -> None:
    """Keep what was typed.

    Raises:
        UserError: it is being sent or was sent, or is too long.
    """
    _must_be_open(draft)
    if len(content.text) > LONGEST_TEXT:
        raise UserError(f"At most {LONGEST_TEXT} characters.", error_id="too_long", field="text")
    for name in _FIELDS:
        setattr(draft, name, getattr(content, name)[:LONGEST_TEXT])
    draft.quotes, draft.changed_at, draft.state, draft.error = content.quotes, now(), DraftState.DRAFT, ""


def attach(session: Session, draft: MailDraft, name: str, media_type: str, content: bytes) -> None:
    """Add a file.

    Raises:
        UserError: too many, or too large together.
    """
    _must_be_open(draft)
    size = select(func.coalesce(func.sum(MailDraftFile.size), 0), func.count())
    held, count = session.execute(size.where(MailDraftFile.draft_id == draft.id)).one()
    if count >= MOST_FILES:
        raise UserError(f"At most {MOST_FILES} files.", error_id="too_many", field="files")
    if (held + len(content)) * 4 // 3 > LARGEST:
        raise UserError(
            f"Together the files may have {LARGEST * 3 // 4 // 1_000_000} MB.", error_id="too_big", field="files"
        )
    session.add(
        MailDraftFile(draft_id=draft.id, name=name[:200], media_type=media_type, size=len(content), content=content)
    )


def detach(session: Session, draft: MailDraft, number: int) -> None:
    """Take a file away."""
    _must_be_open(draft)
    session.execute(delete(MailDraftFile).where(MailDraftFile.id == number, MailDraftFile.draft_id == draft.id))


def files(session: Session, draft: MailDraft) -> Sequence[MailDraftFile]:
    """Return the files of a draft, without their contents."""
    return session.scalars(
        select(MailDraftFile).where(MailDraftFile.draft_id == draft.id).order_by(MailDraftFile.id)
    ).all()


def send(session: Session, user: User, draft: MailDraft, *, undo: timedelta) -> None:
    """Hand a draft to the outbox; one that is being sent already stays as it is.

    Raises:
        UserError: it cannot be sent like this; `field` names what is wrong.
        ForbiddenError: the mailbox is not the user's any more.
    """
    if draft.state in {DraftState.SENDING, DraftState.SENT}:
        return
    if Mailbox(draft.account_id, draft.mailbox) not in mailboxes(session, user.id):
        raise ForbiddenError("This mailbox is not connected as yours any more. Ask the administrator.")
    draft.sendings += 1
    draft.state, draft.error, draft.sent_at = DraftState.SENDING, "", now() + undo
    compose(letter(session, draft), key=key_of(draft), domain=domain_of(draft), at=draft.sent_at)
    if user.preferences.get(SIGNATURE, "") != draft.signature:
        user.preferences = {**user.preferences, SIGNATURE: draft.signature}
    planned = Planned(
        draft.account_id,
        KIND,
        f"mail-draft:{draft.public_id}",
        {"draft": draft.id},
        key_of(draft),
        mailbox=draft.mailbox,
        user_id=user.id,
        not_before=draft.sent_at,
    )
    outbox.store(session, [planned])


def undo(session: Session, draft: MailDraft) -> None:
    """Take a sending back.

    Raises:
        UserError: it is on its way.
    """
    if draft.state != DraftState.SENDING or not outbox.take_back(session, key_of(draft)):
        raise UserError("It is on its way already.", error_id="too_late")
    draft.state, draft.sent_at = DraftState.DRAFT, None


def discard(session: Session, draft: MailDraft) -> None:
    """Throw a draft away.

    Raises:
        UserError: it is being sent.
    """
    _must_be_open(draft)
    session.delete(draft)


def letter(session: Session, draft: MailDraft, *, language: str = "en", zone: str = "UTC") -> Letter:
    """Return what a draft says.

    Args:
        language, zone: of whoever chose none.

    Raises:
        UserError: an address is none.
    """
    user = session.get_one(User, draft.user_id)
    parent = session.get(MailMessage, draft.answers_id) if draft.answers_id else None
    text = draft.text
    if parent is not None and draft.quotes:
        text = _with_quote(text, parent, user.language or language, ZoneInfo(user.time_zone or zone))
    content = select(MailDraftFile).where(MailDraftFile.draft_id == draft.id).order_by(MailDraftFile.id)
    return Letter(
        sender=Address(user.name, draft.mailbox),
        to=_people(draft.to, "to"),
        cc=_people(draft.cc, "cc"),
        bcc=_people(draft.bcc, "bcc"),
        subject=draft.subject,
        text=text,
        signature=Signature(draft.signature),
        files=tuple(File(one.name, one.media_type, one.content) for one in session.scalars(content)),
        answers=_parent(parent) if parent is not None else None,
    )


def key_of(draft: MailDraft) -> str:
    """Return the key of a sending: the same however often it is tried, another one when the person sends again."""
    return f"mail:{draft.public_id}:{draft.sendings}"


def domain_of(draft: MailDraft) -> str:
    return draft.mailbox.rpartition("@")[2]


def provider_thread(session: Session, draft: MailDraft) -> str:
    """Return the thread of the mailbox's own provider that an answer belongs to; empty where that mailbox has none."""
    prefix = f"box:{draft.account_id}:{draft.mailbox}:"
    query = select(MailThreadKey.key).where(
        MailThreadKey.thread_id == draft.thread_id, MailThreadKey.key.startswith(prefix, autoescape=True)
    )
    found = session.scalars(query.order_by(MailThreadKey.key)).first() if draft.thread_id else None
    return found.removeprefix(prefix) if found else ""


def unfinished(session: Session, user_id: int) -> Sequence[MailDraft]:
    """Return what a user wrote and did not send, or what was not taken; the latest first."""
    states = [DraftState.DRAFT, DraftState.REFUSED]
    query = select(MailDraft).where(MailDraft.user_id == user_id, MailDraft.state.in_(states))
    return session.scalars(query.order_by(MailDraft.changed_at.desc()).limit(20)).all()


def _must_be_open(draft: MailDraft) -> None:
    if draft.state in {DraftState.SENDING, DraftState.SENT}:
        raise UserError("This mail is on its way; it cannot be changed any more.", error_id="sent")


def _people(typed: str, name: str) -> tuple[Address, ...]:
    """Return the people of a line such as `Dana <dana@example.com>, jan@example.com`."""
    text = ", ".join(part.strip() for part in re.split(r"[;\r\n]+", typed)).strip(", ")
    if not text:
        return ()
    header = default.header_factory(name, text)
    if header.defects or any(not one.domain for one in header.addresses):
        raise UserError("Write addresses such as dana@example.com, with commas.", error_id="bad_address", field=name)
    return tuple(Address(one.display_name, one.addr_spec) for one in header.addresses)


def _typed(people: Sequence[Address]) -> str:
    return ", ".join(f"{_quoted(one.name)} <{one.address}>" if one.name else one.address for one in people)


def _quoted(name: str) -> str:
    """Return a name as it stands before an address; one with marks of its own in quotes."""
    plain = name.replace('"', "'").replace("\\", "")
    return plain if plain.replace(" ", "").isalnum() else f'"{plain}"'


def _parent(message: MailMessage) -> Parent:
    def people(role: str) -> tuple[Address, ...]:
        return tuple(Address(one["name"], one["address"]) for one in message.people.get(role, []))

    return Parent(
        message.message_id,
        tuple(message.refers_to),
        from_=people("from"),
        to=people("to"),
        cc=people("cc"),
        reply_to=people("reply_to"),
    )


def _with_quote(text: str, parent: MailMessage, language: str, zone: ZoneInfo) -> str:
    author = next(iter(parent.people.get("from", [])), {"name": "", "address": ""})
    name = f"{author['name']} <{author['address']}>".strip() if author["name"] else author["address"]
    begins = OWN[language].format(at=format_datetime(parent.at, "EEE d.M.y HH:mm", zone, Locale(language)), who=name)
    quoted = "\n".join(f"> {line}" for line in parent.text.strip().splitlines())
    return f"{text.rstrip()}\n\n{begins}\n{quoted}"
