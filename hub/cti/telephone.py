"""What a person can do with the telephone: dial, hang up, hand on, pause a recording, listen to it.

Every action is a short connection of its own to the exchange; nothing is tried twice, since a repeated order would
ring twice.
"""

import re
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, BinaryIO
from uuid import UUID

from limits import parse
from limits.strategies import FixedWindowRateLimiter
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.connector.contract import Connector, Delivered
from hub.connector.exchange import DialOrder, Exchange, FileFacts
from hub.cti.directory import load
from hub.cti.history import took_part
from hub.cti.listener import HEARD, Listener
from hub.cti.models import CallRow, Click, EndpointRule, Extension, LegRow, Recording, RecordingState
from hub.errors import AuthError, ConnectorError, ForbiddenError, GoneError, NotFoundError, RejectedError, UserError
from hub.identity.phone import PhoneContext, as_dialled, dialable
from hub.intake import accounts, receive
from hub.intake.models import Account, AccountState
from hub.security import audit
from hub.security.policy import Person, Right, may, may_hear
from hub.security.vault import Vault
from hub.settings import Settings
from hub.store.base import now
from hub.store.session import Database


@dataclass(frozen=True, slots=True)
class Opened:
    """A recording that may be heard: its facts, and how to read it from a byte on."""

    row: Recording
    facts: FileFacts
    open: Callable[[int], BinaryIO]


class Telephone:
    """All exchanges of this hub, as people use them."""

    def __init__(
        self,
        settings: Settings,
        db: Database,
        vault: Vault,
        connectors: Mapping[str, Connector[Any]],
        limiter: FixedWindowRateLimiter,
    ) -> None:
        self._settings = settings
        self._db = db
        self._vault = vault
        self._connectors = connectors
        self._limiter = limiter
        self._exchanges: dict[int, tuple[tuple[Any, ...], Exchange]] = {}
        self._lock = threading.Lock()
        self.listeners: dict[int, Listener] = {}  # of this process, by account

    # --- exchanges --------------------------------------------------------------------------------------------------

    def exchange(self, row: Account) -> Exchange:
        """Return the exchange of an account; made anew when its settings changed.

        Raises:
            NotFoundError: this account is no telephone exchange.
        """
        connector = self._connectors.get(row.connector)
        if connector is None or connector.exchange is None:
            raise NotFoundError(f"{row.name} is not a telephone exchange.")
        key = (repr(sorted(row.settings.items())), row.secrets, row.region, row.time_zone)
        with self._lock:
            known = self._exchanges.get(row.id)
            if known is None or known[0] != key:
                opened = accounts.open_account(row, connector, self._vault, self._settings)
                known = self._exchanges[row.id] = (key, connector.exchange(opened))
            return known[1]

    def is_exchange(self, row: Account) -> bool:
        """Say whether an account is a telephone exchange."""
        connector = self._connectors.get(row.connector)
        return connector is not None and connector.exchange is not None

    def hears_by_webhook(self, row: Account) -> bool:
        """Say whether an exchange tells its events by webhook, instead of being listened to."""
        connector = self._connectors.get(row.connector)
        return connector is not None and connector.receive is not None

    # --- click-to-dial ----------------------------------------------------------------------------------------------

    def dial(
        self,
        session: Session,
        person: Person,
        number: str,
        *,
        extension: str = "",
        party_id: int | None = None,
        click_id: str = "",
    ) -> Click:
        """Ring the person's own phone, then call `number` from it.

        The order is written and committed before the exchange is told: a crash in between leaves an order of
        unknown fate, never two calls.

        Args:
            extension: which of the person's phones; a program must say one.
            click_id: of an order that may have been given before: it is not given again.

        Raises:
            UserError: error_id bad_number, blocked_number, no_extension, rate_limited, exchange_down or refused.
        """
        if not may(person.role, Right.DIAL):
            raise ForbiddenError("Your role may not dial; an administrator can change that.")
        if click_id and (known := session.get(Click, click_id)) is not None:
            return known
        phone, account = self._phone(session, person, extension)
        target = self._checked(session, account, number)
        self._count(person)
        click = Click(
            id=click_id or f"hub-{secrets.token_hex(12)}",
            account_id=account.id,
            user_id=phone.user_id,
            extension=phone.number,
            number=target,
            party_id=party_id,
        )
        session.add(click)
        audit.record(session, person, "call.dialled", "number", target, extension=phone.number)
        dialled = self._dialled(session, account, target)
        session.commit()
        self._order(account, click, dialled)
        return click

    def ring_own(self, session: Session, person: Person, account: Account, extension: str) -> Click:
        """Ring one of the person's own phones to see that it works; who picks up is connected with the same phone.

        Written and committed before the exchange is told, as every order.

        Raises:
            UserError: error_id no_extension, rate_limited, exchange_down or refused.
        """
        if not may(person.role, Right.DIAL):
            raise ForbiddenError("Your role may not dial; an administrator can change that.")
        mine = select(Extension).where(Extension.account_id == account.id, Extension.user_id == person.id)
        phone = session.scalar(mine.where(Extension.number == extension)) if person.id else None
        if phone is None:
            raise UserError(f"Extension {extension} is none of yours.", error_id="no_extension", field="extension")
        self._count(person)
        click = Click(
            id=f"hub-{secrets.token_hex(12)}",
            account_id=account.id,
            user_id=phone.user_id,
            extension=phone.number,
            number=phone.number,
        )
        session.add(click)
        audit.record(session, person, "call.tested", "account", account.public_id, extension=phone.number)
        session.commit()
        self._order(account, click, phone.number)
        return click

    def _phone(self, session: Session, person: Person, extension: str) -> tuple[Extension, Account]:
        query = (
            select(Extension, Account)
            .join(Account, Account.id == Extension.account_id)
            .where(Account.state == AccountState.ACTIVE)
            .order_by(Extension.id)
        )
        if person.id:
            query = query.where(Extension.user_id == person.id)
        if extension:
            query = query.where(Extension.number == extension)
        found = session.execute(query).first() if person.id or extension else None
        if found is None:
            what = f"extension {extension}" if extension else "a phone"
            raise UserError(
                f"There is no {what} of yours to call from; an administrator can add it to the exchange.",
                error_id="no_extension",
                field="extension",
            )
        return found[0], found[1]

    def _checked(self, session: Session, account: Account, number: str) -> str:
        """Return what the exchange is to dial.

        Raises:
            UserError: not a number, or one that may not be dialled.
        """
        region = account.region or self._settings.hub.region
        lengths = select(Extension.number).where(Extension.account_id == account.id)
        context = PhoneContext(region=region, extension_lengths=tuple({len(n) for n in session.scalars(lengths)}))
        target = dialable(number, context)
        forms = (target, self._dialled(session, account, target))
        if any(form.startswith(prefix) for prefix in self._blocked(account) for form in forms):
            raise UserError(f"{target} may not be dialled from here.", error_id="blocked_number", field="number")
        return target

    def _blocked(self, account: Account) -> list[str]:
        """Return the beginnings of numbers that may not be dialled, of the hub and of one exchange."""
        own = account.settings.get("blocked_prefixes") or ()  # text of a form, one a line, or a list
        lines = re.split(r"[\n,;]", own) if isinstance(own, str) else [str(one) for one in own]
        prefixes = [re.sub(r"[^0-9+*#]", "", one) for one in (*self._settings.calls.blocked_prefixes, *lines)]
        return [prefix for prefix in prefixes if prefix]

    def _dialled(self, session: Session, account: Account, number: str) -> str:
        """Return a number as people dial it at this exchange: its dialplan seldom knows the international form."""
        if not number.startswith("+"):
            return number
        national = as_dialled(number, account.region or self._settings.hub.region)
        rules = select(EndpointRule.dial_prefix).where(EndpointRule.account_id == account.id)
        prefixes = set(session.scalars(rules.where(EndpointRule.kind == "trunk")))
        outside = prefixes.pop() if len(prefixes) == 1 else ""
        return national if national.startswith("+") else outside + national

    def _count(self, person: Person) -> None:
        limit = parse(f"{self._settings.calls.dial_per_minute} per minute")
        if not self._limiter.hit(limit, "dial", str(person.id or person.name)):
            raise UserError("Too many calls within a minute; wait a little.", error_id="rate_limited")

    def _order(self, account: Account, click: Click, dialled: str) -> None:
        order = DialOrder(click.id, click.extension, click.number, dialled)
        try:
            self.exchange(account).dial(order)
        except RejectedError as error:
            self._refuse(click, str(error), "refused")
        except (AuthError, ConnectorError) as error:
            self._refuse(click, str(error), "exchange_down")

    def _refuse(self, click: Click, text: str, error_id: str) -> None:
        with self._db.write() as session:  # the transaction of the order is committed already
            row = session.get_one(Click, click.id)
            row.state, row.error = "refused", text[:500]
        raise UserError(text, error_id=error_id)

    # --- a call in progress -----------------------------------------------------------------------------------------
    # The exchange is asked outside of any transaction: it may take seconds, and on SQLite every writer would wait for
    # it. What it did is written down afterwards. A hub that dies in between has acted without a line in the audit; the
    # exchange's own events still bring into the call's row that it ended or was handed on. A recording that was paused
    # then is shown as running: pausing again says the same state once more and does no harm. The hub itself never
    # repeats an order.

    def hang_up(self, person: Person, call: CallRow) -> None:
        """End a call: of a person's own phone; a program ends its customer's channel.

        Raises:
            UserError: error_id ended, not_talking, exchange_down or refused.
        """
        with self._db.read() as session:
            leg, account = self._leg(session, person, call), session.get_one(Account, call.account_id)
        with self._refused(person, call, "call.hang_up_refused"):
            self.exchange(account).hang_up(leg.channel)
        with self._db.write() as session:
            audit.record(session, person, "call.hung_up", "call", call.public_id)

    def transfer(self, person: Person, call: CallRow, to: str) -> None:
        """Hand the customer on to an extension or number, without asking there first.

        Raises:
            UserError: error_id bad_number, blocked_number, ended, not_talking, exchange_down or refused.
        """
        with self._db.read() as session:
            leg = self._leg(session, person, call, talking=True)
            account = session.get_one(Account, call.account_id)
            target = self._checked(session, account, to)
            dialled = self._dialled(session, account, target)
        with self._refused(person, call, "call.transfer_refused", to=target):
            self.exchange(account).transfer(leg.channel, dialled)
        with self._db.write() as session:
            audit.record(session, person, "call.transferred", "call", call.public_id, to=target)

    def pause_recording(self, person: Person, call: CallRow, *, paused: bool) -> None:
        """Stop writing the recording while something secret is said, or go on.

        Raises:
            UserError: error_id not_recorded, ended, not_talking, exchange_down or refused.
        """
        with self._db.read() as session:
            leg = self._leg(session, person, call, talking=True)
            account = session.get_one(Account, call.account_id)
            recordings = session.scalars(select(Recording.id).where(Recording.call_id == call.id)).all()
            channel = self._recorded_channel(session, call) or leg.channel
        if not recordings:
            raise UserError("This call is not recorded.", error_id="not_recorded")
        with self._refused(person, call, "recording.pause_refused" if paused else "recording.resume_refused"):
            self.exchange(account).pause_recording(channel, paused=paused)
        with self._db.write() as session:
            at = now() if paused else None
            session.execute(update(Recording).where(Recording.id.in_(recordings)).values(paused_at=at))
            audit.record(session, person, "recording.paused" if paused else "recording.resumed", "call", call.public_id)

    def _recorded_channel(self, session: Session, call: CallRow) -> str:
        """A recording hangs on the channel that the dialplan ran on: the caller's."""
        query = select(LegRow.channel).where(LegRow.call_id == call.id, LegRow.origin)
        return session.scalar(query) or str((call.state or {}).get("origin_channel", ""))

    def _leg(self, session: Session, person: Person, call: CallRow, *, talking: bool = False) -> LegRow:
        if not may(person.role, Right.CONTROL_OWN_CALL):
            raise ForbiddenError("Your role may not do this.")
        if not session.scalar(select(CallRow.open).where(CallRow.id == call.id)):
            raise UserError("The call has ended.", error_id="ended")
        query = select(LegRow).where(LegRow.call_id == call.id, LegRow.ended_at.is_(None), LegRow.extension != "")
        query = query.order_by(LegRow.answered_at.is_(None), LegRow.answered_at.desc(), LegRow.id.desc())
        if person.id and not may(person.role, Right.MANAGE_CONNECTIONS):
            query = query.where(LegRow.user_id == person.id)
        if talking:
            query = query.where(LegRow.answered_at.is_not(None))
        leg = session.scalars(query).first()
        if leg is None:
            raise UserError("You are not in this call.", error_id="not_talking")
        return leg

    @contextmanager
    def _refused(self, person: Person, call: CallRow, action: str, **detail: str) -> Iterator[None]:
        """Say to the person what the exchange did not do, and write it down."""
        try:
            yield
        except ConnectorError as error:
            match error:
                case GoneError():
                    told = UserError("The call has ended.", error_id="ended")
                case RejectedError():
                    told = UserError(str(error), error_id="refused")
                case _:
                    told = UserError(str(error), error_id="exchange_down")
            with self._db.write() as session:
                audit.record(session, person, action, "call", call.public_id, why=told.error_id, **detail)
            raise told from error

    # --- recordings ---------------------------------------------------------------------------------------------------

    def recording(self, session: Session, person: Person, public_id: UUID) -> Opened:
        """Open a recording that this person may hear.

        Raises:
            NotFoundError, ForbiddenError: none, or not for this person.
            UserError: error_id gone: the file is not there; exchange_down.
        """
        row = session.scalar(select(Recording).where(Recording.public_id == public_id))
        call = session.get(CallRow, row.call_id) if row is not None else None
        if row is None or call is None:
            raise NotFoundError("There is no such recording.")
        if not may_hear(person, took_part=took_part(session, person, call.id)):
            raise ForbiddenError("You may hear recordings of your own calls; a manager may hear all.")
        if row.state != RecordingState.READY:
            raise UserError(f"This recording is {row.state}.", error_id="gone")
        exchange = self.exchange(session.get_one(Account, call.account_id))
        try:
            facts = exchange.recording_facts(row.path)
        except GoneError:
            raise UserError("The recording's file is not there any more.", error_id="gone") from None
        except ConnectorError as error:
            raise UserError(str(error), error_id="exchange_down") from error
        path = row.path
        return Opened(row, replace(facts), lambda start: exchange.open_recording(path, start=start))

    # --- webhooks -----------------------------------------------------------------------------------------------------

    def heard(self, row: Account, messages: Sequence[bytes]) -> None:
        """Keep what a webhook of an exchange said; returns when it is committed. The same message twice is one."""
        with self._db.write() as session:
            for message in messages:
                text = message.decode("utf-8", "surrogateescape")
                digest = receive.content_hash({"message": text})
                kept = text.encode("utf-8", "replace").decode()
                receive.keep(session, row.id, Delivered(HEARD, digest, {"message": kept}))
        listener = self.listeners.get(row.id)
        if listener is not None:
            listener.wake()

    # --- health ---------------------------------------------------------------------------------------------------------

    def dead_listeners(self) -> list[str]:
        """Names of exchanges whose listener in this process stopped without being told to."""
        return [one.name for one in list(self.listeners.values()) if not one.alive and not one.stop.is_set()]

    def await_written(self, call: UUID, seconds: float = 2.0) -> None:
        """Wait until the row of a call that browsers were just told of is there; at once where another process writes it."""
        for listener in list(self.listeners.values()):
            listener.await_written(call, seconds)

    def directory_names(self, session: Session, account: Account) -> Mapping[str, int]:
        """Extensions of an exchange and their users."""
        region = account.region or self._settings.hub.region
        return load(session, account.id, region, self.exchange(account).guess).users
