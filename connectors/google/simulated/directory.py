"""Who works in the Workspace: the Admin SDK's list of users, and the same people in the People API.

Sources: https://developers.google.com/workspace/admin/directory/reference/rest/v1/users/list and
https://developers.google.com/people/api/rest/v1/people/listDirectoryPeople
"""

from connectors.google.simulated.call import Call, Handler
from connectors.google.simulated.errors import ApiError, Json, bad_request
from connectors.google.simulated.paging import cut, place
from connectors.google.simulated.people_api import FIELDS, masked
from connectors.google.simulated.world import User


def list_users(call: Call) -> Json:
    """Everybody in the domain; only an administrator may ask."""
    asker = call.user
    if not asker.admin:
        raise ApiError(403, "forbidden", "Not Authorized to access this resource/api")
    if not call.query.get("domain") and call.query.get("customer") != "my_customer":
        raise bad_request("Bad Request")
    domain = call.query.get("domain") or asker.workspace
    found = sorted((one for one in call.world.users.values() if one.workspace == domain), key=_key)
    at = place(call.query.get("pageToken", ""))
    page = cut(found, _key, call.limit("maxResults", 100, 500), at, call.world.faults)
    answer: Json = {
        "kind": "admin#directory#users",
        "etag": f'"u{len(found)}"',
        "users": [_shown(one) for one in page.items],
    }
    return answer | ({"nextPageToken": page.next_token} if page.next_token else {})


def _key(user: User) -> str:
    return user.address


def _shown(user: User) -> Json:
    given, _, family = user.name.partition(" ")
    return {
        "kind": "admin#directory#user", "id": user.id, "etag": f'"u{user.id}"', "primaryEmail": user.address,
        "name": {"givenName": given, "familyName": family, "fullName": user.name},
        "emails": [{"address": user.address, "primary": True}], "isAdmin": user.admin, "suspended": False,
        "archived": False, "isMailboxSetup": True,
    }  # fmt: skip


def list_people(call: Call) -> Json:
    """The colleagues' profiles. No sync token here."""
    if not call.user.workspace:
        raise ApiError(403, "forbidden", "Must be a G Suite domain user.")
    if not call.query.get("sources"):
        raise bad_request("Request must contain a valid source.", "invalidArgument")
    mask = masked(call.query.get("readMask", ""), "readMask", FIELDS, needed=True) | {"resourceName", "etag"}
    found = sorted((one for one in call.world.users.values() if one.workspace == call.user.workspace), key=_key)
    at = place(call.query.get("pageToken", ""))
    page = cut(found, _key, call.limit("pageSize", 100, 1000), at, call.world.faults)
    answer: Json = {}
    if page.items:
        profiles = [one.profile(call.world.base_url) for one in page.items]
        answer["people"] = [{name: value for name, value in one.items() if name in mask} for one in profiles]
    return answer | ({"nextPageToken": page.next_token} if page.next_token else {})


HANDLERS: dict[str, Handler] = {
    "directory.users.list": list_users,
    "people.people.listDirectoryPeople": list_people,
}
