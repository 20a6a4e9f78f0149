"""Is the process alive, and can it work? Asked by service managers, load balancers and people."""

from collections.abc import Callable

from flask import Blueprint, Response, json
from sqlalchemy.exc import SQLAlchemyError

from hub.context import Hub
from hub.store.migrate import is_current
from hub.web.frame import current_hub

OK = "ok"

blueprint = Blueprint("health", __name__)


@blueprint.get("/healthz")
def alive() -> Response:
    """Say that the process answers. Touches nothing, so that a slow database gets no process killed."""
    return _answer(200, {"status": OK})


@blueprint.get("/readyz")
def ready() -> Response:
    """Say whether requests can be served, part by part; 503 tells a load balancer to ask elsewhere."""
    hub = current_hub()
    parts = {name: look(hub) for name, look in _PARTS.items()}
    good = all(said == OK for said in parts.values())
    return _answer(200 if good else 503, {"status": OK if good else "not ready", "parts": parts})


def _database(hub: Hub) -> str:
    reader = hub.db.engine.execution_options(hub_read_only=True)  # or it would wait for whoever writes
    try:
        return OK if is_current(reader) else "not migrated; run: hub db upgrade"
    except SQLAlchemyError:
        return "not reachable"


def _bus(hub: Hub) -> str:
    return OK if hub.bus.is_up() else "not reachable"


def _listeners(hub: Hub) -> str:
    """The threads of this process that listen to exchanges; that an exchange is away is its account's matter."""
    dead = hub.telephone.dead_listeners()
    return f"stopped: {', '.join(dead)}" if dead else OK


_PARTS: dict[str, Callable[[Hub], str]] = {"database": _database, "bus": _bus, "listeners": _listeners}


def _answer(status: int, said: object) -> Response:
    return Response(json.dumps(said), status, content_type="application/json", headers={"Cache-Control": "no-store"})
