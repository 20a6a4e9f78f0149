"""Contacts made and changed in somebody's address book. None is ever deleted.

A contact that the hub makes bears the key of its making in its client data, which no other program sees; so what a lost
answer left behind is found again. A change names the etag that it was decided on.
Sources: https://developers.google.com/people/api/rest/v1/people/createContact,
https://developers.google.com/people/api/rest/v1/people/updateContact
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.google import contacts, contacts_form
from connectors.google.client import Client
from connectors.google.contacts import ContactStream
from hub.connector.stream import Limit, Written
from hub.errors import ConflictError, GoneError, RejectedError, RetryLaterError

# "Writes may have a propagation delay of several minutes": a listing need not show yet what was just made.
LOOK_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class ContactWriter:
    """Writes to one address book (`hub.connector.stream.Writer`).

    Values have the names of `hub.records.party.Party`; lists are of `value` and `label`. A new contact also has `again`
    and `unseen`: whether it may be there already, and whether it may be so new that no listing shows it.
    """

    client: Client
    stream: ContactStream

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Make a contact; one that a lost answer left behind is found by its key.

        Raises:
            RetryLaterError: it may have been made, and Google would not show it yet.
        """
        if values.get("again"):
            found = self._made(key)
            if found is not None:
                return found
            if values.get("unseen"):
                raise RetryLaterError("Google may not show yet what was made", retry_after=LOOK_AGAIN_S)
        body = {
            **contacts_form.changed({}, {name: values[name] for name in contacts_form.FIELDS if name in values}),
            "clientData": [{"key": contacts.MARKER, "value": key}],
            "memberships": [_member(group) for group in (contacts.EVERYBODY, *self.stream.group_ids()[:1])],
        }
        asked = self.client.people.people().createContact(body=body, personFields=contacts.FIELDS)
        return _written(self.client.call(asked, self._limits))

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change the given fields of a contact, if it is still what `version` was; everything else stays."""
        del key  # the etag says the same: what was written once is another version
        people = self.client.people.people()
        person = self.client.call(people.get(resourceName=remote_id, personFields=contacts.FIELDS), self._limits)
        if str(person.get("resourceName")) != remote_id:
            raise GoneError("The contact has another name now.")
        if str(person.get("etag", "")) != version:
            raise ConflictError("Somebody changed the contact meanwhile.")
        body = contacts_form.changed(person, values)
        asked = people.updateContact(
            resourceName=remote_id,
            updatePersonFields=",".join(sorted(body)),
            personFields=contacts.FIELDS,
            body={**body, "etag": version, "metadata": {"sources": _sources(person)}},
        )
        return _written(self.client.call(asked, self._limits))

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Refuse: who tidies up in the hub takes nobody out of an address book."""
        del remote_id, version, key
        raise RejectedError("Contacts are never deleted at Google.")

    def _made(self, key: str) -> Written | None:
        found = next((one for one in self.stream.everybody() if contacts.marker(one) == key), None)
        return _written(found) if found else None

    @property
    def _limits(self) -> Sequence[Limit]:
        return self.stream.limits


def writer(client: Client, records: str) -> ContactWriter:
    """Return what writes to an address book; its name is kind, mailbox and container.

    Raises:
        RejectedError: the settings do not let the hub write there, or nobody may.
    """
    container = records.partition(":")[2].partition(":")[2]
    settings = client.settings
    if container != contacts.CONNECTIONS or client.mailbox not in settings.wanted_mailboxes:
        raise RejectedError("Only the contacts that somebody wrote down can be changed.")
    if not (settings.contacts and settings.contacts_back):
        raise RejectedError("The settings of this connection let nobody write to its contacts.")
    return ContactWriter(client, contacts.stream(client, container))


def _sources(person: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return what says which state of the contact a change was decided on."""
    metadata = person.get("metadata")
    sources = metadata.get("sources", []) if isinstance(metadata, dict) else []
    return [one for one in sources if isinstance(one, dict) and one.get("type") == "CONTACT"]


def _member(group: str) -> dict[str, Any]:
    return {"contactGroupMembership": {"contactGroupResourceName": group}}


def _written(person: dict[str, Any]) -> Written:
    return Written(str(person["resourceName"]), str(person.get("etag", "")), person)
