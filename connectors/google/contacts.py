"""Contacts: the people somebody wrote down, and those that Google noted from sent mail; first all, then what changed.

Source: https://developers.google.com/people/v1/contacts, https://developers.google.com/people/api/rest/v1/people.connections/list
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from googleapiclient.http import HttpRequest

from connectors.google.client import Client
from hub.connector.stream import Change, Cursor, Filtered, Gone, Limit, Page, Phase, Upsert
from hub.errors import (
    ConnectorError,
    CursorExpired,
    DisabledError,
    GoneError,
    RejectedError,
    RetryLaterError,
    ShapeError,
)

RECORDS = "contacts"
CONNECTIONS, OTHER = "connections", "other"
PAGE = 1000  # the most that one page may have
MOST_AT_ONCE = 200  # people of one batch get
# A token dies seven days after the pass from the beginning that it goes back to, however often it was used.
FULL_EVERY = timedelta(days=6)
FIELDS = (
    "addresses,biographies,birthdays,clientData,emailAddresses,memberships,metadata,names,organizations,phoneNumbers,"
    "photos,urls"
)
MARKER = "hub"  # key of the client data that says by which of our writes a contact was made
EVERYBODY = "contactGroups/myContacts"
OTHER_FIELDS = "emailAddresses,metadata,names,phoneNumbers,photos"  # more there is not
_NOT_THERE = 404


@dataclass(frozen=True, slots=True)
class ContactStream:
    """The contacts of one mailbox, or its other contacts."""

    client: Client
    container: str  # CONNECTIONS or OTHER
    groups: tuple[str, ...]  # names of the groups whose members are wanted; empty: everybody

    key: str
    title: str
    mailbox: str
    records: str
    every: timedelta
    asked: str  # fields and groups: another setting begins anew
    full_every: timedelta | None = FULL_EVERY

    def begin(self) -> Cursor:
        """Return the beginning. Groups are looked up by name once for each pass, so that renaming one changes nothing."""
        return Cursor(rest={"groups": self.group_ids()} if self.groups else {})

    def pull(self, cursor: Cursor) -> Page:
        """Return a page of people. All parameters are the same in every request: Google refuses a token otherwise."""
        asked: dict[str, Any] = {"requestSyncToken": True}
        if cursor.phase is Phase.INCREMENTAL:
            asked["syncToken"] = cursor.token
        if cursor.page:
            asked["pageToken"] = cursor.page
        try:
            answer = self.client.call(self._listing(**asked), self.limits)
        except (GoneError, RejectedError) as error:
            raise _lost(cursor, error) from error
        wanted = self._wanted(cursor)
        changes = [_change(person, wanted) for person in self._people(answer)]
        following = str(answer.get("nextPageToken", ""))
        if following:
            on = Cursor(cursor.phase, cursor.token, following, "", cursor.asked, cursor.opened_at, cursor.rest)
            return Page(changes, on, more=True, expected=_total(cursor, answer))
        token = str(answer.get("nextSyncToken", ""))
        done = Cursor(Phase.INCREMENTAL, token=token, asked=self.asked, rest=cursor.rest)
        return Page(changes, done, more=False, expected=_total(cursor, answer))

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return single people; of other contacts Google gives only the whole list."""
        wanted = frozenset(self.group_ids()) if self.groups else None
        if self.container == OTHER:
            people = {str(one["resourceName"]): one for one in self.everybody(OTHER_FIELDS)}
            return [_change(people[one], wanted) if one in people else Gone(one) for one in remote_ids]
        found: list[Change] = []
        for begin in range(0, len(remote_ids), MOST_AT_ONCE):
            found += self._get(remote_ids[begin : begin + MOST_AT_ONCE], wanted)
        return found

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all people that are wanted; a contact has no time, so `since` does not matter."""
        del since
        wanted = frozenset(self.group_ids()) if self.groups else None
        fields = "metadata" if self.container == OTHER else "metadata,memberships"
        changes = (_change(one, wanted) for one in self.everybody(fields))
        return frozenset(change.remote_id for change in changes if isinstance(change, Upsert))

    @property
    def limits(self) -> Sequence[Limit]:
        settings = self.client.settings
        return (Limit(f"google:contacts:{self.mailbox}", settings.contact_requests_per_minute),)

    def _listing(self, fields: str = "", **asked: Any) -> HttpRequest:
        people = self.client.people
        request: HttpRequest
        if self.container == OTHER:
            request = people.otherContacts().list(readMask=fields or OTHER_FIELDS, pageSize=PAGE, **asked)
        else:
            listing = people.people().connections()
            request = listing.list(resourceName="people/me", personFields=fields or FIELDS, pageSize=PAGE, **asked)
        return request

    def _people(self, answer: dict[str, Any]) -> list[dict[str, Any]]:
        people = answer.get("otherContacts" if self.container == OTHER else "connections", [])
        if not isinstance(people, list) or not all(isinstance(one, dict) and one.get("resourceName") for one in people):
            raise ShapeError("Google's list of contacts has entries that are none")
        return people

    def everybody(self, fields: str = "") -> Iterator[dict[str, Any]]:
        """Yield all people, page by page."""
        for answer in self._pages(partial(self._listing, fields)):
            yield from self._people(answer)

    def _pages(self, request: Callable[..., HttpRequest]) -> Iterator[dict[str, Any]]:
        """Yield all pages of a listing.

        Raises:
            RetryLaterError: it goes round in a circle.
        """
        seen = {""}
        answer = self.client.call(request(), self.limits)
        yield answer
        while page := str(answer.get("nextPageToken", "")):
            if page in seen:
                raise RetryLaterError("Google names a page of contacts that it gave already")
            seen.add(page)
            answer = self.client.call(request(pageToken=page), self.limits)
            yield answer

    def _get(self, remote_ids: Sequence[str], wanted: frozenset[str] | None) -> list[Change]:
        asked = self.client.people.people().getBatchGet(resourceNames=list(remote_ids), personFields=FIELDS)
        found: dict[str, Change] = {}
        for one in self.client.call(asked, self.limits).get("responses", []):
            name, person = str(one.get("requestedResourceName", "")), one.get("person", {})
            if one.get("httpStatusCode") == _NOT_THERE:
                found[name] = Gone(name)
            elif person.get("resourceName"):
                change = _change(person, wanted)
                found[change.remote_id] = change
                if change.remote_id != name:  # it got another name; who asks for the old one must know
                    found[name] = Gone(name)
        return list(found.values())

    def _wanted(self, cursor: Cursor) -> frozenset[str] | None:
        return frozenset(cursor.rest.get("groups", ())) if self.groups else None

    def group_ids(self) -> list[str]:
        """Return the resource names of the wanted groups; none where everybody is wanted.

        Raises:
            DisabledError: there is no such group; to go on would take everybody out of the hub.
        """
        if not self.groups:
            return []
        known: dict[str, str] = {}
        listing = partial(self.client.people.contactGroups().list, pageSize=PAGE, groupFields="name,groupType")
        for group in (one for answer in self._pages(listing) for one in answer.get("contactGroups", [])):
            for name in ("resourceName", "formattedName", "name"):
                known.setdefault(str(group.get(name, "")).casefold(), str(group["resourceName"]))
        found = [known[name.casefold()] for name in self.groups if name.casefold() in known]
        missing = [name for name in self.groups if name.casefold() not in known]
        # Of several mailboxes each may have some of the groups.
        if missing and (not found or len(self.client.settings.wanted_mailboxes) == 1):
            names = ", ".join(missing)
            raise DisabledError(
                f"{self.mailbox or 'The mailbox'} has no contact group called {names}. "
                "Make it in Google Contacts, or change the account's contact groups."
            )
        return sorted(found)


def streams(client: Client) -> list[ContactStream]:
    """Return the lists of contacts that the settings want."""
    return [stream(client, container) for container in wanted(client)]


def wanted(client: Client) -> tuple[str, ...]:
    """Return which lists the settings want."""
    settings = client.settings
    lists = {CONNECTIONS: settings.contacts, OTHER: settings.other_contacts}
    return tuple(container for container, is_wanted in lists.items() if is_wanted)


def stream(client: Client, container: str) -> ContactStream:
    """Return one list of the client's mailbox."""
    is_other = container == OTHER
    groups = () if is_other else client.settings.wanted_groups
    name = "Other contacts" if is_other else "Contacts"
    key = f"{RECORDS}:{client.mailbox}:{container}"
    fields = OTHER_FIELDS if is_other else FIELDS
    return ContactStream(
        client=client,
        container=container,
        groups=groups,
        key=key,
        title=f"{name} of {client.mailbox}" if client.mailbox else name,
        mailbox=client.mailbox,
        records=key,
        every=timedelta(seconds=client.settings.every_s),
        asked=f"{container} 1: {fields}" + (f" of {'|'.join(sorted(groups))}" if groups else ""),
    )


def marker(person: dict[str, Any]) -> str:
    """Return by which of our writes a contact was made; empty: somebody else made it."""
    listed = person.get("clientData", [])
    data = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return next((str(one.get("value", "")) for one in data if one.get("key") == MARKER), "")


def _change(person: dict[str, Any], groups: frozenset[str] | None) -> Change:
    name = str(person["resourceName"])
    metadata = person.get("metadata")
    if isinstance(metadata, dict) and metadata.get("deleted"):
        return Gone(name)
    if groups is not None and groups.isdisjoint(_memberships(person)):
        return Filtered(name, "group")
    return Upsert(name, person, str(person.get("etag", "")))


def _memberships(person: dict[str, Any]) -> list[str]:
    memberships = person.get("memberships", [])
    inner = [one.get("contactGroupMembership", {}) for one in memberships if isinstance(one, dict)]
    return [str(one.get("contactGroupResourceName", "")) for one in inner if isinstance(one, dict)]


def _total(cursor: Cursor, answer: dict[str, Any]) -> int | None:
    """Return how many people a pass from the beginning will show, as far as Google says."""
    total = answer.get("totalItems", answer.get("totalSize"))
    return total if cursor.phase is Phase.FULL and isinstance(total, int) else None


def _lost(cursor: Cursor, error: ConnectorError) -> ConnectorError:
    """Of a place in a listing that Google refuses nothing is to be hoped: begin anew. Without one, the error stands."""
    return CursorExpired(str(error)) if cursor.token or cursor.page else error
