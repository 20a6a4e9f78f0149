"""A program that uses the API and holds every answer against the API's own description."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from flask import Flask
from flask.testing import FlaskClient
from openapi_schema_validator import OAS31Validator
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from hub.context import Hub
from hub.cti.models import CallRow, Extension, LegRow
from hub.cti.telephone import Telephone
from hub.intake import accounts
from hub.intake.models import Account
from hub.security import tokens, users
from hub.security.models import Role, User
from hub.web.factory import make_flask
from tests.fakes.exchange import NAME, SECRET, FakeExchange, connector

PREFIX = "/api/v1"
_DOCUMENTS: dict[str, Any] = {}  # the description is the same for every app of one test run


class ApiClient:
    """Sends one token; an answer that the description does not promise is an AssertionError."""

    def __init__(self, client: FlaskClient, token: str) -> None:
        self.client = client
        self.token = token
        if not _DOCUMENTS:
            _DOCUMENTS.update(client.get(f"{PREFIX}/openapi.json").get_json())
        self.document = _DOCUMENTS

    def get(self, path: str, **more: Any) -> TestResponse:
        return self.ask("GET", path, **more)

    def post(self, path: str, body: Any = None, key: str | None = None, **more: Any) -> TestResponse:
        headers = {"Idempotency-Key": key} if key is not None else {}
        return self.ask("POST", path, body, headers=headers, **more)

    def patch(self, path: str, body: Any) -> TestResponse:
        return self.ask("PATCH", path, body)

    def ask(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, **more: Any
    ) -> TestResponse:
        sent = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        if body is not None:
            more |= {"data": json.dumps(body), "content_type": "application/json"}
        response = self.client.open(f"{PREFIX}{path}", method=method, headers=sent, **more)
        self.check(method, path.partition("?")[0], response)
        return response

    def pages(self, path: str, limit: int) -> list[list[Any]]:
        """Follow the cursors to the end."""
        sign = "&" if "?" in path else "?"
        pages: list[list[Any]] = []
        after = ""
        while True:
            answer = self.get(f"{path}{sign}limit={limit}{after}").get_json()
            pages.append(answer["items"])
            assert len(pages) < 1000, "the cursors lead in a circle"
            if answer["next"] is None:
                return pages
            after = f"&after={answer['next']}"

    def check(self, method: str, path: str, response: TestResponse) -> None:
        """Hold an answer against the description."""
        operation = self.operation(method, path)
        if operation is None:
            assert response.status_code in {401, 404, 405}, f"{method} {path} is not described"
            return
        described = operation["responses"].get(str(response.status_code))
        assert described is not None, f"{method} {path}: {response.status_code} is not described: {response.data!r}"
        if "content" not in described:
            assert response.data == b""
            return
        content = described["content"].get(response.mimetype)
        if content is None:
            assert "audio/*" in described["content"], f"{method} {path}: {response.mimetype} is not described"
            return
        if response.mimetype == "application/octet-stream":
            return  # a file
        schema = {**content["schema"], "components": self.document["components"]}
        OAS31Validator(schema).validate(response.get_json())

    def operation(self, method: str, path: str) -> Any:
        """Find the description of an operation; None where there is none."""
        paths: dict[str, Any] = self.document["paths"]
        matching = [one for one in paths if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(one)), path)]
        found = min(matching, key=lambda template: template.count("{"), default=None)  # what is written out goes before
        return paths[found].get(method.lower()) if found is not None else None


def wired(hub: Hub, exchange: FakeExchange) -> Hub:
    """Return the same hub with one connector: the fake exchange's."""
    connectors = {NAME: connector(exchange)}
    telephone = Telephone(hub.settings, hub.db, hub.vault, connectors, hub.limiter)
    return replace(hub, connectors=connectors, telephone=telephone)


@dataclass(frozen=True, slots=True)
class Office:
    """A hub with an exchange, three people, and programs that speak for them."""

    hub: Hub
    app: Flask
    exchange: FakeExchange
    account: Account
    agent: User
    colleague: User
    manager: User
    admin: User
    as_agent: ApiClient
    as_manager: ApiClient
    as_admin: ApiClient
    as_program: ApiClient  # a token of its own, role admin


def office(hub: Hub, exchange: FakeExchange) -> Office:
    """Set one up: extensions 101 (agent) and 102 (colleague) on the account `Office`."""
    hub = wired(hub, exchange)
    app = make_flask(hub)
    with hub.db.write() as session:
        account = accounts.create(session, hub.connectors[NAME], hub.vault, "Office", {"secret": SECRET})
        agent = users.add(session, "noa@example.com", "Noa", Role.AGENT)
        colleague = users.add(session, "omer@example.com", "Omer", Role.AGENT)
        manager = users.add(session, "maya@example.com", "Maya", Role.MANAGER)
        admin = users.add(session, "adam@example.com", "Adam", Role.ADMIN)
        session.add(Extension(account_id=account.id, number="101", user_id=agent.id))
        session.add(Extension(account_id=account.id, number="102", user_id=colleague.id))
        secrets = [
            tokens.add(session, "of the agent", Role.AGENT, agent),
            tokens.add(session, "of the manager", Role.MANAGER, manager),
            tokens.add(session, "of the administrator", Role.ADMIN, admin),
            tokens.add(session, "of a program", Role.ADMIN),
        ]
    clients = [ApiClient(app.test_client(), secret) for secret in secrets]
    return Office(hub, app, exchange, account, agent, colleague, manager, admin, *clients)


def add_call(
    session: Session,
    account: Account,
    key: str,
    started_at: datetime,
    users_rung: Sequence[User] = (),
    **facts: Any,
) -> CallRow:
    """Write a call as the listener would, with one leg a user."""
    given = {"direction": "inbound", "outcome": "missed", "open": False, "source": "live", **facts}
    call = CallRow(account_id=account.id, key=key, started_at=started_at, **given)
    session.add(call)
    session.flush()
    for number, user in enumerate(users_rung):
        leg = LegRow(
            call_id=call.id, uid=f"{key}-{number}", extension=f"10{number + 1}", user_id=user.id,
            channel=f"PJSIP/10{number + 1}-{key}", offered_at=started_at, ringing_at=started_at,
            answered_at=started_at if given["outcome"] == "answered" or given["open"] else None,
        )  # fmt: skip
        session.add(leg)
    session.flush()
    return call
