"""How the outbox brings contacts in step: look at the remote's present record, merge field by field, write what it lacks.

Nothing is decided when a change is planned; what is written follows from what both sides say when it goes out. So a change
that is sent twice, late or together with others writes what is still missing, and nothing where nothing is. Contacts
are never deleted at a remote.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from hub.connector.stream import Change, Findable, Gone, Remote, Upsert, Written
from hub.errors import ConflictError, GoneError, MappingError, NotFoundError, RejectedError, RetryLaterError
from hub.identity import in_step, parties
from hub.identity.models import Claim, Conflict, Identifier, Link, Party, PartyStatus, SharedRecord
from hub.identity.said import said
from hub.intake.models import Account
from hub.mapping.apply import apply
from hub.mapping.load import Mapping as RecordMapping
from hub.mapping.transforms import Context
from hub.outbound import merge as merging
from hub.outbound.brakes import LoopBrake
from hub.outbound.deliver import Item
from hub.outbound.merge import Merged, Policy
from hub.outbound.models import Outbox
from hub.records.party import Party as Record
from hub.store.base import now
from hub.store.session import Database
from hub.store.turn import in_turn

TRIES = 4  # when somebody changes a contact between our look and our write
ROUND_TRIPS = 20  # that are remembered
SHOWN_AFTER = timedelta(minutes=10)  # remotes may not show sooner what was made
LABELS = {"mobile": "mobile"}  # of a number that is new to the remote, by what it is here
_BRAKE = LoopBrake()

Take = Callable[[Session, int, str, Written], None]


@dataclass(frozen=True, slots=True)
class _Sides:
    """A contact as both sides stand when it is looked at."""

    link_id: int
    account: Account
    stream: str
    remote_id: str
    party_id: int
    base: Mapping[str, Any]
    before: Mapping[str, Any]  # what the hub said when both agreed
    ours: Mapping[str, Any]
    ours_at: Mapping[str, datetime]
    round_trips: tuple[datetime, ...]
    answered: bool
    region: str
    mapping: RecordMapping
    policies: Mapping[str, Policy]


@dataclass(frozen=True, slots=True)
class Merging(Written):
    """What was written into a contact that both sides have, and what it was decided on."""

    wrote: bool = False
    is_gone: bool = False  # there is nothing to write to any more
    follows: bool = False  # somebody had changed it there since we wrote it last
    goes_round: bool = False  # too often: nothing was written, and a person must look
    ours: Mapping[str, Any] = field(default_factory=dict)  # what the hub said when it was decided
    base: Mapping[str, Any] = field(default_factory=dict)  # what the remote would have if only the hub had changed it
    to_hub: frozenset[str] = frozenset()  # fields in which the remote's change counts
    changed_at: datetime | None = None  # by the remote's clock


@dataclass(frozen=True, slots=True)
class Making(Written):
    """A contact that was made of a party."""

    ours: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ContactKind:
    """Contacts of parties (`outbound.deliver.Kind`).

    Attributes:
        mapping: that counts for an account's records of a stream.
        take: takes in a record that we wrote ourselves, as the reader of its stream would.
        region, time_zone: of accounts that have none of their own.
    """

    db: Database
    mapping: Callable[[Session, Account, str], RecordMapping]
    take: Take
    region: str
    time_zone: str

    # --- send -----------------------------------------------------------------------------------------------------

    def send(self, remote: Remote, item: Item) -> Written | None:
        """Write what the remote's contact lacks, or make it."""
        if "link" not in item.payload:
            return self._make(remote, item)
        for _ in range(TRIES):
            sides = self._sides(item)
            if sides is None:
                return None
            try:
                return self._bring(remote, item, sides)
            except ConflictError:
                continue  # somebody was faster; nothing was written
        raise RetryLaterError("Somebody else changes this contact all the time.")

    def _bring(self, remote: Remote, item: Item, sides: _Sides) -> Merging:
        """Look, merge and write once.

        Raises:
            ConflictError: it changed after we looked.
        """
        present = _present(remote, sides)
        if present is None:
            return Merging(sides.remote_id, is_gone=True, ours=sides.ours)
        record = self._read(sides, present.remote_id, present.payload)
        known, theirs = in_step.keys(sides.region), in_step.of_record(record)
        wanted = in_step.towards(sides.base, sides.before, sides.ours, known)
        merged = _merge(sides, wanted, theirs, record.updated_at)
        found = Merging(
            present.remote_id, present.version, present.payload, ours=sides.ours, base=wanted,
            to_hub=frozenset(merged.to_hub), follows=sides.answered, changed_at=record.updated_at,
        )  # fmt: skip
        if sides.answered and merged.to_remote and _BRAKE.stops((*sides.round_trips, now()), now()):
            return replace(found, goes_round=True)
        told = self._tell_of(item, sides, merged)
        if not merged.to_remote:
            return found
        try:
            written = remote.writer(sides.stream, item.mailbox).update(
                present.remote_id, self._values(sides, merged.to_remote), version=present.version, key=item.key
            )
        except ConflictError:
            self._forget_conflicts(told)
            raise
        except GoneError:
            return Merging(sides.remote_id, is_gone=True, ours=sides.ours)
        answer = self._read(sides, written.remote_id, written.payload or {})
        return replace(
            found, remote_id=written.remote_id, version=written.version, payload=written.payload, wrote=True,
            changed_at=answer.updated_at,
        )  # fmt: skip

    def _sides(self, item: Item) -> _Sides | None:
        """Return where both sides stand; None: they need not be looked at."""
        with self.db.read() as session:
            link = session.get(Link, item.payload["link"])
            shared = session.scalar(select(SharedRecord).where(SharedRecord.link_id == item.payload["link"]))
            if link is None or shared is None or link.gone_at is not None or shared.frozen_at is not None:
                return None
            account, party = session.get_one(Account, link.account_id), session.get_one(Party, link.party_id)
            if party.status != PartyStatus.ACTIVE or not in_step.writes(account):
                return None
            region = account.region or self.region
            mapping = self._counting(session, account, link.stream)
            policies = in_step.policies(mapping, region)
            ours = in_step.of_parties(session, [party])[party.id]
            if not in_step.difference(shared.ours, ours, {}) & policies.keys():
                return None
            claims = select(Claim.field, func.max(Claim.observed_at)).where(Claim.party_id == party.id)
            return _Sides(
                link_id=link.id, account=account, stream=link.stream, remote_id=link.remote_id, party_id=party.id,
                base=shared.base, before=shared.ours, ours=ours,
                ours_at={name: _aware(at) for name, at in session.execute(claims.group_by(Claim.field))},
                round_trips=tuple(datetime.fromisoformat(one) for one in shared.round_trips), answered=shared.answered,
                region=region, mapping=mapping, policies=policies,
            )  # fmt: skip

    def _counting(self, session: Session, account: Account, stream: str) -> RecordMapping:
        """Return the mapping that counts; while an administrator's no longer fits, what is to be written waits for it."""
        try:
            return self.mapping(session, account, stream)
        except MappingError as error:
            raise RetryLaterError(str(error)) from error

    def _read(self, sides: _Sides, remote_id: str, payload: dict[str, Any]) -> Record:
        """Return what a record of the remote says, as its mapping reads it."""
        account = sides.account
        context = Context(sides.region, account.time_zone or self.time_zone)
        return said(apply(sides.mapping, payload, context, record_id=remote_id))

    def _values(self, sides: _Sides, fields: Mapping[str, Any]) -> dict[str, Any]:
        """Return fields as writers take them: entries of lists with the remote's word for what is new."""
        with self.db.read() as session:
            return _labelled(session, sides.party_id, fields)

    def _tell_of(self, item: Item, sides: _Sides, merged: Merged) -> list[str]:
        """Keep what is about to be given up, before it is overwritten."""
        rows = [_conflict(item, sides, one) for one in merged.conflicts]
        if not rows:
            return []
        with self.db.write() as session:
            known = set(session.scalars(select(Conflict.fingerprint).where(Conflict.link_id == sides.link_id)))
            new = [row for row in rows if row.fingerprint not in known]
            session.add_all(new)
            return [row.fingerprint for row in new]

    def _forget_conflicts(self, fingerprints: Sequence[str]) -> None:
        if fingerprints:
            with self.db.write() as session:
                session.execute(delete(Conflict).where(Conflict.fingerprint.in_(fingerprints)))

    # --- make -----------------------------------------------------------------------------------------------------

    def _make(self, remote: Remote, item: Item) -> Making:
        """Make a contact of a party; one that an earlier try may have made is looked for first."""
        stream = str(item.payload["stream"])
        with self.db.write() as session:
            party = parties.now_is(session, item.payload["party"])
            account = session.get_one(Account, item.account_id)
            if party is None:
                raise NotFoundError("There is no such customer any more.")
            if not in_step.writes(account):
                raise RejectedError("The settings of this connection let nobody write to its contacts.")
            mapping = self._counting(session, account, stream)
            policies = in_step.policies(mapping, account.region or self.region)
            ours = in_step.of_parties(session, [party])[party.id]
            values = _labelled(session, party.id, {name: ours[name] for name in policies if name in ours})
            tried_at = item.payload.get("tried_at")
            is_unseen = tried_at is not None and now() - datetime.fromisoformat(tried_at) < SHOWN_AFTER
            if not is_unseen:  # if this try's answer is lost, the next one knows when it was
                payload = {**item.payload, "tried_at": now().isoformat()}
                session.execute(update(Outbox).where(Outbox.id == item.id).values(payload=payload))
        told = {"again": item.again, "unseen": is_unseen}
        written = remote.writer(stream, item.mailbox).create({**values, **told}, key=item.key)
        return Making(written.remote_id, written.version, written.payload, written.container, ours=ours)

    # --- sent -----------------------------------------------------------------------------------------------------

    def sent(self, session: Session, item: Item, written: Written | None) -> None:
        """Follow on our side what became of both: what the remote changed goes to the party."""
        in_turn(session, Party.__tablename__)  # as whoever takes records in, and in the same order
        match written:
            case Making():
                self._made(session, item, written)
            case Merging(is_gone=True):
                gone = update(Link).where(Link.id == item.payload["link"], Link.gone_at.is_(None))
                session.execute(gone.values(gone_at=now()))
            case Merging(goes_round=True):
                if (shared := _shared(session, item.payload["link"])) is not None:
                    shared.frozen_at = now()
            case Merging():
                self._merged(session, item, written)

    def _merged(self, session: Session, item: Item, written: Merging) -> None:
        shared = _shared(session, item.payload["link"])
        if shared is None:
            return
        link = session.get_one(Link, shared.link_id)
        account = session.get_one(Account, link.account_id)
        sides = self._both(session, link, account)
        after = in_step.of_record(self._read(sides, written.remote_id, written.payload or {}))
        # In these the remote still says something else than the hub would have there: that is what it changed.
        shared.base = {
            name: value
            for name in in_step.FIELDS
            if (value := (written.base if name in written.to_hub else after).get(name)) is not None
        }
        shared.ours = dict(written.ours)
        session.flush()
        self.take(session, account.id, link.stream, written)
        session.refresh(shared)
        if written.wrote:
            if shared.pushed_hash:
                shared.earlier = [shared.pushed_hash, *shared.earlier][: in_step.EARLIER]
            if written.follows:
                shared.round_trips = [*shared.round_trips, now().isoformat()][-ROUND_TRIPS:]
            shared.pushed_hash = in_step.fingerprint(after, in_step.keys(sides.region))
            shared.pushed_at, shared.version, shared.answered = written.changed_at, written.version, False

    def _made(self, session: Session, item: Item, written: Making) -> None:
        stream, account = str(item.payload["stream"]), session.get_one(Account, item.account_id)
        query = select(Link).where(
            Link.account_id == account.id, Link.stream == stream, Link.remote_id == written.remote_id
        )
        if (link := session.scalar(query)) is None:
            party = parties.now_is(session, item.payload["party"])
            number = party.id if party is not None else item.payload["party"]
            link = Link(
                party_id=number, origin_party_id=number, account_id=account.id, stream=stream,
                remote_id=written.remote_id,
            )  # fmt: skip
            session.add(link)
            session.flush()
        self.take(session, account.id, stream, written)
        if (shared := _shared(session, link.id)) is None:
            return
        record = self._read(self._both(session, link, account), written.remote_id, written.payload or {})
        shared.ours = dict(written.ours)
        shared.pushed_hash = in_step.fingerprint(in_step.of_record(record), in_step.keys(account.region or self.region))
        shared.pushed_at, shared.version = record.updated_at, written.version
        session.flush()
        in_step.tell(session, [link.party_id])  # what changed while it was being made

    def _both(self, session: Session, link: Link, account: Account) -> _Sides:
        region, mapping = account.region or self.region, self.mapping(session, account, link.stream)
        return _Sides(
            link.id, account, link.stream, link.remote_id, link.party_id, {}, {}, {}, {}, (), answered=False,
            region=region, mapping=mapping, policies={},
        )  # fmt: skip

    def refused(self, session: Session, item: Item, why: str) -> None:
        """Leave it: both sides stay as they are, and the account's page shows it with the reason."""


def add(session: Session, party: Party, account_id: int, stream: str, *, mailbox: str, user_id: int | None) -> None:
    """Let a party be made a contact in an address book; asked twice, it is made once."""
    key = key_of(session, party, account_id, stream)
    in_step.plan_new(session, party.id, account_id, stream, key, mailbox=mailbox, user_id=user_id)


def key_of(session: Session, party: Party, account_id: int, stream: str) -> str:
    """Return the key by which a party is made a contact; one that was deleted there may be made anew."""
    there = (Link.party_id == party.id, Link.account_id == account_id, Link.stream == stream)
    before = session.scalar(select(func.count()).select_from(Link).where(*there)) or 0
    return f"{in_step.KIND}:new:{account_id}:{stream}:{party.public_id}:{before}"


def _present(remote: Remote, sides: _Sides) -> Upsert | None:
    """Return the contact as it is now; None: it is no more, or no more for the hub."""
    stream = remote.stream(sides.stream)
    if not isinstance(stream, Findable):
        raise RejectedError("Contacts of this account cannot be looked at one by one.")
    found: Sequence[Change] = stream.find([sides.remote_id])
    # Several: it got another name, and whoever asks for the old one is told of both.
    upserts = [one for one in found if isinstance(one, Upsert)]
    if not upserts and not any(isinstance(one, Gone) or one.remote_id == sides.remote_id for one in found):
        raise RetryLaterError("The remote did not say what became of the contact.")
    return upserts[0] if upserts else None


def _merge(sides: _Sides, wanted: Mapping[str, Any], theirs: Mapping[str, Any], theirs_at: datetime | None) -> Merged:
    """Merge field by field, each with its own time of the hub's change."""
    to_remote: dict[str, Any] = {}
    to_hub: dict[str, Any] = {}
    conflicts: list[merging.Conflict] = []
    for name, policy in sides.policies.items():
        one = merging.merge(
            sides.base, wanted, theirs, policies={name: policy}, ours_at=sides.ours_at.get(name), theirs_at=theirs_at
        )
        to_remote |= one.to_remote
        to_hub |= one.to_hub
        conflicts += one.conflicts
    return Merged(to_remote, to_hub, tuple(conflicts))


def _labelled(session: Session, party_id: int, fields: Mapping[str, Any]) -> dict[str, Any]:
    query = select(Identifier.value, Identifier.label).where(Identifier.party_id == party_id)
    kinds = dict(session.execute(query).all()) if fields.keys() & in_step.POINTING.keys() else {}
    return {
        name: [{"value": one, "label": LABELS.get(kinds.get(one, ""), "")} for one in value or ()]
        if name in in_step.LISTS
        else value
        for name, value in fields.items()
    }


def _conflict(item: Item, sides: _Sides, one: merging.Conflict) -> Conflict:
    told = json.dumps([item.key, one.field, one.entry, one.ours, one.theirs], ensure_ascii=True, sort_keys=True)
    return Conflict(
        link_id=sides.link_id, party_id=sides.party_id, account_id=sides.account.id, field=one.field, entry=one.entry,
        base={"value": one.base}, ours={"value": one.ours}, theirs={"value": one.theirs}, winner=str(one.winner),
        fingerprint=hashlib.sha256(told.encode()).hexdigest(),
    )  # fmt: skip


def _shared(session: Session, link_id: int) -> SharedRecord | None:
    return session.scalar(select(SharedRecord).where(SharedRecord.link_id == link_id).with_for_update())


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
