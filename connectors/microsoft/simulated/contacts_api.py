"""Contacts and their folders, as Graph offers them.

Sources: https://learn.microsoft.com/graph/api/user-list-contacts, .../contact-delta, .../contactfolder-delta,
.../user-post-contacts, .../contact-update and .../profilephoto-update
"""

from collections.abc import Callable, Mapping

from connectors.microsoft.simulated import delta, extended
from connectors.microsoft.simulated.call import Call, Reply, Route
from connectors.microsoft.simulated.errors import Json, bad_request, not_found
from connectors.microsoft.simulated.listing import context, expanded, listed, selected
from connectors.microsoft.simulated.odata_filter import Filterable
from connectors.microsoft.simulated.people import DEFAULT, AddressBook, Contact, Folder
from connectors.microsoft.simulated.shapes import CONTACT_FOLDER

# What the service answers to any of these in a round of changes, although the page of `contact: delta` offers $select.
# Source: https://learn.microsoft.com/graph/api/contact-delta, and the text of the refusal itself.
_NOT_IN_DELTA = ("$orderby", "$filter", "$select", "$expand", "$search", "$top")
_NAMES = ("displayName", "givenName", "surname", "companyName", "fileAs")


def _lower(name: str) -> Callable[[Contact], str]:
    return lambda contact: str(contact.body.get(name) or "").lower()


FILTERABLE = Filterable[Contact](
    values={
        **{name: _lower(name) for name in _NAMES},
        "createdDateTime": lambda contact: contact.created.replace(microsecond=0),
        "lastModifiedDateTime": lambda contact: contact.modified.replace(microsecond=0),
    },
    properties=lambda contact: contact.properties,
    lists={
        "emailAddresses/address": lambda it: [one["address"].lower() for one in it.body.get("emailAddresses", ())],
        "categories": lambda it: [one.lower() for one in it.body.get("categories", ())],
    },
)


# -- contacts ----------------------------------------------------------------------------------------------------------


def list_contacts(call: Call) -> Reply:
    """GET /contacts lists the main folder alone; an extended property is looked for in the whole mailbox.

    Source: https://learn.microsoft.com/graph/api/singlevaluelegacyextendedproperty-get
    """
    book, text, where = _book(call), call.query.get("$filter", "").strip(), [_folder(call)]
    if "folder" not in call.path and text and extended.NAME in FILTERABLE.read(text)[1]:
        where = list(book.folders.values())
    found = FILTERABLE.found([one for folder in where for one in book.inside(folder)], text)
    return listed(call, FILTERABLE.ordered(found, call.query.get("$orderby", "")), lambda one: _shown(call, one))


def contacts_delta(call: Call) -> Reply:
    """GET /contacts/delta or /contactFolders/{id}/contacts/delta."""
    _refuse_in_delta(call, "Contacts")
    book, feed = _book(call), _folder(call).feed(immutable=call.immutable)

    def show(contact_id: str, _asked: Mapping[str, str]) -> Json:
        return book.find(contact_id).told(immutable=call.immutable)

    return delta.round_of(call, feed, show, default=10, highest=1000)


def get_contact(call: Call) -> Reply:
    return _told(call, _contact(call))


def create_contact(call: Call) -> Reply:
    return _told(call, _book(call).create(call.body, _folder(call)), status=201)


def patch_contact(call: Call) -> Reply:
    contact = _contact(call)
    call.only_if(contact.etag)
    return _told(call, _book(call).change(contact, call.body))


def delete_contact(call: Call) -> Reply:
    contact = _contact(call)
    call.only_if(contact.etag)
    _book(call).throw_away(contact.immutable_id)
    return Reply(status=204)


# -- photos ------------------------------------------------------------------------------------------------------------


def get_photo(call: Call) -> Reply:
    return Reply({"@odata.context": f"{context(call)}/$entity", **_book(call).picture(_contact(call))})


def get_photo_value(call: Call) -> Reply:
    contact = _contact(call)
    facts = _book(call).picture(contact)
    return Reply(content=contact.photo, content_type=contact.photo_type, headers={"ETag": facts["@odata.mediaEtag"]})


def put_photo_value(call: Call) -> Reply:
    kind = call.headers.get("content-type", "").partition(";")[0]
    if not call.raw or not kind.startswith("image/"):
        raise bad_request("The photo must be a picture.", "ErrorInvalidRequest")
    _book(call).put_up(_contact(call).immutable_id, call.raw, kind)
    return Reply(content=b"")


# -- folders -----------------------------------------------------------------------------------------------------------


def list_folders(call: Call) -> Reply:
    """GET /contactFolders lists what lies in the main folder, but not that one itself.

    Source: https://github.com/microsoftgraph/microsoft-graph-docs/issues/6273
    """
    found = _book(call).children(_folder(call))
    return listed(call, found, lambda one: selected(call, one.told()))


def folders_delta(call: Call) -> Reply:
    """GET /contactFolders/delta: all folders, however deep, the main one too."""
    _refuse_in_delta(call, "Folders")
    book = _book(call)
    return delta.round_of(call, book.feed, lambda one, _: book.folder(one).told(), default=10, highest=1000)


def get_folder(call: Call) -> Reply:
    return _folder_told(call, _folder(call))


def create_folder(call: Call) -> Reply:
    folder = _book(call).new_folder(_name(call), _folder(call))
    return _folder_told(call, folder, status=201)


def patch_folder(call: Call) -> Reply:
    folder = _folder(call)
    _book(call).rename_folder(folder.id, _name(call))
    return _folder_told(call, folder)


def delete_folder(call: Call) -> Reply:
    _book(call).delete_folder(_folder(call).id)
    return Reply(status=204)


# -- what a call names ---------------------------------------------------------------------------------------------------


def _book(call: Call) -> AddressBook:
    found = call.user.contacts
    assert isinstance(found, AddressBook)
    return found


def _folder(call: Call) -> Folder:
    return _book(call).folder(call.path.get("folder", DEFAULT))


def _contact(call: Call) -> Contact:
    """The contact that the path names; behind a folder, only one that is in it. Raises ApiError (404)."""
    contact = _book(call).find(call.path["id"])
    if "folder" in call.path and contact.folder != _folder(call).id:
        raise not_found()
    return contact


def _name(call: Call) -> str:
    return str(call.given(CONTACT_FOLDER)["displayName"])


def _refuse_in_delta(call: Call, resource: str) -> None:
    if any(name in call.query for name in _NOT_IN_DELTA):
        listed_names = ", ".join(_NOT_IN_DELTA)
        raise bad_request(
            f"The following parameters are not supported with change tracking over the '{resource}' resource: "
            f"'{listed_names}'.",
            "ErrorInvalidUrlQuery",
        )


# -- what is answered ----------------------------------------------------------------------------------------------------


def _shown(call: Call, contact: Contact) -> Json:
    found = selected(call, contact.told(immutable=call.immutable))
    for term in expanded(call.query.get("$expand", "")):
        found |= extended.shown(contact.properties.get, term)
    return found


def _told(call: Call, contact: Contact, status: int = 200) -> Reply:
    return Reply({"@odata.context": f"{context(call)}/$entity", **_shown(call, contact)}, status)


def _folder_told(call: Call, folder: Folder, status: int = 200) -> Reply:
    return Reply({"@odata.context": f"{context(call)}/$entity", **selected(call, folder.told())}, status)


_READ = frozenset({"Contacts.Read", "Contacts.ReadWrite"})
_WRITE = frozenset({"Contacts.ReadWrite"})
_USER = "/users/{user}"
_FOLDER = f"{_USER}/contactFolders/{{folder}}"


def _routes(place: str) -> tuple[Route, ...]:
    """What can be done with the contacts of a place."""
    return (
        Route("GET", f"{place}/contacts", list_contacts, _READ),
        Route("GET", f"{place}/contacts/delta", contacts_delta, _READ),
        Route("POST", f"{place}/contacts", create_contact, _WRITE, writes=True),
        Route("GET", f"{place}/contacts/{{id}}", get_contact, _READ),
        Route("PATCH", f"{place}/contacts/{{id}}", patch_contact, _WRITE, writes=True),
        Route("DELETE", f"{place}/contacts/{{id}}", delete_contact, _WRITE, writes=True),
        Route("GET", f"{place}/contacts/{{id}}/photo", get_photo, _READ),
        Route("GET", f"{place}/contacts/{{id}}/photo/$value", get_photo_value, _READ),
        Route("PUT", f"{place}/contacts/{{id}}/photo/$value", put_photo_value, _WRITE, writes=True),
        Route("PATCH", f"{place}/contacts/{{id}}/photo/$value", put_photo_value, _WRITE, writes=True),
    )


ROUTES = (
    *_routes(_USER),
    *_routes(_FOLDER),
    Route("GET", f"{_USER}/contactFolders", list_folders, _READ),
    Route("POST", f"{_USER}/contactFolders", create_folder, _WRITE, writes=True),
    Route("GET", f"{_USER}/contactFolders/delta", folders_delta, _READ),
    Route("GET", _FOLDER, get_folder, _READ),
    Route("PATCH", _FOLDER, patch_folder, _WRITE, writes=True),
    Route("DELETE", _FOLDER, delete_folder, _WRITE, writes=True),
    Route("GET", f"{_FOLDER}/childFolders", list_folders, _READ),
    Route("POST", f"{_FOLDER}/childFolders", create_folder, _WRITE, writes=True),
)
