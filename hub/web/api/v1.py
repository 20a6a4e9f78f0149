"""The API as a whole: who may enter, its description, and what is answered where nothing is."""

from flask import Response, current_app, json, request
from werkzeug.exceptions import HTTPException

from hub.web.api import (
    access,
    accounts,
    calls,
    claims,
    duplicates,
    embed_tickets,
    fields,
    insights,
    leads,
    links,
    me,
    meetings,
    merges,
    messages,
    money,
    notes,
    openapi,
    parties,
    raw_records,
    recordings,
    search,
    tasks,
    tickets,
    timeline,
    users,
    webhook_endpoints,
)
from hub.web.api.operation import JSON, as_problem, blueprint, scopes
from hub.web.api.problem import FaultError, answer, fault_of
from hub.web.frame import current_hub

__all__ = ["blueprint", "scopes"]
# Importing them put their views on the blueprint, in the order of the description.
SUBJECTS = (
    me,
    users,
    fields,
    search,
    parties,
    claims,
    links,
    merges,
    duplicates,
    timeline,
    leads,
    calls,
    recordings,
    notes,
    tickets,
    tasks,
    meetings,
    messages,
    money,
    insights,
    accounts,
    raw_records,
    embed_tickets,
    webhook_endpoints,
)
DOCUMENT = "openapi.json"
_METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE")


@blueprint.before_request
def enter() -> Response | None:
    """Let in who has a token; the description is open to everybody, since it says nothing of this installation."""
    if request.endpoint == "api.document":
        return None
    try:
        access.identify()
    except Exception as error:  # noqa: BLE001 - `fault_of` logs what nobody foresaw
        return answer(fault_of(error))
    return None


@blueprint.get(f"/{DOCUMENT}")
@as_problem
def document() -> Response:
    """Describe the API."""
    text = json.dumps(openapi.document(current_hub().settings.public_url))
    return Response(text, content_type=JSON, headers={"Cache-Control": "public, max-age=300"})


@blueprint.route("/", methods=_METHODS, defaults={"rest": ""})
@blueprint.route("/<path:rest>", methods=_METHODS)
@as_problem
def nothing(rest: str) -> Response:
    """Say that there is nothing here (404), or not with this method (405)."""
    if allowed := _allowed():
        text = f"{request.method} is not possible here, but: {', '.join(allowed)}"
        raise FaultError(405, text, "method_not_allowed", Allow=", ".join(allowed))
    raise FaultError(404, f"There is nothing at {rest!r}; see /api/v1/{DOCUMENT}", "not_found")


def _allowed() -> list[str]:
    """Return the methods with which this address would reach an operation."""
    address = current_app.url_map.bind_to_environ(request.environ)
    allowed = []
    for method in _METHODS:
        try:
            endpoint, _ = address.match(method=method)
        except HTTPException:
            continue
        if endpoint != request.endpoint:
            allowed.append(method)
    return allowed
