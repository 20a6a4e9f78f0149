"""The People API over an address book: contacts and other contacts.

Source: https://developers.google.com/people/api/rest/v1/people.connections/list and its neighbours
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from connectors.google.simulated import mime
from connectors.google.simulated.call import Call, Handler
from connectors.google.simulated.errors import (
    ApiError,
    Json,
    bad_request,
    error_info,
    invalid_parameter,
    not_found,
    sync_token_expired,
)
from connectors.google.simulated.paging import cut, fingerprint, pack, place, unpack
from connectors.google.simulated.people import TOKEN_DAYS, Card, Cards

FIELDS = frozenset({
    "addresses", "ageRanges", "biographies", "birthdays", "calendarUrls", "clientData", "coverPhotos", "emailAddresses",
    "events", "externalIds", "genders", "imClients", "interests", "locales", "locations", "memberships", "metadata",
    "miscKeywords", "names", "nicknames", "occupations", "organizations", "phoneNumbers", "photos", "relations",
    "sipAddresses", "skills", "urls", "userDefined",
})  # fmt: skip
WRITABLE = FIELDS - {"metadata", "photos", "coverPhotos", "ageRanges", "skills"}
OTHER_FIELDS = frozenset({"emailAddresses", "metadata", "names", "phoneNumbers", "photos"})
_OPENING = ("pageToken", "syncToken", "fields", "alt", "prettyPrint", "quotaUser", "requestSyncToken", "pageSize")


def _mask(call: Call, name: str, allowed: frozenset[str], *, needed: bool) -> frozenset[str]:
    """The fields that are asked for. Raises ApiError (400)."""
    text = call.query.get(name) or call.query.get("requestMask.includeField", "").replace("person.", "")
    return masked(text, name, allowed, needed=needed)


def masked(text: str, name: str, allowed: frozenset[str], *, needed: bool) -> frozenset[str]:
    if not text:
        if needed:
            raise bad_request(f"{name} mask is required. Please specify one or more valid paths. Valid paths are "
                              "documented at https://developers.google.com/people/api/rest/v1/people.", name)  # fmt: skip
        return allowed
    wanted = {one.strip().split(".")[0] for one in text.split(",")}
    if unknown := wanted - allowed:
        raise invalid_parameter(name, f'Invalid {name} mask path: "{min(unknown)}". Valid paths are documented at '
                                "https://developers.google.com/people/api/rest/v1/people.")  # fmt: skip
    return frozenset(wanted)


def shown(call: Call, cards: Cards, card: Card, mask: frozenset[str]) -> Json:
    """A person with the fields of a mask. Who is deleted comes with his metadata, asked for or not."""
    person = cards.person(card, call.world.base_url)
    kept = mask | {"resourceName", "etag"} | ({"metadata"} if not card.body else set())
    return {name: value for name, value in person.items() if name in kept}


# -- listings ---------------------------------------------------------------------------------------------------------


def list_connections(call: Call) -> Json:
    _only_me(call)
    mask = _mask(call, "personFields", FIELDS, needed=True)
    book = call.user.people
    answer, total = _list(call, book.contacts, mask, "connections", _ordering(call))
    return answer | {"totalItems": total, "totalPeople": total}


def list_others(call: Call) -> Json:
    mask = _mask(call, "readMask", OTHER_FIELDS, needed=True)
    answer, total = _list(call, call.user.people.others, mask, "otherContacts", _by_change)
    return answer | {"totalSize": total}


def _only_me(call: Call) -> None:
    if call.path["resourceName"] != "people/me":
        raise bad_request("Resource name must be people/me.", "invalidArgument")


def _by_change(card: Card) -> Any:
    return (card.seq, card.id)


def _ordering(call: Call) -> Callable[[Card], Any]:
    def name(card: Card, part: str) -> str:
        return str((card.body.get("names") or [{}])[0].get(part, "")).lower()

    match call.query.get("sortOrder", "LAST_MODIFIED_ASCENDING"):
        case "LAST_MODIFIED_DESCENDING":
            return lambda card: (-card.seq, card.id)
        case "FIRST_NAME_ASCENDING":
            return lambda card: (name(card, "givenName"), card.id)
        case "LAST_NAME_ASCENDING":
            return lambda card: (name(card, "familyName"), card.id)
    return _by_change


def _list(call: Call, cards: Cards, mask: frozenset[str], name: str, key: Callable[[Card], Any]) -> tuple[Json, int]:
    """A full or an incremental listing.

    A full one is taken as it was opened: who changes between two pages comes with the next sync token.
    """
    shape = fingerprint({key: value for key, value in call.query.items() if key not in _OPENING})
    sync = _sync(call, cards, shape)
    at = place(call.query.get("pageToken", ""), bad_request("Invalid page token.", "invalidArgument"))
    opened = at.opened or {"seq": cards.visible(), "shape": shape, "full_at": call.world.clock.time()}
    if opened["shape"] != shape:
        raise bad_request("The request parameters must match the first call of this page token.", "invalidArgument")
    upto = opened["seq"]
    found = sorted(cards.changed(sync["seq"], upto) if sync else cards.present(), key=key)
    limit = call.limit("pageSize", 100, 1000)
    page = cut(found, key, limit, replace(at, opened=opened), call.world.faults)
    answer: Json = {}
    if page.items:
        answer[name] = [shown(call, cards, one, mask) for one in page.items]
    asked = call.query.get("requestSyncToken") or sync
    if page.next_token:
        answer["nextPageToken"] = page.next_token
    elif asked and not call.world.faults.take("no_sync_token"):
        full_at = sync["full_at"] if sync else opened["full_at"]
        answer["nextSyncToken"] = pack("s", {
            "kind": cards.prefix, "user": call.user.address, "seq": upto, "shape": shape, "full_at": full_at,
        })  # fmt: skip
    return answer, len(cards.present())


def _sync(call: Call, cards: Cards, shape: str) -> Json | None:
    """Read the sync token. Raises ApiError (400): it is old, or belongs to another listing."""
    token = call.query.get("syncToken")
    if not token:
        return None
    try:
        facts: Json = unpack("s", token)
        mine = facts["kind"] == cards.prefix and facts["user"] == call.user.address
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise bad_request("Invalid sync token.", "invalidArgument") from None
    if not mine or facts["shape"] != shape:
        raise bad_request("The request parameters must match the first call of this sync token.", "invalidArgument")
    if call.world.faults.take("expire_cursor"):
        cards.floor = call.world.tick()
    too_old = call.world.clock.time() - facts["full_at"] > TOKEN_DAYS * 86_400
    if too_old or facts["seq"] < cards.floor:
        raise sync_token_expired()
    return facts


# -- one person -----------------------------------------------------------------------------------------------------------


def get(call: Call) -> Json:
    mask = _mask(call, "personFields", FIELDS, needed=True)
    return _person(call, call.path["resourceName"], mask)


def _person(call: Call, name: str, mask: frozenset[str]) -> Json:
    book = call.user.people
    if name in ("people/me", f"people/{call.user.id}"):
        profile = call.user.profile(call.world.base_url)
        return {key: value for key, value in profile.items() if key in mask | {"resourceName", "etag"}}
    return shown(call, book.contacts, book.contact(name), mask)


def batch_get(call: Call) -> Json:
    names = call.query.get("resourceNames", ())
    if not names:
        raise ApiError(400, "required", "Missing required parameter: resourceNames")
    if len(names) > 200:
        raise bad_request("Must not request more than 200 resource names.", "invalidArgument")
    mask = _mask(call, "personFields", FIELDS, needed=True)
    return {"responses": [_response(call, name, mask) for name in names]}


def _response(call: Call, name: str, mask: frozenset[str]) -> Json:
    try:
        person = _person(call, name, mask)
    except ApiError as error:
        status = {"code": 5, "message": error.message}
        return {"requestedResourceName": name, "httpStatusCode": error.code, "status": status}
    return {"requestedResourceName": name, "httpStatusCode": 200, "person": person}


def create(call: Call) -> Json:
    mask = _mask(call, "personFields", FIELDS, needed=False)
    book = call.user.people
    card = book.create({name: value for name, value in call.body.items() if name in WRITABLE})
    return shown(call, book.contacts, card, mask)


def update(call: Call) -> Json:
    """Replace the fields of a mask; the contact must be the one that was read.

    Source: https://developers.google.com/people/api/rest/v1/people/updateContact
    """
    mask = _mask(call, "personFields", FIELDS, needed=False)
    changed = masked(call.query.get("updatePersonFields", ""), "updatePersonFields", WRITABLE, needed=True)
    book = call.user.people
    card = book.contact(call.path["resourceName"])
    sources = [one for one in call.body.get("metadata", {}).get("sources", []) if one.get("type") == "CONTACT"]
    etags = [one["etag"] for one in sources if one.get("etag")] or [call.body.get("etag")]
    if not etags[0]:
        raise bad_request("Request must set person.etag or person.metadata.sources.etag for the source that is being "
                          "updated.", "invalidArgument")  # fmt: skip
    if etags[0] not in (card.etag, f"#{card.etag[3:]}"):
        raise ApiError(
            400, "failedPrecondition",
            "Request person.etag is different than the current person.etag. Clear local cache and get the latest "
            "person.", status="FAILED_PRECONDITION", details=[error_info("FAILED_PRECONDITION")],
        )  # fmt: skip
    new = book.change(card, {name: call.body.get(name, []) for name in changed})
    return shown(call, book.contacts, new, mask)


def delete(call: Call) -> Json:
    call.user.people.delete(call.path["resourceName"])
    return {}


def update_photo(call: Call) -> Json:
    book = call.user.people
    card = book.contact(call.path["resourceName"])
    try:
        photo = mime.decoded(call.wanted("photoBytes"))
    except ValueError:
        raise invalid_parameter("photoBytes") from None
    mask = masked(call.body.get("personFields", ""), "personFields", FIELDS, needed=False)
    return {"person": shown(call, book.contacts, book.change(card, {}, photo=photo), mask)}


def delete_photo(call: Call) -> Json:
    book = call.user.people
    card = book.contact(call.path["resourceName"])
    mask = _mask(call, "personFields", FIELDS, needed=False)
    return {"person": shown(call, book.contacts, book.change(card, {}, photo=b""), mask)}


def copy_other(call: Call) -> Json:
    """Make a contact of somebody whom Google noted."""
    book = call.user.people
    card = book.others.cards.get(call.path["resourceName"].partition("/")[2])
    if card is None or not card.body:
        raise not_found()
    mask = masked(call.body.get("copyMask", ""), "copyMask", OTHER_FIELDS, needed=True)
    new = book.create({name: value for name, value in card.body.items() if name in mask})
    return shown(call, book.contacts, new, masked(call.body.get("readMask", ""), "readMask", FIELDS, needed=False))


def search(call: Call) -> Json:
    """Contacts of which a word begins as the query does."""
    mask = _mask(call, "readMask", FIELDS, needed=True)
    query = call.query.get("query", "").lower()
    book = call.user.people
    found = [card for card in book.contacts.present() if _begins(card, query)] if query else []
    return {
        "results": [
            {"person": shown(call, book.contacts, one, mask)} for one in found[: call.limit("pageSize", 10, 30)]
        ]
    }


def _begins(card: Card, query: str) -> bool:
    texts = [one.get("displayName", "") for one in card.body.get("names", ())]
    for name in ("emailAddresses", "phoneNumbers", "organizations"):
        texts += [one.get("value", one.get("name", "")) for one in card.body.get(name, ())]
    return any(word.startswith(query) for text in texts for word in (text.lower(), *text.lower().split()))


HANDLERS: dict[str, Handler] = {
    "people.people.connections.list": list_connections,
    "people.otherContacts.list": list_others,
    "people.otherContacts.copyOtherContactToMyContactsGroup": copy_other,
    "people.people.get": get,
    "people.people.getBatchGet": batch_get,
    "people.people.createContact": create,
    "people.people.updateContact": update,
    "people.people.deleteContact": delete,
    "people.people.updateContactPhoto": update_photo,
    "people.people.deleteContactPhoto": delete_photo,
    "people.people.searchContacts": search,
}
