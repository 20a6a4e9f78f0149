"""People of the organisation, and the organisation itself.

Sources: https://learn.microsoft.com/graph/api/user-get, .../user-list, .../organization-get
"""

from connectors.microsoft.simulated.call import Call, Reply, Route
from connectors.microsoft.simulated.errors import Json, denied, not_found
from connectors.microsoft.simulated.listing import listed, selected
from connectors.microsoft.simulated.world import User

_OTHERS = frozenset({"User.ReadBasic.All", "User.Read.All"})
_BASIC = ("displayName", "givenName", "mail", "surname", "userPrincipalName", "id")
_MORE = ("accountEnabled", "userType")  # only where they are selected


def _shown(call: Call, user: User) -> Json:
    found = user.facts()
    if call.principal and call.principal != user.address:
        found = {name: found[name] for name in _BASIC}
    if "$select" in call.query:
        found |= dict(zip(_MORE, (True, "Member"), strict=True))
    return selected(call, found)


def get_user(call: Call) -> Reply:
    """One person. Others than oneself need a permission of their own."""
    user = call.world.named(call.path["user"])
    if user is None:
        raise not_found("Request_ResourceNotFound")
    if call.principal != user.address and not call.permissions & _OTHERS:
        raise denied("Insufficient privileges to complete the operation.")
    context = f"{call.world.base_url}/v1.0/$metadata#users/$entity"
    return Reply({"@odata.context": context, **_shown(call, user)})


def list_users(call: Call) -> Reply:
    everybody = sorted(call.world.users.values(), key=lambda one: one.id)
    return listed(call, everybody, lambda one: _shown(call, one), 100, 999)


def organization(call: Call) -> Reply:
    oauth = call.world.oauth
    domain = {"capabilities": "Email, OfficeCommunicationsOnline", "isDefault": True, "isInitial": False,
              "name": oauth.domain, "type": "Managed"}  # fmt: skip
    one = {"id": oauth.tenant_id, "displayName": "Acme", "verifiedDomains": [domain]}
    return Reply(
        {"@odata.context": f"{call.world.base_url}/v1.0/$metadata#organization", "value": [selected(call, one)]}
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/users/{user}", get_user, frozenset({"User.Read"}) | _OTHERS),
    Route("GET", "/users", list_users, _OTHERS),
    Route("GET", "/organization", organization, frozenset({"User.Read", "Organization.Read.All"})),
)
