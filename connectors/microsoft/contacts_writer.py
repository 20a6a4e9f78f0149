"""Contacts made and changed in somebody's address book. None is ever deleted.

A contact that the hub makes bears the key of its making in a property that no program shows; so what a lost answer left
behind is found again. A change names the etag that it was decided on, and only what changes.
Sources: https://learn.microsoft.com/graph/api/user-post-contacts, https://learn.microsoft.com/graph/api/contact-update,
https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.microsoft import contacts, contacts_form
from connectors.microsoft.client import Client
from hub.connector.stream import Written
from hub.errors import ConflictError, RejectedError, RetryLaterError

# A request of which we waited for the answer in vain may still be carried out.
LOOK_AGAIN_S = 60.0


@dataclass(frozen=True, slots=True)
class ContactWriter:
    """Writes to the contacts of one mailbox (`hub.connector.stream.Writer`).

    Values have the names of `hub.records.party.Party`; lists are of `value` and `label`. A new contact also has `again`
    and `unseen`: whether it may be there already, and whether it may be so new that nobody is shown it.
    """

    client: Client
    container: str  # where new ones go

    def create(self, values: Mapping[str, Any], *, key: str) -> Written:
        """Make a contact; one that a lost answer left behind is found by its key.

        Raises:
            RetryLaterError: it may be about to be made.
        """
        if values.get("again"):
            found = self._made(key)
            if found is not None:
                return found
            if values.get("unseen"):
                raise RetryLaterError("Graph may still be making the contact", retry_after=LOOK_AGAIN_S)
        said = contacts_form.made({name: values[name] for name in contacts_form.FIELDS if name in values})
        wanted = self.client.settings.listed_categories[:1]
        body = {
            **said,
            **({"categories": list(wanted)} if wanted else {}),
            "singleValueExtendedProperties": [{"id": contacts.MARKER, "value": key}],
        }
        made = self._written(self.client.send("POST", contacts.folder_path(self.container), body))
        return replace(made, container=contacts.stream(self.client, self.container or contacts.HOME).key)

    def update(self, remote_id: str, values: Mapping[str, Any], *, version: str, key: str) -> Written:
        """Change the given fields of a contact, if it is still what `version` was; everything else stays."""
        del key  # the etag says the same: what was written once is another version
        path = contacts.path_of(remote_id)
        contact = self.client.get(path, contacts.MARKED)
        if contacts.version_of(contact) != version:
            raise ConflictError("Somebody changed the contact meanwhile.")
        body = contacts_form.changed(contact, values)
        return self._written(self.client.send("PATCH", path, body, version=version) if body else contact)

    def delete(self, remote_id: str, *, version: str, key: str) -> None:
        """Refuse: who tidies up in the hub takes nobody out of an address book."""
        del remote_id, version, key
        raise RejectedError("Contacts are never deleted in Outlook.")

    def _made(self, key: str) -> Written | None:
        """Find what was made with a key: where it was made, or by Graph's own search wherever in the mailbox it is by now."""
        value = key.replace("'", "''")
        which = f"singleValueExtendedProperties/Any(ep: ep/id eq '{contacts.MARKER}' and ep/value eq '{value}')"
        path = contacts.folder_path(self.container) if self.container else "/contacts"
        found = self.client.get(path, {"$filter": which, **contacts.MARKED}).get("value") or []
        return self._written(found[0]) if found else None

    def _written(self, contact: dict[str, Any]) -> Written:
        payload = contacts.payload(self.client, contact)
        return Written(str(contact["id"]), contacts.version_of(contact), payload)


def writer(client: Client, records: str) -> ContactWriter:
    """Return what writes to the contacts of a mailbox; the name is kind and mailbox, and the folder where one is meant.

    Raises:
        RejectedError: the settings do not let the hub write there.
    """
    container = records.partition(":")[2].partition(":")[2]
    settings = client.settings
    if client.mailbox not in settings.wanted_mailboxes:
        raise RejectedError("The settings no longer want this mailbox.")
    if not (settings.contacts and settings.contacts_back):
        raise RejectedError("The settings of this connection let nobody write to its contacts.")
    return ContactWriter(client, container)
