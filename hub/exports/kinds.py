"""What is exported: a file for each kind of thing, which rows of it are about one person, and what is never handed out."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, String, cast, func, or_, select

from hub.accounting.models import AllocationRow, DocumentRow, InstalmentRow, PaymentRow
from hub.cti.models import CallRow, LegRow, Recording, SegmentRow, TransferRow
from hub.fields.models import FieldRow, OptionRow
from hub.identity.models import Claim, Conflict, ContactPhoto, Identifier, Link, Merge, MergeItem, Party
from hub.intake.models import Account, RawRecord
from hub.leads.models import Consent, LeadAnswer, LeadRow, LeadStage, Touchpoint
from hub.mail.models import MailCopy, MailDraft, MailFile, MailMessage, MailThread
from hub.meetings.models import Booking, MeetingCopy, MeetingRow
from hub.messages.models import Conversation, ConversationPeer, MessageMedia, MessageRow, MessageStatus
from hub.outbound.models import Outbox
from hub.privacy.models import LegalHold
from hub.rules.models import Rule, RuleFiring, RuleLetter, RuleNotice
from hub.security.models import Audit, Business, User
from hub.tickets.models import TicketRow
from hub.timeline.models import Interaction, Note, NoteFile, Participant, Question, Task

WORK = frozenset(
    {"owner", "attempt", "finished", "lease_until", "due_at"}
)  # of the hub's own work; says nothing of anybody


@dataclass(frozen=True, slots=True)
class One:
    """Whom an export is about."""

    ids: tuple[int, ...]  # of the party, and of those that were merged into it
    public_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of thing: a file."""

    name: str
    what: str  # in words, for whoever reads the folder
    model: Any
    of: Callable[[One], ColumnElement[bool]] | None = None  # which rows are about one person; None: none is
    only: tuple[str, ...] = ()  # the columns; none: all
    without: frozenset[str] = frozenset()

    def columns(self) -> list[Any]:
        """Return the columns in their order."""
        table = self.model.__table__
        return [table.c[name] for name in self.only] or [one for one in table.c if one.name not in self.without]

    def rows(self, one: One | None) -> Select[Any] | None:
        """Return the question for its rows; None: there are none about one person."""
        query = select(*self.columns()).order_by(*self.model.__table__.primary_key.columns)
        if one is None:
            return query
        return query.where(self.of(one)) if self.of is not None else None


def _party(model: Any) -> Callable[[One], ColumnElement[bool]]:
    return lambda one: model.party_id.in_(one.ids)


def _entries(one: One) -> Select[Any]:
    return select(Participant.interaction_id).where(Participant.party_id.in_(one.ids))


def _within(column: Any, rows: Callable[[One], Select[Any]]) -> Callable[[One], ColumnElement[bool]]:
    return lambda one: column.in_(rows(one))


def _is_noted(one: One) -> ColumnElement[bool]:
    return Note.party_id.in_(one.ids) | Note.interaction_id.in_(_entries(one))


def notes(one: One) -> Select[Any]:
    """Select the notes about one person, and those on what happened with them."""
    return select(Note.id).where(_is_noted(one))


def calls(one: One) -> Select[Any]:
    """Select the calls with one person."""
    return select(CallRow.id).where(CallRow.party_id.in_(one.ids) | CallRow.interaction_id.in_(_entries(one)))


def _threads(one: One) -> Select[Any]:
    return select(MailThread.id).where(MailThread.interaction_id.in_(_entries(one)))


def mails(one: One) -> Select[Any]:
    """Select the mails with one person."""
    return select(MailMessage.id).where(MailMessage.thread_id.in_(_threads(one)))


def _talks(one: One) -> Select[Any]:
    return select(Conversation.id).where(Conversation.party_id.in_(one.ids))


def messages(one: One) -> Select[Any]:
    """Select the messages with one person."""
    return select(MessageRow.id).where(MessageRow.conversation_id.in_(_talks(one)))


def links(one: One) -> Select[Any]:
    """Select the records that speak of one person."""
    return select(Link.id).where(Link.party_id.in_(one.ids))


def _leads(one: One) -> Select[Any]:
    return select(LeadRow.id).where(LeadRow.interaction_id.in_(_entries(one)))


def _merges(one: One) -> Select[Any]:
    return select(Merge.id).where(Merge.winner_id.in_(one.ids) | Merge.loser_id.in_(one.ids))


def _fired(one: One) -> Select[Any]:
    return select(RuleFiring.id).where(RuleFiring.party_id.in_(one.ids) | RuleFiring.interaction_id.in_(_entries(one)))


def _documents(one: One) -> Select[Any]:
    return select(DocumentRow.id).where(DocumentRow.party_id.in_(one.ids))


def _raws(one: One) -> ColumnElement[bool]:
    uids = select(MeetingRow.uid).where(MeetingRow.interaction_id.in_(_entries(one)))
    sources: Sequence[Select[Any]] = (
        select(Link.raw_record_id).where(Link.party_id.in_(one.ids)),
        select(Interaction.raw_record_id).where(Interaction.id.in_(_entries(one))),
        select(MailCopy.raw_record_id).where(MailCopy.message_id.in_(mails(one))),
        select(MessageRow.raw_record_id).where(MessageRow.id.in_(messages(one))),
        select(MeetingCopy.raw_record_id).where(MeetingCopy.uid.in_(uids)),
        select(LeadRow.raw_record_id).where(LeadRow.id.in_(_leads(one))),
        select(DocumentRow.raw_record_id).where(DocumentRow.id.in_(_documents(one))),
        select(PaymentRow.raw_record_id).where(PaymentRow.party_id.in_(one.ids)),
    )
    return or_(*(RawRecord.id.in_(query) for query in sources))


def seen(one: One) -> ColumnElement[bool]:
    """Say which lines of the audit are about one person: who saw, heard or changed what."""
    mine: Sequence[tuple[str, Any, ColumnElement[bool]]] = (
        ("call", CallRow, CallRow.id.in_(calls(one))),
        ("recording", Recording, Recording.call_id.in_(calls(one))),
        ("interaction", Interaction, Interaction.id.in_(_entries(one))),
        ("note", Note, _is_noted(one)),
        ("raw_record", RawRecord, _raws(one)),
        ("lead", LeadRow, LeadRow.id.in_(_leads(one))),
    )
    party = (Audit.subject == "party") & Audit.subject_id.in_([*one.public_ids, *map(str, one.ids)])
    bare = func.replace(Audit.subject_id, "-", "")  # SQLite keeps ids without hyphens, the audit has them with
    others = (
        (Audit.subject == kind) & bare.in_(select(func.replace(cast(model.public_id, String), "-", "")).where(which))
        for kind, model, which in mine
    )
    return or_(party, *others)


KINDS: tuple[Kind, ...] = (
    Kind("parties", "people and companies; `merged_into` leads to what one is now", Party, lambda one: Party.id.in_(one.ids)),
    Kind("identifiers", "their numbers, addresses and tax ids", Identifier, _party(Identifier)),
    Kind("claims", "every value of every field that a source or a person said", Claim, _party(Claim)),
    Kind("links", "which record of which system speaks of whom", Link, _party(Link)),
    Kind("photos", "their pictures; the files are in files/photos", ContactPhoto, _within(ContactPhoto.link_id, links), without=WORK),
    Kind("merges", "what became one, who said so, and why", Merge, _within(Merge.id, _merges), without=WORK),
    Kind("merge_items", "the journal of merges", MergeItem, _within(MergeItem.merge_id, _merges)),
    Kind("conflicts", "where two sides said different things", Conflict, _party(Conflict)),
    Kind("legal_holds", "who had to be kept, and why", LegalHold, _party(LegalHold)),
    Kind("interactions", "the timeline", Interaction, _within(Interaction.id, _entries)),
    Kind("participants", "who has a part in what of the timeline", Participant, _party(Participant)),
    Kind("notes", "what people wrote", Note, _is_noted),
    Kind("note_files", "files of notes; they are in files/notes", NoteFile, _within(NoteFile.note_id, notes)),
    Kind("questions", "which notes are questions, and since when they are answered", Question, _within(Question.note_id, notes)),
    Kind("tickets", "tickets of help desks", TicketRow, _within(TicketRow.interaction_id, _entries)),
    Kind("tasks", "what is to be done, and what was", Task, _party(Task)),
    Kind("rules", "what the hub does by itself, and when", Rule),
    Kind("rule_firings", "when rules did something, why, and what", RuleFiring, _within(RuleFiring.id, _fired)),
    Kind("rule_letters", "mails to colleagues that rules asked for", RuleLetter, _within(RuleLetter.firing_id, _fired)),
    Kind("rule_notices", "what rules showed to colleagues", RuleNotice, _within(RuleNotice.firing_id, _fired)),
    Kind("calls", "calls", CallRow, _within(CallRow.id, calls), without=frozenset({"state", "candidates"})),
    Kind("call_legs", "who rang and who spoke", LegRow, _within(LegRow.call_id, calls)),
    Kind("call_segments", "stretches of talk", SegmentRow, _within(SegmentRow.call_id, calls)),
    Kind("call_transfers", "who handed a call on", TransferRow, _within(TransferRow.call_id, calls)),
    Kind(
        "recordings", "recordings; the files are in files/recordings", Recording, _within(Recording.call_id, calls),
        without=WORK | {"path"},
    ),
    Kind("mail_threads", "conversations by mail", MailThread, _within(MailThread.id, _threads)),
    Kind("mails", "mails, as they were written", MailMessage, _within(MailMessage.id, mails)),
    Kind("mail_copies", "in whose mailbox a mail is", MailCopy, _within(MailCopy.message_id, mails)),
    Kind("mail_files", "files of mails that were fetched; they are in files/mails", MailFile, _within(MailFile.message_id, mails), without=WORK),
    Kind("mail_drafts", "mails that are being written", MailDraft, _party(MailDraft)),
    Kind("conversations", "conversations by message", Conversation, _within(Conversation.id, _talks)),
    Kind("conversation_peers", "how the other side is known", ConversationPeer, _within(ConversationPeer.conversation_id, _talks)),
    Kind("messages", "messages", MessageRow, _within(MessageRow.id, messages)),
    Kind("message_statuses", "what became of messages of ours", MessageStatus),
    Kind("message_files", "files of messages; they are in files/messages", MessageMedia, _within(MessageMedia.message_id, messages), without=WORK),
    Kind(
        "meetings", "meetings, as each calendar has them", MeetingCopy,
        lambda one: MeetingCopy.uid.in_(select(MeetingRow.uid).where(MeetingRow.interaction_id.in_(_entries(one)))),
    ),
    Kind("bookings", "meetings that were asked for here", Booking, _party(Booking)),
    Kind("leads", "leads", LeadRow, _within(LeadRow.id, _leads)),
    Kind("lead_answers", "what leads answered", LeadAnswer, _within(LeadAnswer.lead_id, _leads)),
    Kind("lead_stages", "how far leads came", LeadStage, _within(LeadStage.lead_id, _leads)),
    Kind("consents", "what was agreed to", Consent, _within(Consent.lead_id, _leads)),
    Kind("touchpoints", "which ad, form or page brought a lead", Touchpoint, _within(Touchpoint.lead_id, _leads)),
    Kind("documents", "documents of ledgers", DocumentRow, _party(DocumentRow)),
    Kind("instalments", "parts of documents with days of their own", InstalmentRow, _within(InstalmentRow.document_id, _documents)),
    Kind("payments", "payments", PaymentRow, _party(PaymentRow)),
    Kind("allocations", "what settled what", AllocationRow),
    Kind("raw_records", "every record exactly as its system sent it", RawRecord, _raws),
    Kind("outbox", "what was written to other systems", Outbox, without=WORK),
    Kind("audit", "who did or saw what", Audit, seen),
    Kind("users", "colleagues", User, only=("id", "public_id", "name", "email", "role", "created_at", "disabled_at")),
    Kind("accounts", "connected systems, without their secrets", Account, only=("id", "public_id", "name", "connector", "region", "time_zone", "state", "created_at")),
    Kind("businesses", "our legal entities", Business),
    Kind("fields", "fields that administrators defined", FieldRow),
    Kind("options", "the entries of their lists", OptionRow),
)  # fmt: skip
