"""What a stranger's program may send, made up out of the API's own description: nothing fails, nothing undescribed comes back."""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import schemathesis
from flask import Flask
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from sqlalchemy import select

from hub.accounting.models import DocumentRow, PaymentRow
from hub.context import Hub
from hub.cti.models import CallRow, Recording
from hub.events.models import Event
from hub.fields import edit
from hub.fields.edit import Draft
from hub.fields.models import Of, Type
from hub.identity.models import Claim, Merge, Party, Review
from hub.intake.models import Account, RawRecord, StreamState
from hub.leads.models import LeadRow
from hub.meetings.models import Booking
from hub.messages.models import Conversation
from hub.records.interaction import Interaction as Record
from hub.security import tokens
from hub.security.models import Role, User
from hub.store.base import now
from hub.tickets.models import TicketRow
from hub.timeline.add import Entry, add
from hub.timeline.models import Interaction, Kind, Note, NoteFile, Task
from hub.web.api.operation import JSON
from hub.web.factory import make_flask
from hub.webhooks.models import WebhookDelivery, WebhookEndpoint
from tests.e2e.field_world import ADMIN
from tests.fakes import somebody
from tests.fakes.api import PREFIX, ApiClient, Office, office
from tests.fakes.ledger import Ledger
from tests.fakes.somebody import Removing

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
EXAMPLES = 5  # of each kind and operation; with 120 nothing more was found
# What parameters and fields of bodies point to: made up, they would lead nowhere.
ROWS: Mapping[str, Any] = {
    "account_id": Account, "booking_id": Booking, "call_id": CallRow, "claim_id": Claim, "document_id": DocumentRow,
    "duplicate_id": Review, "file_id": NoteFile, "lead_id": LeadRow, "merge_id": Merge, "note_id": Note,
    "party_id": Party, "payment_id": PaymentRow, "record_id": RawRecord, "recording_id": Recording, "task_id": Task,
    "party": Party, "other": Party, "winner": Party, "company": Party, "call": CallRow, "owner": User, "user": User,
    "conversation": Conversation, "account": Account,
}  # fmt: skip
# Made up, one is seldom after the other, or within a year of now.
FIRST, LAST = ["2026-11-01T09:00:00Z", "2026-11-01"], ["2026-11-28T10:00:00+02:00", "2026-11-28"]
TIMES = {
    "since": FIRST, "from": FIRST, "start": FIRST[:1], "until": LAST, "to": LAST, "end": LAST[:1], "due_at": LAST[:1],
}  # fmt: skip
# What is read at an address without an id at its end and is no list; every other one is.
NO_LISTS = frozenset({"/freebusy", "/insights/completeness", "/me", "/parties/{party_id}/money", "/search"})
Known = Mapping[str, Sequence[str]]
AnyOperation = APIOperation[Any, Any, Any, Any]


def test_no_request_is_answered_otherwise_than_described(hub: Hub, tmp_path: Path) -> None:
    desk = full(hub, tmp_path)
    with desk.hub.db.write() as session:
        token = tokens.add(session, "a stranger", Role.ADMIN, rate="1000000/second")
    schema = schemathesis.openapi.from_wsgi(f"{PREFIX}/openapi.json", to_the_end(desk.app))
    made = [desk.as_admin.post("/webhook-endpoints", {"url": f"https://crm.example/{n}"}).get_json() for n in range(4)]
    known, said = {**ids(desk), "endpoint_id": [one["id"] for one in made]}, Counter[int]()
    operations = [found.ok() for found in schema.get_all_operations() if isinstance(found, Ok)]
    assert len(operations) > 50
    for operation in sorted(operations, key=lambda one: one.method == "delete"):  # they take away what others ask for
        for mode in GenerationMode:
            ask(operation, mode, known, token, said)
    assert {200, 201, 400, 401, 404, 409, 422} <= said.keys(), "requests that only fail test little"
    assert said[200] > len(operations)


def test_all_lists_have_one_shape_and_come_in_pages(hub: Hub, tmp_path: Path) -> None:
    desk = full(hub, tmp_path)
    with desk.hub.db.write() as session:
        client = ApiClient(desk.app.test_client(), tokens.add(session, "a reader", Role.ADMIN, rate="1000000/second"))
    more = more_of_each(desk)
    known = {**ids(desk), **more}
    found = {path: operations["get"] for path, operations in client.document["paths"].items() if "get" in operations}
    lists = {path for path, operation in found.items() if not path.endswith("}") and is_json(operation)} - NO_LISTS
    shapes = client.document["components"]["schemas"]
    short = []
    for path in sorted(found.keys() - {"/openapi.json"}):
        if not is_json(found[path]):
            continue
        answer = shapes[found[path]["responses"]["200"]["content"][JSON]["schema"]["$ref"].rpartition("/")[2]]
        asked = {one["name"]: one["schema"] for one in found[path]["parameters"] if one["in"] == "query"}
        assert (path in lists) == ("items" in answer["properties"]) == ("after" in asked), (
            f"{path} is no list, or an odd one"
        )
        if path not in lists:
            continue
        assert answer["properties"].keys() == set(answer["required"]) == {"items", "next"}, path
        assert (asked["limit"]["minimum"], asked["limit"]["maximum"], asked["limit"]["default"]) == (1, 200, 50), path
        most = max(list(addresses(path, known)), key=lambda one: len(client.get(one).get_json()["items"]))
        [whole] = client.pages(most, 200)
        assert client.pages(most, 1) == [[one] for one in whole], path
        wrong = ("limit=0", "limit=201", "after=x", "x=1")
        assert [client.get(f"{most}?{one}").status_code for one in wrong] == [400] * 4, path
        if len(whole) < 2:
            short.append(path)
    assert short == ["/messages"], "a list of one shows nothing of paging; of messages the office has one"


def ask(operation: AnyOperation, mode: GenerationMode, known: Known, token: str, said: Counter[int]) -> None:
    """Send an operation what its description allows, or forbids, and hold the answers against it."""

    @seed(1)
    @settings(
        max_examples=EXAMPLES, deadline=None, database=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck)
    )  # fmt: skip
    @given(st.data())
    def asked(data: st.DataObject) -> None:
        case = data.draw(operation.as_strategy(generation_mode=mode))
        point(case, data, known)
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {token}"}, checks=CHECKS)
        said[answer.status_code] += 1

    asked()


def point(case: Any, data: st.DataObject, known: Known) -> None:
    """Let most ids of a request be those of something, and most times make sense."""
    for part in (case.path_parameters, case.query, case.body):
        for name in part if isinstance(part, dict) else ():
            if known.get(name) and data.draw(st.integers(0, 3)):
                part[name] = data.draw(st.sampled_from(known[name]))


def is_json(operation: Any) -> bool:
    return JSON in operation["responses"]["200"].get("content", {}) and operation["operationId"] != "document"


def addresses(path: str, known: Known) -> Iterator[str]:
    """Fill an address with every id that there is of its kind."""
    name = re.search(r"{(\w+)}", path)
    if name is None:
        yield path
    else:
        yield from (path.replace(name[0], one) for one in known[name[1]])


def more_of_each(desk: Office) -> Known:
    """Add a second one where the office has one or none, of what lists show."""
    made = [desk.as_admin.post("/webhook-endpoints", {"url": f"https://crm.example/{n}"}).get_json() for n in range(2)]
    labels, admin = {"en": "Size"}, desk.as_admin
    names = [admin.post("/parties", {"name": f"Somebody {n}"}).get_json()["id"] for n in range(3)]
    merges = [admin.post(f"/parties/{names[0]}/merge", {"other": one}).status_code for one in names[1:]]
    assert merges == [201, 201]
    with desk.hub.db.write() as session:
        parties = session.scalars(select(Party.id).order_by(Party.id).where(Party.merged_into.is_(None)).limit(3)).all()
        session.add_all(Review(a_id=parties[0], b_id=other, score=0.9) for other in parties[1:])
        endpoint, account = session.scalars(select(WebhookEndpoint)).first(), desk.account.id
        assert endpoint is not None
        for n in range(2):
            edit.create(session, ADMIN, Of.PERSON, Draft(Type.TEXT, labels, name=f"size_{n}"), region="IL")
            at = now() - timedelta(days=n)
            event = Event(type="party.created", subject=str(n), at=at, data={})
            record = Record(Kind.TICKET, "inbound", at, None, "Where is it?", ())
            [entry] = add(session, [Entry(record, [])], account_id=account)
            session.add_all([
                event,
                TicketRow(account_id=account, key=f"tickets:{n}", interaction_id=entry.id, state="open", opened_at=at, changed_at=at),
                LeadRow(account_id=account, remote_id=f"more-{n}", created_at=at),
                StreamState(account_id=account, stream=f"more-{n}", records="contacts"),
            ])  # fmt: skip
            session.flush()
            session.add(WebhookDelivery(endpoint_id=endpoint.id, event_id=event.id, subject=str(n)))
    return {"endpoint_id": [one["id"] for one in made]}


def ids(desk: Office) -> Known:
    with desk.hub.db.read() as session:
        found = {
            name: [str(getattr(row, "public_id", row.id)) for row in session.scalars(select(table).order_by(table.id))]
            for name, table in ROWS.items()
        }
        meetings = select(Interaction.public_id).where(Interaction.kind == Kind.MEETING).order_by(Interaction.id)
        return {**TIMES, **found, "meeting_id": [str(one) for one in session.scalars(meetings)]}


def full(hub: Hub, folder: Path) -> Office:
    """An office that has some of everything."""
    ledger = Ledger(hub, folder / "mappings")
    ledger.tell()
    desk = office(ledger.hub, Removing())
    somebody.make(desk)
    more = replace(desk.hub, connectors={**desk.hub.connectors, **ledger.hub.connectors})
    return replace(desk, hub=more, app=make_flask(more))


def to_the_end(app: Flask) -> Callable[..., list[bytes]]:
    """Read answers to their end and close them, as servers do; schemathesis leaves files open."""

    def read(environ: Any, start_response: Any) -> list[bytes]:
        answer = app(environ, start_response)
        try:
            return list(answer)
        finally:
            if hasattr(answer, "close"):
                answer.close()

    return read
