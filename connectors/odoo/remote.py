"""An Odoo account that is open: one stream for each kind of records that is wanted."""

from collections.abc import Sequence

from connectors.odoo import documents, kinds, totals
from connectors.odoo.check import whole
from connectors.odoo.client import Client
from connectors.odoo.colleagues import Colleagues, people
from connectors.odoo.push import OdooPush
from connectors.odoo.settings import JSONRPC, XMLRPC, OdooSettings
from connectors.odoo.writers import WRITABLE, OdooWriter
from hub.connector.contract import Account, Finding
from hub.connector.crm import CONTACTS
from hub.connector.ledger import Total
from hub.connector.stream import Push, Stream, Tools, Writer
from hub.errors import GoneError, RejectedError


class OdooRemote:
    """One database, as the user of the key sees it."""

    def __init__(self, account: Account[OdooSettings], tools: Tools) -> None:
        self._account = account
        self._settings = account.settings
        self._client = Client(account.settings, tools)
        self._colleagues = Colleagues(self._client)
        self._kinds = {kind.records: kind for kind in kinds.wanted(account.settings)}

    def streams(self) -> Sequence[Stream]:
        """Return what is read, whether or not its app is installed: its stream says if it is not."""
        return [documents.stream(self._client, kind) for kind in self._kinds.values()]

    def stream(self, key: str) -> Stream:
        """Return one stream; its key is the kind of its records."""
        if key not in self._kinds:
            raise GoneError(f"The settings no longer want {key}.")
        return documents.stream(self._client, self._kinds[key])

    def writer(self, records: str, mailbox: str = "") -> Writer:
        """Return what writes interactions, leads, tasks or contacts; a ledger is never written to."""
        del mailbox
        if records not in WRITABLE:
            raise RejectedError(f"Nothing is written to Odoo's {records}.")
        if not self._settings.writes:
            raise RejectedError("The settings of this connection let nobody write to Odoo.")
        return OdooWriter(self._colleagues, records, self._account.time_zone)

    def people(self, emails: Sequence[str], phones: Sequence[str]) -> Sequence[str]:
        """Return ids of partners with one of these (`hub.connector.crm.KnowsPeople`)."""
        return people(self._client, emails, phones)

    def record_url(self, records: str) -> str:
        """Return where a partner's page is (`hub.connector.crm.HasRecordUrls`)."""
        if records != CONTACTS:
            return ""
        older = self._settings.protocol in {JSONRPC, XMLRPC}
        path = "/web#id={external_id}&model=res.partner&view_type=form" if older else "/odoo/contacts/{external_id}"
        return f"{self._settings.links}{path}"

    def push(self) -> Push | None:
        """Return what Odoo's automation rules tell; None: there are none."""
        return OdooPush(self._settings, self._kinds) if self._settings.hook_secret.get_secret_value() else None

    def totals(self) -> Sequence[Total]:
        """Return the ledger's own sums (`hub.connector.ledger.HasTotals`)."""
        return totals.totals(self._client, self._kinds.values(), self._account.time_zone)

    def check(self) -> Sequence[Finding]:
        """Look at everything (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, self._client, tuple(self._kinds.values()))
