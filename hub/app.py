"""The one place that wires every part together; also the ASGI app of `hub up`."""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import cache, partial
from gettext import NullTranslations
from importlib import import_module
from typing import Any
from uuid import UUID

from a2wsgi import WSGIMiddleware
from flask import Flask
from sqlalchemy import ColumnElement, delete
from sqlalchemy.orm import Session

from hub import flow as flows
from hub import log, replays
from hub.accounting import attachments, check
from hub.connector.contract import Connector
from hub.connector.stream import Lane, Remote
from hub.context import Hub
from hub.crm import plan as crm_plan
from hub.crm.deliver import CrmKind
from hub.crm.wish import Maker
from hub.cti import adopt, backfill, recordings
from hub.cti.listener import HEARD, Settled
from hub.cti.models import Recording, RecordingState
from hub.cti.switchboard import Switchboard
from hub.cti.telephone import Telephone
from hub.errors import ConfigError, ConnectorError
from hub.events import tell
from hub.exports.write import Source
from hub.flow import Flow, open_flow, take_calls
from hub.identity import in_step, photos
from hub.identity.merging import background as merging
from hub.identity.models import ContactPhoto, Merge
from hub.identity.resolving import second_look
from hub.identity.reviewing import look as duplicates
from hub.identity.reviewing.models import DuplicateLook
from hub.identity.write_back import ContactKind
from hub.imports import batches as imports
from hub.imports.models import ImportBatch
from hub.imports.run import Importer
from hub.intake import accounts, audit, channels, due, health, named, read, watch
from hub.intake.channels import Channels
from hub.intake.models import Account, AccountState, RawRecord, RawState, StreamState
from hub.intake.read import Progress, Reader
from hub.leads import feedback, stages
from hub.leads import news as lead_news
from hub.leads.feedback import StageKind
from hub.live.bus import open_bus
from hub.live.events import Live
from hub.mail import blocks, files, write
from hub.mail.deliver import MailKind
from hub.mail.models import MailBlock, MailFile
from hub.mapping.models import Replay
from hub.meetings import book
from hub.meetings import take as meetings
from hub.meetings.deliver import MeetingKind
from hub.messages import adopt as message_adopt
from hub.messages import media as message_media
from hub.messages import news as message_news
from hub.messages import write as message_write
from hub.messages.deliver import MessageKind
from hub.messages.models import MessageMedia
from hub.notice import follow as notices
from hub.notice.carrier import Carrier
from hub.notice.endpoints import Letters
from hub.notice.mailbox import open_mailboxes
from hub.notice.models import Notice
from hub.notice.rule_letters import RuleLetters
from hub.notice.send import open_smtp
from hub.notice.tell import Teller
from hub.outbound import deliver, outbox
from hub.outbound.deliver import Deliverer, Kind
from hub.outbound.models import Outbox
from hub.privacy import erase, retention
from hub.privacy.models import Erasure, RetentionRule
from hub.privacy.shelves import shelves
from hub.privacy.steps import Eraser
from hub.records.document import DOCUMENT
from hub.records.mail import Attachment
from hub.remotes import Remotes
from hub.replays import Replayer
from hub.rules import desk as rules
from hub.rules import engine as rule_engine
from hub.rules import notices as rule_notices
from hub.search import backfill as texts
from hub.security import embedding, sessions, suppression
from hub.security.limits import open_limiter
from hub.security.vault import open_vault
from hub.settings import Settings
from hub.sources import Watcher
from hub.store.base import now
from hub.store.migrate import upgrade
from hub.store.session import Database, open_engine
from hub.timeline import note_files
from hub.web import assets, i18n
from hub.web.api import idempotency
from hub.web.auth import in_force, session_of, session_of_frame
from hub.web.factory import make_flask
from hub.web.short import Short
from hub.webhooks import endpoints as webhook_endpoints
from hub.webhooks import plan as webhook_plan
from hub.webhooks.models import WebhookEndpoint
from hub.webhooks.send import Sender, judge_silent
from hub.work import schedule
from hub.work.lease import Lease, LeaseLostError, release
from hub.work.trigger import Carrier as TriggerCarrier
from hub.work.trigger import open_trigger
from hub.work.worker import Job, Sweep, Trigger, Turn, Workers

HEARD_DAYS = 7  # how long what a webhook said is kept after it was understood
EVENTS = "events"  # there is something for those who send webhooks
PULLERS = 2  # queues that are waited at together; most hubs have one
SESSION_DAYS = 90  # how long ended sign-ins are kept
_log = log.get(__name__)

Message = MutableMapping[str, Any]
AsgiApp = Callable[[Message, Callable[[], Awaitable[Message]], Callable[[Message], Awaitable[None]]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Running:
    """The background parts of one process."""

    hub: Hub
    workers: Workers | None
    switchboard: Switchboard | None
    pullers: Workers | None = None
    senders: Workers | None = None

    def close(self) -> None:
        if self.senders is not None:
            self.senders.close()
        if self.pullers is not None:
            self.pullers.close()
        if self.switchboard is not None:
            self.switchboard.close()
        if self.workers is not None:
            self.workers.close()


def create_hub(settings: Settings, *, migrate: bool = True) -> Hub:
    """Open everything a process needs; starts no thread of work.

    Raises:
        ConfigError: names the setting that is wrong.
    """
    engine = open_engine(settings.database_url, pool_size=settings.database.pool_size)
    if migrate:
        upgrade(engine)
    db = Database(engine)
    vault = open_vault(settings.key_file)
    suppression.arm(db, vault)
    connectors = load_connectors(settings)
    limiter = open_limiter(settings)
    remotes = Remotes(settings, db, vault, connectors)
    trigger = open_trigger(settings)
    db.when_written(partial(_say_what_waits, trigger))
    adopt.watch()
    message_adopt.watch()
    return Hub(
        settings=settings,
        db=db,
        vault=vault,
        bus=open_bus(settings),
        connectors=connectors,
        telephone=Telephone(settings, db, vault, connectors, limiter),
        limiter=limiter,
        flow=open_flow(
            settings,
            own={name: one.transforms for name, one in connectors.items() if one.transforms},
            connectors=connectors,
        ),
        remotes=remotes,
        trigger=trigger,
    )


def _say_what_waits(trigger: TriggerCarrier, session: Session) -> None:
    """Say that something happened that somebody listens to, or is to be written somewhere, once it is in the database."""
    if session.info.get(tell.TOLD):
        trigger.notify(EVENTS)
    if session.info.get(outbox.STORED):
        trigger.notify("outbox")
    if session.info.get(rule_engine.WAITING):
        trigger.notify("rules")


def close_hub(hub: Hub) -> None:
    """Close connections."""
    hub.trigger.close()
    hub.bus.close()
    hub.db.close()


def load_connectors(settings: Settings) -> dict[str, Connector[Any]]:
    """Import the connectors that the settings list."""
    found = {}
    for name in settings.hub.connectors:
        try:
            found[name] = import_module(f"connectors.{name}").CONNECTOR
        except ModuleNotFoundError as error:
            raise ConfigError(f"hub.connectors: there is no connector {name!r} ({error})") from None
    return found


def create_app(hub: Hub) -> Flask:
    """Return the web application."""
    return make_flask(hub)


def create_asgi(hub: Hub, *, web: bool = True) -> AsgiApp:
    """Return the ASGI app: event streams, and with `web` the pages, the API and the hooks too."""
    otherwise: Any = not_here
    if web:
        bridge = WSGIMiddleware(create_app(hub), workers=hub.settings.server.threads)  # type: ignore[arg-type]  # Flask is a WSGI app
        otherwise = Short(bridge)
    return Live(
        hub.bus,
        partial(session_of, hub),
        partial(in_force, hub),
        otherwise,
        ping_s=hub.settings.live.ping_s,
        session_of_frame=partial(session_of_frame, hub),
        version=assets.version(),
    )


async def not_here(
    scope: Message, receive: Callable[[], Awaitable[Message]], send: Callable[[Message], Awaitable[None]]
) -> None:
    """Answer everything but event streams: this process serves no pages."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    await send({"type": "http.response.start", "status": 404, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": b"only /events is served here\n"})


def start(hub: Hub, *, work: bool = True, listen: bool = True) -> Running:
    """Start the background parts."""
    workers = _workers(hub) if work else None
    pullers = _pullers(hub) if work else None
    senders = _senders(hub) if work else None
    switchboard = _switchboard(hub) if listen else None
    if pullers is not None:
        pullers.start()
    if workers is not None and senders is not None:
        workers.start()
        senders.start()
        hub.trigger.deliver_to(_Several(workers, senders))
    if switchboard is not None:
        switchboard.start()
    return Running(hub, workers, switchboard, pullers, senders)


@dataclass(frozen=True, slots=True)
class _Several:
    """Passes on what is due to those whose work it is."""

    workers: Trigger
    senders: Trigger

    def notify(self, kind: str) -> None:
        (self.senders if kind == EVENTS else self.workers).notify(kind)


def settled_of(flow: Flow) -> Settled:
    """Return what finished calls go through."""
    return partial(take_calls, flow)


def _switchboard(hub: Hub) -> Switchboard:
    def history_due(account_id: int) -> None:
        with hub.db.write() as session:
            backfill.due(session, account_id, now())
        hub.trigger.notify("history")

    return Switchboard(hub.settings, hub.db, hub.bus, hub.telephone, settled=settled_of(hub.flow), backfill=history_due)


def _workers(hub: Hub) -> Workers:
    work, calls = hub.settings.work, hub.settings.calls

    def look(lease: Lease) -> None:
        recordings.look(hub.db, lease, hub.telephone.exchange, lost_h=calls.recording_lost_h)

    def nightly(session: Session) -> None:
        schedule.forget(session, now())
        idempotency.forget(session)
        sessions.purge(session, now() - timedelta(days=SESSION_DAYS))
        embedding.forget(session)
        recordings.purge(session, days=calls.recording_days)
        old = now() - timedelta(days=HEARD_DAYS)
        read.forget(session)
        named.forget(session)
        deliver.forget(session)
        notices.forget(session)
        check.forget(session, now())
        tell.forget(session)
        webhook_endpoints.forget(session)
        rules.forget(session)
        rule_notices.forget(session)
        session.execute(
            delete(RawRecord).where(
                RawRecord.stream == HEARD, RawRecord.state == RawState.APPLIED, RawRecord.received_at < old
            )
        )

    def history(lease: Lease) -> None:
        read_history(hub, lease)

    def records(session: Session) -> None:
        flows.waiting(hub.flow, session)

    outgoing = deliverer(hub)
    told = teller(hub)
    letters = webhook_letters(hub)
    answer_within = timedelta(minutes=hub.settings.leads.answer_within_min)
    zone, region = hub.settings.hub.time_zone, hub.settings.hub.region

    return Workers(
        hub.db,
        [
            Job("recordings", Recording, _recording_due, look),
            Job("history", StreamState, _history_due, history),
            Job("streams", StreamState, partial(due.due, backfill=work.backfill), reader(hub).read, first=due.first),
            Job("named", StreamState, named.due, finder(hub).find),
            Job("audit", StreamState, audit.due, partial(run_audit, hub)),
            Job("push", StreamState, channels.due, push_channels(hub).keep),
            Job("watch", StreamState, watch.due, partial(watch.look, hub.db, hub.remotes.open)),
            Job("files", MailFile, files.due, fetcher(hub).fetch),
            Job("blocks", MailBlock, blocks.due, partial(take_back, hub)),
            Job("outbox", Outbox, outgoing.due, outgoing.deliver, first=outgoing.first),
            Job("photos", ContactPhoto, photos.due, photo_fetcher(hub).fetch, first=photos.first),
            Job("media", MessageMedia, message_media.due, media_fetcher(hub).fetch, first=message_media.first),
            Job("replays", Replay, replays.due, replayer(hub).run, first=replays.first),
            Job("merges", Merge, merging.due, mover(hub).run, first=merging.first),
            Job("duplicates", DuplicateLook, duplicates.due, looker(hub).run),
            Job("imports", ImportBatch, imports.due, importer(hub).run, first=imports.first),
            Job("erasures", Erasure, erase.due, partial(erase.run, eraser(hub))),
            Job("retention", RetentionRule, retention.due, partial(retention.follow, keeper(hub))),
            *([Job("notices", Notice, told.due, told.tell, first=told.first)] if told else []),
        ],
        [
            Turn("nightly", timedelta(days=1), nightly),
            Turn("duplicates", timedelta(days=1), duplicates.plan),
            Turn("health", timedelta(minutes=1), partial(health.refresh_all, posted=health.posted(hub.connectors))),
            Turn("notices", timedelta(minutes=1), partial(follow_incidents, hub, can_tell=told is not None)),
            Turn("files", timedelta(days=1), partial(_purge_files, hub)),
            Turn("audits", timedelta(hours=1), audit.plan),
            Turn("push", timedelta(minutes=1), partial(channels.plan, public_url=channels.reached_at(hub.settings))),
            Turn("watch", timedelta(minutes=1), partial(watch.plan, connectors=watch.watched(hub.connectors))),
            Turn("meetings", timedelta(minutes=5), partial(_look_at_meetings, hub)),
            Turn("contacts", timedelta(minutes=1), partial(keep_contacts, hub)),
            Turn("leads", timedelta(seconds=10), _advance_leads),
            Turn("attachments", timedelta(minutes=2), then=partial(_take_attachments, hub)),
            Turn("sources", timedelta(minutes=2), then=Watcher(hub.db, hub.flow).turn),
            Turn("silent webhooks", timedelta(hours=1), judge_silent),
            *([Turn("webhook letters", timedelta(minutes=1), then=letters.turn)] if letters else []),
            Turn("crm", timedelta(minutes=2), crm_plan.again),
            Turn("crm history", timedelta(days=1), crm_plan.look_again),
            Turn("lead feedback", timedelta(minutes=1), partial(plan_feedback, hub)),
            Turn("rules", timedelta(minutes=1), partial(rule_engine.clock, zone=zone, region=region)),
            Turn("rule letters", timedelta(seconds=20), then=rule_letters(hub).turn),
        ],
        [
            Sweep(
                "records",
                lambda session: flows.has_waiting(hub.flow, session),
                records,
            ),
            Sweep("search", texts.waits, texts.page),
            Sweep("second looks", second_look.waits, second_look.page),
            Sweep("lead news", partial(lead_news.waits, answer_within=answer_within), partial(tell_leads, hub)),
            Sweep("crm history", crm_plan.waits, crm_plan.page),
            Sweep("message news", message_news.waits, partial(tell_messages, hub)),
            Sweep("rules", rule_engine.waits, partial(rule_engine.page, zone=zone, region=region)),
            Sweep("rule notices", rule_notices.waits, partial(tell_notices, hub)),
        ],
        threads=work.threads,
        lease_s=work.lease_s,
        heartbeat_s=work.heartbeat_s,
        look_s=work.reconcile_s,
    )


def _pullers(hub: Hub) -> Workers:
    """Return who waits at queues of notifications: threads of their own, because most of the time nothing comes."""
    work = hub.settings.work
    job = Job("pull", StreamState, channels.to_pull, push_channels(hub).fetch)
    return Workers(
        hub.db, [job], threads=min(PULLERS, work.threads), lease_s=work.lease_s, heartbeat_s=work.heartbeat_s,
        look_s=work.reconcile_s,
    )  # fmt: skip


def _senders(hub: Hub) -> Workers:
    """Return who hands events on and sends webhooks: threads of their own, so that receivers that hang harm nobody else."""
    work, one = hub.settings.work, sender(hub)
    job = Job("webhooks", WebhookEndpoint, one.due, one.run, first=one.first)
    return Workers(
        hub.db, [job], sweeps=[Sweep("events", tell.waits, hand_on_events)], threads=hub.settings.webhooks.threads,
        lease_s=work.lease_s, heartbeat_s=work.heartbeat_s, look_s=work.reconcile_s, one_by_one=True,
    )  # fmt: skip


def sender(hub: Hub) -> Sender:
    """Return what sends webhooks."""
    return Sender(hub.db, hub.vault, hub.settings.webhooks)


def hand_on_events(session: Session) -> None:
    """Let everybody who listens plan what they do about what happened."""
    tell.hand_on(session, [webhook_plan.take, crm_plan.take, rule_engine.take])


def push_channels(hub: Hub) -> Channels:
    """Return what opens and hears the push channels of all accounts."""
    wake = partial(hub.trigger.notify, "streams")
    return Channels(hub.db, hub.vault, hub.remotes.open, channels.reached_at(hub.settings), wake)


def _look_at_meetings(hub: Hub, session: Session) -> None:
    meetings.look_again(session, zone=hub.settings.hub.time_zone)


def _take_attachments(hub: Hub) -> None:
    """Hand files of mails to the accounts that want them."""
    shelf, limits = files.shelf(hub.settings), files.limits(hub.settings)
    attachments.Attachments(hub.db, hub.remotes.open, shelf, limits).turn()


def _advance_leads(session: Session) -> None:
    stages.advance(session)


def plan_feedback(hub: Hub, session: Session) -> None:
    """Plan what the sources of leads are told of them, where they want to know."""
    feedback.plan(session, lambda account: hub.remotes.writes(account, feedback.RECORDS))


def tell_leads(hub: Hub, session: Session) -> None:
    """Tell people of new leads, and everybody of those that nobody answered."""
    for one in lead_news.take(session, timedelta(minutes=hub.settings.leads.answer_within_min)):
        for user_id in one.users:
            hub.bus.tell(user_id, one.event, one.as_json())


def tell_messages(hub: Hub, session: Session) -> None:
    """Tell people of new messages."""
    for one in message_news.take(session):
        for user_id in one.users:
            hub.bus.tell(user_id, message_news.EVENT, one.as_json())


def tell_notices(hub: Hub, session: Session) -> None:
    """Show people what rules tell them."""
    for one in rule_notices.take(session):
        hub.bus.tell(one.user_id, rule_notices.EVENT, one.as_json())


def keep_contacts(hub: Hub, session: Session) -> None:
    """Keep the contacts of accounts in step that write them back, and forget those of accounts that do not."""
    for account in accounts.listed(session):
        if not hub.remotes.reads(account):
            continue
        if not in_step.writes(account):
            in_step.forget(session, account)
            continue
        books = {state.records: state.mailbox for state in read.wanted(session, account.id)}
        for records, mailbox in books.items():
            is_contacts = hub.flow.kind(account.connector, records) == "party"
            if is_contacts and hub.remotes.writes(account, records, mailbox):
                flows.keep_in_step(hub.flow, session, account, records)


def follow_incidents(hub: Hub, session: Session, *, can_tell: bool) -> None:
    """Follow which accounts need a person, and decide who is told."""
    notices.follow(session, patience=timedelta(minutes=hub.settings.smtp.tell_after_min), can_tell=can_tell)


def _carrier(hub: Hub) -> Carrier | None:
    return open_smtp(hub.settings) or open_mailboxes(hub.settings, hub.db, hub.remotes.open)


def webhook_letters(hub: Hub) -> Letters | None:
    """Return what tells administrators that a webhook endpoint is off; None: there is no way to."""
    carrier = _carrier(hub)

    def page(endpoint: UUID) -> str:
        return f"{hub.settings.public_url}/admin/webhooks/{endpoint}"

    return Letters(hub.db, carrier, hub.settings, _catalog, page) if carrier else None


def rule_letters(hub: Hub) -> RuleLetters:
    """Return what sends the mails of rules."""

    def page(party: UUID) -> str:
        return f"{hub.settings.public_url}/customers/{party}"

    return RuleLetters(hub.db, _carrier(hub), hub.settings, _catalog, page)


def teller(hub: Hub) -> Teller | None:
    """Return what tells people that an account needs them; None: there is no way to."""
    carrier = _carrier(hub)

    def page(account: UUID) -> str:
        return f"{hub.settings.public_url}/connections/{account}"

    return Teller(hub.db, carrier, hub.settings, _catalog, page) if carrier else None


@cache
def _catalog(language: str) -> NullTranslations:
    return i18n.load(i18n.FOLDER / language / "LC_MESSAGES" / "messages.po")


def fetcher(hub: Hub) -> files.Fetcher:
    """Return what fetches the files of mails."""
    return files.Fetcher(hub.db, hub.remotes.open, partial(_attachments_of, hub), files.shelf(hub.settings))


def _attachments_of(hub: Hub, account: Account, raw: RawRecord) -> Sequence[Attachment]:
    """Return the files of a mail as one mailbox has it: providers number them each in their own way."""
    return files.attachments(_values_of(hub, account, raw.stream, raw.payload, raw.remote_id))


def _values_of(
    hub: Hub, account: Account, stream: str, payload: Mapping[str, Any], remote_id: str
) -> Mapping[str, Any]:
    """Return what the mapping that counts makes of a payload that was just read."""
    with hub.db.read() as session:
        return flows.values_of(hub.flow, session, account, stream, payload, remote_id)


def take_back(hub: Hub, lease: Lease) -> None:
    """Take back the stored mail of what somebody blocked."""
    blocks.take_back(hub.db, lease, flows.Taker(hub.flow).withdraw)


def photo_fetcher(hub: Hub) -> photos.Fetcher:
    """Return what fetches the pictures of contacts."""
    return photos.Fetcher(hub.db, hub.remotes.open, photos.shelf(hub.settings))


def media_fetcher(hub: Hub) -> message_media.Fetcher:
    """Return what fetches the files of messages."""
    return message_media.Fetcher(hub.db, hub.remotes.open, message_media.shelf(hub.settings))


def _purge_files(hub: Hub, session: Session) -> None:
    """Purge the shelves, each with the rows that point to it."""
    message_media.purge(session, message_media.shelf(hub.settings))
    files.purge(session, files.shelf(hub.settings))
    photos.purge(session, photos.shelf(hub.settings))
    note_files.purge(session, note_files.shelf(hub.settings))
    imports.purge(session, hub.settings)


def reader(hub: Hub, progress: Progress | None = None) -> Reader:
    """Return what reads the streams of all accounts."""
    return Reader(hub.db, hub.remotes.open, flows.Taker(hub.flow), progress=progress)


def replayer(hub: Hub) -> Replayer:
    """Return what runs mappings again over history."""
    return Replayer(hub.db, hub.flow, lease_s=hub.settings.work.lease_s)


def eraser(hub: Hub) -> Eraser:
    """Return what erases people."""
    return Eraser(hub.db, hub.vault, shelves(hub.settings), hub.telephone.exchange, hub.settings.work.lease_s)


def export_source(hub: Hub) -> Source:
    """Return what exports are read from."""
    return Source(hub.db, shelves(hub.settings), hub.telephone.exchange)


def keeper(hub: Hub) -> retention.Keeper:
    """Return what takes away what is too old."""
    return retention.Keeper(hub.db, shelves(hub.settings), hub.telephone.exchange, hub.settings.work.lease_s)


def importer(hub: Hub) -> Importer:
    """Return what takes in the files that people bring."""
    return Importer(hub.db, hub.flow, hub.settings)


def mover(hub: Hub) -> merging.Mover:
    """Return what moves the history of merged customers."""
    return merging.Mover(hub.db, lease_s=hub.settings.work.lease_s)


def looker(hub: Hub) -> duplicates.Looker:
    """Return what looks for duplicates among all customers."""
    return duplicates.Looker(hub.db, lease_s=hub.settings.work.lease_s)


def finder(hub: Hub) -> named.Finder:
    """Return what asks remotes for the records that their notifications named."""
    return named.Finder(hub.db, hub.remotes.open, flows.Taker(hub.flow))


def deliverer(hub: Hub) -> Deliverer:
    """Return what sends the outbox."""
    arrived, general = partial(flows.take_written, hub.flow), hub.settings.hub
    kinds: Mapping[str, Kind] = {
        write.KIND: MailKind(hub.db, arrived, general.language, general.time_zone),
        book.KIND: MeetingKind(hub.db, arrived, partial(_values_of, hub), general.time_zone),
        in_step.KIND: contact_kind(hub),
        message_write.KIND: MessageKind(hub.db, arrived, general.region),
        feedback.KIND: StageKind(hub.db),
        crm_plan.KIND: CrmKind(hub.db, partial(crm_maker, hub)),
    }
    return Deliverer(hub.db, hub.remotes.open, kinds)


def crm_maker(hub: Hub) -> Maker:
    """Return what says what stands in CRMs."""
    return Maker(_catalog(hub.settings.hub.language), hub.settings.public_url)


def contact_kind(hub: Hub) -> ContactKind:
    """Return what brings contacts in step."""
    take = partial(flows.take_shared, hub.flow)
    return ContactKind(hub.db, hub.flow.present, take, hub.settings.hub.region, hub.settings.hub.time_zone)


def run_audit(hub: Hub, lease: Lease, *, lane: Lane = Lane.BACKFILL) -> audit.Audit:
    """Compare one stream with its remote."""
    return audit.audit(hub.db, lease, hub.remotes.open, reader(hub), lane=lane, also=partial(_check_ledger, hub))


def _check_ledger(
    hub: Hub, account: Account, remote: Remote, records: str, fetch: Callable[[Sequence[str]], int]
) -> str:
    """Compare a ledger's own sums with ours, where the stream is one of documents."""
    if hub.flow.kind(account.connector, records) != DOCUMENT:
        return ""
    found = check.check(hub.db, account, remote, records, fetch)
    return check.said(found) if found else ""


def _recording_due() -> ColumnElement[bool]:
    return (Recording.state == RecordingState.PENDING) & (Recording.due_at <= now())


def _history_due() -> ColumnElement[bool]:
    return (StreamState.stream == backfill.HISTORY) & (StreamState.due_at <= now())


def read_history(
    hub: Hub,
    lease: Lease,
    *,
    full: bool = False,
    progress: Callable[[str, int], None] = lambda _, __: None,
) -> dict[str, int]:
    """Read one exchange's own records and say when next; an error waits, visibly, and is tried again."""
    with hub.db.read() as session:
        stream = session.get_one(StreamState, lease.id)
        account = session.get_one(Account, stream.account_id)
        asked_at = stream.due_at
    if account.state != AccountState.ACTIVE or not hub.telephone.is_exchange(account):
        with hub.db.write() as session:
            release(session, StreamState, lease, due_at=None)
        return {}
    counts: dict[str, int] = {}
    error = ""
    try:
        counts = backfill.read(
            hub.db,
            lease,
            hub.telephone.exchange(account),
            settled_of(hub.flow),
            region=account.region or hub.settings.hub.region,
            overlap_min=hub.settings.calls.backfill_overlap_min,
            full=full,
            progress=progress,
        )
    except LeaseLostError:
        return {}
    except ConnectorError as problem:
        error = str(problem)
        _log.warning("call records cannot be read", account=account.name, error=error)
    moment = now()
    with hub.db.write() as session:
        stream = session.get_one(StreamState, lease.id)
        # A gap noticed while we read is still to be read.
        next_at = backfill.next_due(stream, moment) if stream.due_at == asked_at else stream.due_at
        values = {"due_at": next_at, "last_error": error, "counts": counts}
        if not error:
            values["last_run_at"] = moment
        release(session, StreamState, lease, **values)
    if error and full:
        raise ConnectorError(error)
    return counts
