"""Send through mailboxes that are connected, where there is no mail server of the hub's own.

The first one that can sends. One that certainly did not, such as one whose access was taken back, holds up nothing: the
next is asked. One that gave no answer does, for it may have sent the mail; it is asked again later, and looks among
what it sent first. Only where another mailbox goes first by then is there a second copy.
"""

from collections.abc import Callable

from hub.connector.stream import Lane, Remote, Writer
from hub.errors import ConnectorError, LimitedError, RecordError, RejectedError, RetryLaterError
from hub.intake.models import Account
from hub.mail.write import KIND
from hub.notice import letter, queries
from hub.notice.carrier import Message, Said, UnansweredError, unheard
from hub.records.mail import Address
from hub.settings import Settings
from hub.store.session import Database

OpenRemote = Callable[[Account, Lane], Remote]


class Mailboxes:
    """The mailboxes of `notices.through`."""

    remembers = True  # by the key in each mail's header

    def __init__(
        self, db: Database, open_remote: OpenRemote, addresses: tuple[str, ...], *, name: str, said: Said = unheard
    ) -> None:
        """Keep what mailboxes there are.

        Args:
            db: where connections are.
            open_remote: opens one.
            addresses: of the mailboxes, in small letters; the first that can goes first.
            name: whom mails are from, before the address.
            said: told what came of each mailbox.
        """
        self._db = db
        self._open = open_remote
        self._addresses = addresses
        self._name = name
        self._said = said

    def carry(self, message: Message) -> None:
        """Send it; see Carrier."""
        failed: dict[str, RetryLaterError] = {}
        for address in self._addresses:
            try:
                self._send(address, message)
            except UnansweredError:
                raise
            except RetryLaterError as error:
                self._said(address, str(error))
                failed[address] = error
            else:
                self._said(address, "sent")
                return
        raise _none_can(failed)

    def _send(self, address: str, message: Message) -> None:
        values = {
            "raw": letter.composed(message, Address(self._name, address)).raw,
            "thread_id": "",
            "again": message.again,
            "since": message.at,
        }
        writer = self._writer(address)
        try:
            writer.create(values, key=message.key)
        except RejectedError:
            raise
        except LimitedError as error:
            raise RetryLaterError(str(error), retry_after=error.retry_after) from error
        except (RetryLaterError, RecordError) as error:
            text = f"{address} gave no answer; it may have sent the mail. ({error})"
            self._said(address, text)
            raise UnansweredError(text) from error
        except ConnectorError as error:  # it was turned away: a person is needed
            raise RetryLaterError(str(error)) from error

    def _writer(self, address: str) -> Writer:
        """Return what sends from a mailbox; nothing is sent yet."""
        with self._db.read() as session:
            box = queries.mailbox(session, address)
        if box.account is None or not box.is_open:
            raise RetryLaterError(f"{box.problem} {box.action}")
        try:
            return self._open(box.account, Lane.INTERACTIVE).writer(f"{KIND}:{address}", address)
        except ConnectorError as error:
            raise RetryLaterError(str(error)) from error


def open_mailboxes(settings: Settings, db: Database, open_remote: OpenRemote, said: Said = unheard) -> Mailboxes | None:
    """Return the mailboxes that are named; None: none is."""
    addresses = settings.notices.through
    if not addresses:
        return None
    return Mailboxes(db, open_remote, addresses, name=letter.own_name(settings), said=said)


def _none_can(failed: dict[str, RetryLaterError]) -> RetryLaterError:
    told = [error.retry_after for error in failed.values()]
    soonest = min((seconds for seconds in told if seconds is not None), default=None)
    why = "; ".join(f"{address}: {error}" for address, error in failed.items())
    return RetryLaterError(f"No mailbox of notices.through can send just now. {why}", retry_after=soonest)
