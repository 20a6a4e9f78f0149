"""The People API over an address book: contact groups.

Source: https://developers.google.com/people/api/rest/v1/contactGroups
"""

from dataclasses import replace

from connectors.google.simulated.call import Call, Handler
from connectors.google.simulated.errors import ApiError, Json, bad_request, not_found, sync_token_expired
from connectors.google.simulated.paging import cut, pack, place, unpack
from connectors.google.simulated.people import Group
from connectors.google.simulated.stamps import rfc3339

_DEFAULT = "metadata,groupType,memberCount,name"


def list_groups(call: Call) -> Json:
    book = call.user.people
    since = _since(call)
    at = place(call.query.get("pageToken", ""), bad_request("Invalid page token.", "invalidArgument"))
    opened = at.opened or {"seq": call.world.tick()}
    found = sorted(
        (
            one
            for one in book.groups.values()
            if (since < one.seq <= opened["seq"] if since is not None else not one.deleted)
        ),
        key=_key,
    )
    page = cut(found, _key, call.limit("pageSize", 30, 1000), replace(at, opened=opened), call.world.faults)
    answer: Json = {"totalItems": sum(not one.deleted for one in book.groups.values())}
    if page.items:
        answer["contactGroups"] = [shown(call, one) for one in page.items]
    if page.next_token:
        answer["nextPageToken"] = page.next_token
    elif not call.world.faults.take("no_sync_token"):
        answer["nextSyncToken"] = pack("g", {"user": call.user.address, "seq": opened["seq"]})
    return answer


def _key(group: Group) -> tuple[int, str]:
    return group.seq, group.id


def _since(call: Call) -> int | None:
    token = call.query.get("syncToken")
    if not token:
        return None
    try:
        facts = unpack("g", token)
        seq, user = int(facts["seq"]), facts["user"]
    except (ValueError, KeyError, TypeError, UnicodeDecodeError):
        raise bad_request("Invalid sync token.", "invalidArgument") from None
    if call.world.faults.take("expire_cursor"):
        call.user.people.group_floor = call.world.tick()
    if user != call.user.address or seq < call.user.people.group_floor:
        raise sync_token_expired()
    return seq


def shown(call: Call, group: Group, max_members: int = 0) -> Json:
    """A group with the fields asked for."""
    wanted = set((call.query.get("groupFields") or _DEFAULT).split(","))
    found: Json = {"resourceName": f"contactGroups/{group.id}", "etag": f"g{group.seq}", "formattedName": group.name}
    members = call.user.people.members(group)
    every = {
        "metadata": {"updateTime": rfc3339(group.updated)} | ({"deleted": True} if group.deleted else {}),
        "groupType": "SYSTEM_CONTACT_GROUP" if group.system else "USER_CONTACT_GROUP",
        "memberCount": len(members),
        "name": group.name,
    }
    found |= {name: value for name, value in every.items() if name in wanted or (name == "metadata" and group.deleted)}
    if max_members:
        found["memberResourceNames"] = [f"people/{one.id}" for one in members[:max_members]]
    return found


def _group(call: Call, name: str) -> Group:
    found = call.user.people.groups.get(name.rpartition("/")[2])
    if found is None or found.deleted:
        raise not_found()
    return found


def _own_group(call: Call, name: str) -> Group:
    group = _group(call, name)
    if group.system:
        raise bad_request("System contact groups cannot be changed.", "invalidArgument")
    return group


def get(call: Call) -> Json:
    return shown(call, _group(call, call.path["resourceName"]), int(call.query.get("maxMembers", 0)))


def batch_get(call: Call) -> Json:
    names = call.query.get("resourceNames", ())
    most = int(call.query.get("maxMembers", 0))
    return {"responses": [_response(call, name, most) for name in names]}


def _response(call: Call, name: str, most: int) -> Json:
    try:
        return {"requestedResourceName": name, "contactGroup": shown(call, _group(call, name), most)}
    except ApiError as error:
        return {"requestedResourceName": name, "status": {"code": 5, "message": error.message}}


def create(call: Call) -> Json:
    name = call.body.get("contactGroup", {}).get("name", "")
    if not name:
        raise ApiError(400, "required", "Missing required field: contactGroup.name")
    return shown(call, _group(call, call.user.people.add_group(name)))


def update(call: Call) -> Json:
    group = _own_group(call, call.path["resourceName"])
    given = call.body.get("contactGroup", {})
    group.name = given.get("name", group.name)
    group.seq, group.updated = call.world.tick(), call.world.clock.time()
    return shown(call, group)


def delete(call: Call) -> Json:
    group = _own_group(call, call.path["resourceName"])
    book = call.user.people
    for card in book.members(group):
        if call.query.get("deleteContacts"):
            book.delete(f"people/{card.id}")
        elif not book.leave(card, group):
            book.join(card, book.groups["myContacts"])
            book.leave(book.contact(f"people/{card.id}"), group)
    group.deleted, group.seq, group.updated = True, call.world.tick(), call.world.clock.time()
    return {}


def modify_members(call: Call) -> Json:
    group = _group(call, call.path["resourceName"])
    book = call.user.people
    added, removed = call.body.get("resourceNamesToAdd", []), call.body.get("resourceNamesToRemove", [])
    missing, last = [], []
    for name in [*added, *removed]:
        try:
            card = book.contact(name)
        except ApiError:
            missing.append(name)
            continue
        if name in added:
            book.join(card, group)
        elif not book.leave(card, group):
            last.append(name)
    answer: Json = {}
    if missing:
        answer["notFoundResourceNames"] = missing
    if last:
        answer["canNotRemoveLastContactGroupResourceNames"] = last
    return answer


HANDLERS: dict[str, Handler] = {
    "people.contactGroups.list": list_groups,
    "people.contactGroups.get": get,
    "people.contactGroups.batchGet": batch_get,
    "people.contactGroups.create": create,
    "people.contactGroups.update": update,
    "people.contactGroups.delete": delete,
    "people.contactGroups.members.modify": modify_members,
}
