"""A company's account at KSeF: its invoices, a stream for each role, and the company itself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from connectors.ksef.check import asked
from connectors.ksef.client import Client
from connectors.ksef.invoices import InvoiceStream
from connectors.ksef.records import RECORDS
from connectors.ksef.settings import KsefSettings
from hub.connector.contract import Account, Finding
from hub.connector.stream import Change, Cursor, Page, Phase, Push, Stream, Tools, Upsert, Writer
from hub.errors import GoneError, RejectedError

COMPANY = "legal_entity"


class KsefRemote:
    """One company. Nothing is ever written to KSeF: no code here sends an invoice."""

    def __init__(self, account: Account[KsefSettings], tools: Tools) -> None:
        self._account = account
        self._client = Client(account.settings, tools)

    def streams(self) -> Sequence[Stream]:
        roles = [InvoiceStream(self._client, role) for role in self._account.settings.wanted_roles]
        return [*roles, CompanyStream(self._account)]

    def stream(self, key: str) -> Stream:
        kind, _, role = key.partition(":")
        if key == COMPANY:
            return CompanyStream(self._account)
        if kind != RECORDS or role not in self._account.settings.wanted_roles:
            raise GoneError(f"The settings no longer want {key}.")
        return InvoiceStream(self._client, role)

    def writer(self, records: str, mailbox: str = "") -> Writer:
        del mailbox
        raise RejectedError(f"Nothing is written to KSeF's {records}.")

    def push(self) -> Push | None:
        return None

    def check(self) -> Sequence[Finding]:
        """Ask KSeF with the access that the hub keeps (`hub.connector.contract.Checkable`)."""
        return asked(self._client)


@dataclass(frozen=True)
class CompanyStream:
    """The company itself, as the settings name it; nobody is asked."""

    account: Account[KsefSettings]

    key: str = COMPANY
    title: str = "The company"
    records: str = "companies"
    mailbox: str = ""
    every: timedelta = timedelta(days=1)
    full_every: timedelta | None = None

    @property
    def asked(self) -> str:
        return f"company 1 {self.account.settings.nip}"

    def begin(self) -> Cursor:
        return Cursor()

    def pull(self, cursor: Cursor) -> Page:
        del cursor
        following = Cursor(Phase.INCREMENTAL, self.account.settings.nip, asked=self.asked)
        return Page(self.find([self.account.settings.nip]), following, more=False)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return the company, if it is asked for."""
        nip = self.account.settings.nip
        payload = {"id": nip, "name": self.account.name, "tax_id": nip}
        return [Upsert(nip, payload)] if nip in remote_ids else []

    def present(self, since: datetime) -> frozenset[str]:
        """Return the company's own number."""
        del since
        return frozenset({self.account.settings.nip})
