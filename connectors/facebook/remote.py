"""A Facebook account that is open: its pages, one stream for each form, and what is asked for by id."""

import logging
from collections.abc import Sequence

from connectors.facebook import auth, feedback, forms, leads
from connectors.facebook.check import whole
from connectors.facebook.client import Client
from connectors.facebook.push import FacebookPush
from connectors.facebook.settings import FacebookSettings
from hub.connector.contract import Account, Finding
from hub.connector.stream import Filtered, NotYet, Push, Stream, Tools, Upsert, Writer
from hub.errors import DisabledError, GoneError, RejectedError, ScopeError

LOST = "page"  # in place of a form: the page itself may not be listed
_log = logging.getLogger(__name__)


class FacebookRemote:
    """One account: the pages that one person or system user lets us read."""

    def __init__(self, account: Account[FacebookSettings], tools: Tools) -> None:
        self._settings = account.settings
        self._tools = tools
        self._clients: dict[str, Client] = {}
        self._listed: dict[str, Stream] = {}  # with the names that Meta told; to read one its key is enough

    def client(self, mailbox: str) -> Client:
        """Return the client of a page, of who connected, or of the app."""
        if mailbox not in self._clients:
            self._clients[mailbox] = Client(self._settings, self._tools, mailbox)
        return self._clients[mailbox]

    def streams(self) -> Sequence[Stream]:
        """Return one stream for each form, also of what is archived while Meta still has leads of it.

        A page that we may not list does not stop the others: it is a stream of its own, which says why.
        """
        found: list[Stream] = []
        for page in forms.pages(self._settings, self.client(auth.PERSON)):
            try:
                found += self._of_page(page)
            except (ScopeError, DisabledError, GoneError) as error:
                _log.warning("the forms of page %s cannot be listed: %s", page.id, error)
                found.append(self._lost(page.id, page.name))
        self._listed = {one.key: one for one in found}
        return found

    def stream(self, key: str) -> Stream:
        """Return one stream; its key is the kind, the page and the form."""
        kind, _, rest = key.partition(":")
        page, _, form = rest.partition(":")
        if kind != leads.RECORDS or not page.isdecimal() or not self._settings.wants(page):
            raise GoneError(f"The settings no longer want {key}.")
        if key in self._listed:
            return self._listed[key]
        if form == LOST:
            return self._lost(page, "")
        if not form.isdecimal():
            raise GoneError(f"{key} is no form.")
        return leads.stream(self.client(page), form)

    def find_named(self, records: str, mailbox: str, remote_ids: Sequence[str]) -> Sequence[Upsert | Filtered | NotYet]:
        """Return leads that webhooks named (`hub.connector.stream.FindsNamed`)."""
        if records != leads.RECORDS:
            raise RejectedError(f"Nothing of Meta's {records} is asked for by id.")
        if not mailbox.isdecimal() or not self._settings.wants(mailbox):
            raise ScopeError(f"The settings do not name the page {mailbox}: its leads wait until they do.")
        return leads.named(self.client(mailbox), remote_ids)

    def writer(self, records: str, mailbox: str = "") -> Writer:
        """Return what tells Meta of stages of leads."""
        del mailbox
        if records != feedback.RECORDS or not self._settings.dataset_id:
            raise RejectedError(f"Nothing is written to Meta's {records}.")
        return feedback.ConversionWriter(self.client(auth.PERSON), self._settings.dataset_id)

    def push(self) -> Push | None:
        """Return the webhooks of the app and the subscriptions of its pages."""
        return FacebookPush(self._settings, self.client)

    def check(self) -> Sequence[Finding]:
        """Ask Meta with the access that the hub keeps (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, self.client)

    def _of_page(self, page: forms.Page) -> list[Stream]:
        client = self.client(page.id)
        found = [one for one in forms.forms(client) if one.is_read]
        every = forms.intervals(found)
        return [leads.stream(client, one.id, _title(page, one), every[one.id]) for one in found]

    def _lost(self, page: str, name: str) -> leads.LostPage:
        client = self.client(page)
        return leads.LostPage(client, f"{leads.RECORDS}:{page}:{LOST}", name or page, page)


def _title(page: forms.Page, form: forms.Form) -> str:
    archived = "" if form.status == forms.ACTIVE else f" ({form.status.lower()})"
    return f"{page.name or page.id}: {form.name or form.id}{archived}"
