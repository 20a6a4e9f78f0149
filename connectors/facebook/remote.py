"""A Facebook account that is open: one stream for each form of its pages and for each ad account; what is asked for by id."""

import logging
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any

from connectors.facebook import auth, feedback, forms, leads, spend, watch
from connectors.facebook.check import whole
from connectors.facebook.client import Client
from connectors.facebook.push import FacebookPush
from connectors.facebook.settings import FacebookSettings
from hub.connector.contract import Account, Arrived, Finding, Look
from hub.connector.stream import Choice, Filtered, NotYet, Push, Shelf, Stream, Tools, Upsert, Writer
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
        """Return one stream for each form, also of what is archived while Meta still has leads of it, and for each ad account.

        A page that we may not list does not stop the others: it is a stream of its own, which says why.
        """
        found: list[Stream] = []
        for page in forms.pages(self._settings, self.client(auth.PERSON)):
            try:
                found += self._of_page(page)
            except (ScopeError, DisabledError, GoneError) as error:
                _log.warning("the forms of page %s cannot be listed: %s", page.id, error)
                found.append(self._lost(page.id, page.name))
        found += [spend.stream(self.client(one), one) for one in self._settings.wanted_ad_accounts]
        self._listed = {one.key: one for one in found}
        return found

    def stream(self, key: str) -> Stream:
        """Return one stream; its key is the kind, the page and the form, or the kind and the ad account."""
        kind, _, rest = key.partition(":")
        if kind == spend.RECORDS and rest in self._settings.wanted_ad_accounts:
            return spend.stream(self.client(rest), rest)
        page, _, form = rest.partition(":")
        if kind != leads.RECORDS or not page.isdecimal() or not self._settings.wants(page):
            raise GoneError(f"The settings no longer want {key}.")
        if key in self._listed:
            return self._listed[key]
        if form == LOST:
            return self._lost(page, "")
        if not form.isdecimal():
            raise GoneError(f"{key} is no form.")
        if form in self._settings.unwanted_forms:
            raise GoneError(f"The form {form} is switched off.")
        return leads.stream(self.client(page), form)

    def find_named(self, records: str, mailbox: str, remote_ids: Sequence[str]) -> Sequence[Upsert | Filtered | NotYet]:
        """Return leads that webhooks named (`hub.connector.stream.FindsNamed`)."""
        if records != leads.RECORDS:
            raise RejectedError(f"Nothing of Meta's {records} is asked for by id.")
        if not mailbox.isdecimal() or not self._settings.wants(mailbox):
            raise ScopeError(f"The settings do not name the page {mailbox}: its leads wait until they do.")
        return leads.named(self.client(mailbox), remote_ids, self._settings.unwanted_forms)

    def writer(self, records: str, mailbox: str = "") -> Writer:
        """Return what tells Meta of stages of leads."""
        del mailbox
        if records != feedback.RECORDS or not self._settings.dataset_id:
            raise RejectedError(f"Nothing is written to Meta's {records}.")
        return feedback.ConversionWriter(
            self.client(auth.PERSON), self._settings.dataset_id, self._settings.test_event_code
        )

    def shelves(self) -> Sequence[Shelf]:
        """Return the pages that are wanted (`hub.connector.stream.Chooses`)."""
        return [Shelf(one.id, one.name or one.id) for one in forms.pages(self._settings, self.client(auth.PERSON))]

    def choices(self, shelf: str) -> Sequence[Choice]:
        """Return the forms of a page with Meta's counts, switched off ones too."""
        if not shelf.isdecimal() or not self._settings.wants(shelf):
            raise ScopeError(f"The settings do not name the page {shelf}.")
        off = self._settings.unwanted_forms
        return [
            Choice(
                f"{leads.RECORDS}:{shelf}:{one.id}", one.name or one.id, is_wanted=one.id not in off and one.is_read,
                state=one.status.lower(), total=one.leads, organic=one.organic, expired=one.expired,
                created_at=one.created_at,
            )
            for one in forms.forms(self.client(shelf))
        ]  # fmt: skip

    def choose(self, key: str, *, wanted: bool) -> Mapping[str, Any]:
        """Return the settings with a form switched on or off."""
        kind, _, rest = key.partition(":")
        form = rest.partition(":")[2]
        if kind != leads.RECORDS or not form.isdecimal():
            raise GoneError(f"{key} is no form.")
        off = [one for one in self._settings.unwanted_forms if one != form]
        return {"forms_off": "\n".join(off if wanted else [*off, form])}

    def kept_for(self) -> timedelta | None:
        """Return how long Meta shows a lead."""
        return leads.KEPT

    def push(self) -> Push | None:
        """Return the webhooks of the app and the subscriptions of its pages."""
        return FacebookPush(self._settings, self.client)

    def check(self) -> Sequence[Finding]:
        """Ask Meta with the access that the hub keeps (`hub.connector.contract.Checkable`)."""
        return whole(self._settings, self.client)

    def look(self, memory: Mapping[str, Any], arrived: Arrived) -> Look:
        """Look at what may be switched off at Meta (`hub.connector.contract.Watched`)."""
        return watch.look(self._settings, self.client, memory, arrived)

    def _of_page(self, page: forms.Page) -> list[Stream]:
        client = self.client(page.id)
        off = self._settings.unwanted_forms
        found = [one for one in forms.forms(client) if one.is_read and one.id not in off]
        every = forms.intervals(found)
        return [leads.stream(client, one.id, _title(page, one), every[one.id]) for one in found]

    def _lost(self, page: str, name: str) -> leads.LostPage:
        client = self.client(page)
        return leads.LostPage(client, f"{leads.RECORDS}:{page}:{LOST}", name or page, page)


def _title(page: forms.Page, form: forms.Form) -> str:
    archived = "" if form.status == forms.ACTIVE else f" ({form.status.lower()})"
    return f"{page.name or page.id}: {form.name or form.id}{archived}"
