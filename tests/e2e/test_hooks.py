"""Webhooks: who may send one, what is kept, and that a 2xx means committed."""

import gzip
import json
import tracemalloc
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.test import TestResponse

from hub import log
from hub.connector.contract import Delivered
from hub.context import Hub
from hub.cti.listener import HEARD
from hub.intake import accounts, receive
from hub.intake.models import Account, RawRecord
from hub.store.session import Database, open_engine
from hub.web.factory import make_flask
from tests.fakes.api import Office, office
from tests.fakes.exchange import NAME, FakeExchange, connector, signed
from tests.fakes.servers import free_port

THING = {"id": 7, "name": "דנה"}


@pytest.fixture
def desk(hub: Hub) -> Office:
    """The connector is no telephone system here unless a test says so: its hooks are signed."""
    made = office(hub, FakeExchange())
    plain = replace(made.hub, connectors={NAME: replace(made.hub.connectors[NAME], exchange=None)})
    return replace(made, hub=plain, app=make_flask(plain))


@pytest.fixture
def token(desk: Office) -> str:
    with desk.hub.db.write() as session:
        return accounts.rotate_hook_token(session.get_one(Account, desk.account.id))


def client_of(desk: Office) -> FlaskClient:
    return desk.app.test_client()


def send(desk: Office, said: object, path: str = "", **more: Any) -> TestResponse:
    body = json.dumps(said).encode()
    headers = {**signed(body), **more.pop("headers", {})}
    path = path or f"/hooks/{NAME}/{desk.account.public_id}"
    return client_of(desk).post(path, data=body, content_type="application/json", headers=headers, **more)


def kept(desk: Office) -> list[tuple[str, str, Any]]:
    with desk.hub.db.read() as session:
        rows = session.scalars(select(RawRecord).order_by(RawRecord.id)).all()
        return [(row.stream, row.remote_id, row.payload) for row in rows]


def packed(desk: Office, said: bytes, *, body: bytes, encoding: str = "gzip") -> TestResponse:
    headers = {**signed(said), "Content-Encoding": encoding}
    path = f"/hooks/{NAME}/{desk.account.public_id}"
    return client_of(desk).post(path, data=body, content_type="application/json", headers=headers)


def test_a_packed_body_is_unpacked_and_its_signature_is_of_what_is_in_it(desk: Office) -> None:
    said = json.dumps({"records": [THING]}).encode()
    assert packed(desk, said, body=gzip.compress(said)).status_code == 204
    assert [payload for _, _, payload in kept(desk)] == [THING]


def test_a_packed_bomb_never_unfolds(desk: Office) -> None:
    bomb = gzip.compress(bytes(64 << 20))
    assert len(bomb) < 1 << 17
    tracemalloc.start()
    answer = packed(desk, b"", body=bomb)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert answer.status_code == 413
    assert most < 20 << 20
    assert kept(desk) == []


@pytest.mark.alike
@pytest.mark.parametrize(
    ("change", "encoding", "status"),
    [(lambda one: one[:-9], "gzip", 400), (lambda _: b"{}", "gzip", 400), (lambda one: one, "br", 415)],
)
def test_what_cannot_be_unpacked_is_refused(desk: Office, change: Any, encoding: str, status: int) -> None:
    said = json.dumps({"records": [THING]}).encode()
    assert packed(desk, said, body=change(gzip.compress(said)), encoding=encoding).status_code == status
    assert kept(desk) == []


def test_a_signed_hook_is_kept_as_it_was_sent(desk: Office) -> None:
    answer = send(desk, {"records": [THING]})
    assert (answer.status_code, answer.data) == (204, b"")
    assert kept(desk) == [("things", "7", THING)]


def test_an_unsigned_hook_is_refused_and_nothing_is_kept(desk: Office) -> None:
    answer = send(desk, {"records": [THING]}, headers={"x-signature": "0" * 64})
    assert (answer.status_code, answer.get_json()["error_id"]) == (401, "not_authentic")
    assert kept(desk) == []


def test_a_repeated_hook_is_one_record(desk: Office) -> None:
    for _ in range(3):
        assert send(desk, {"records": [THING]}).status_code == 204
    assert len(kept(desk)) == 1


def test_an_answer_that_the_remote_expects_is_given(desk: Office) -> None:
    answer = send(desk, {"records": [THING], "answer": {"action": "reject"}})
    assert (answer.status_code, answer.get_json()) == (200, {"action": "reject"})


def test_a_form_is_read_for_the_connector(desk: Office) -> None:
    body = b"id=9&user%5B%5D=Noa&user%5B%5D=Omer"
    answer = client_of(desk).post(
        f"/hooks/{NAME}/{desk.account.public_id}",
        data=body,
        content_type="application/x-www-form-urlencoded",
        headers=signed(body),
    )
    assert answer.status_code == 204
    assert kept(desk) == [("forms", "9", {"id": ["9"], "user[]": ["Noa", "Omer"]})]


def test_a_multipart_form_keeps_its_raw_body_for_the_signature(desk: Office) -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="id"\r\n\r\n11\r\n--b--\r\n'
    answer = client_of(desk).post(
        f"/hooks/{NAME}/{desk.account.public_id}",
        data=body,
        content_type="multipart/form-data; boundary=b",
        headers=signed(body),
    )
    assert answer.status_code == 204
    assert kept(desk)[0][1] == "11"


def test_a_body_in_chunks_is_read_to_its_end_and_no_further(desk: Office) -> None:
    for size, status in ((10, 204), (1 << 20, 413)):
        body = json.dumps({"records": [THING], "x": "x" * size}).encode()
        answer = client_of(desk).post(
            f"/hooks/{NAME}/{desk.account.public_id}",
            input_stream=BytesIO(body),
            content_type="application/json",
            headers={**signed(body), "Transfer-Encoding": "chunked"},
            environ_base={"asgi.scope": {}},  # as behind the bridge from ASGI
        )
        assert answer.status_code == status
    assert len(kept(desk)) == 1


def test_unknown_addresses_are_a_404(desk: Office) -> None:
    for path in (
        f"/hooks/{NAME}/018f0000-0000-7000-8000-000000000000",
        f"/hooks/other/{desk.account.public_id}",
        f"/hooks/{NAME}/1",
        "/api/cti/v1/wrong",
    ):
        assert send(desk, {}, path).status_code == 404, path
    with desk.hub.db.write() as session:
        accounts.remove(session, session.get_one(Account, desk.account.id))
    assert send(desk, {"records": [THING]}).status_code == 404


def test_a_paused_account_asks_to_come_again(desk: Office) -> None:
    with desk.hub.db.write() as session:
        accounts.pause(session.get_one(Account, desk.account.id))
    answer = send(desk, {"records": [THING]})
    assert (answer.status_code, answer.get_json()["error_id"]) == (503, "paused")
    assert int(answer.headers["Retry-After"]) > 0
    assert kept(desk) == []
    with desk.hub.db.write() as session:
        accounts.resume(session, session.get_one(Account, desk.account.id), None)
    assert send(desk, {"records": [THING]}).status_code == 204


def test_an_account_whose_settings_are_broken_asks_to_come_again(desk: Office) -> None:
    with desk.hub.db.write() as session:
        session.get_one(Account, desk.account.id).settings = {"unknown": 1}
    assert send(desk, {"records": [THING]}).get_json()["error_id"] == "account_broken"


def test_a_body_above_one_megabyte_is_refused(desk: Office) -> None:
    assert send(desk, {"records": [], "x": "x" * (1 << 20)}).status_code == 413
    big = b"id=1&x=" + b"x" * (900 << 10)
    answer = client_of(desk).post(
        f"/hooks/{NAME}/{desk.account.public_id}",
        data=big,
        content_type="application/x-www-form-urlencoded",
        headers=signed(big),
    )
    assert answer.status_code == 204


def test_more_hooks_than_the_limit_are_asked_to_wait(desk: Office) -> None:
    security = desk.hub.settings.security.model_copy(update={"hook_limit": "2 per minute"})
    tight = replace(desk.hub, settings=desk.hub.settings.model_copy(update={"security": security}))
    desk = replace(desk, hub=tight, app=make_flask(tight))
    assert [send(desk, {"records": [THING]}).status_code for _ in range(3)] == [204, 204, 429]
    assert int(send(desk, {}).headers["Retry-After"]) > 0
    assert [send(desk, {}, "/api/cti/v1/guess").status_code for _ in range(3)] == [404, 404, 429]


def test_no_2xx_without_a_commit(desk: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    real = receive.keep_page

    def keep_page(session: Any, account_id: int, stream: str, records: Sequence[Delivered]) -> Any:
        real(session, account_id, stream, records[:1])
        raise MemoryError

    monkeypatch.setattr(receive, "keep_page", keep_page)
    assert send(desk, {"records": [{"id": 1}, {"id": 2}]}).status_code == 500
    assert kept(desk) == [], "one hook is one transaction"
    monkeypatch.undo()
    assert send(desk, {"records": [{"id": 1}, {"id": 2}]}).status_code == 204
    assert len(kept(desk)) == 2


def test_a_database_that_is_away_is_a_503(desk: Office) -> None:
    away = Database(open_engine(f"postgresql://hub@127.0.0.1:{free_port()}/hub"))
    answer = send(replace(desk, app=make_flask(replace(desk.hub, db=away))), {"records": [THING]})
    assert (answer.status_code, answer.get_json()["error_id"]) == (503, "database_down")
    assert int(answer.headers["Retry-After"]) > 0
    away.close()


# --- tokens -------------------------------------------------------------------------------------------------------


def test_a_token_in_the_address_finds_its_account(desk: Office, token: str) -> None:
    assert send(desk, {"records": [THING]}, f"/api/cti/v1/{token}").status_code == 204
    assert len(kept(desk)) == 1
    assert send(desk, {}, f"/api/cti/v1/{token[:-1]}").status_code == 404
    assert client_of(desk).get(f"/api/cti/v1/{token}").status_code == 405


def test_a_rotated_token_is_good_until_it_is_dropped(desk: Office, token: str) -> None:
    with desk.hub.db.write() as session:
        new = accounts.rotate_hook_token(session.get_one(Account, desk.account.id))
    for good in (token, new):
        assert send(desk, {"records": [THING]}, f"/api/cti/v1/{good}").status_code == 204
    with desk.hub.db.write() as session:
        accounts.drop_old_hook_token(session.get_one(Account, desk.account.id))
    assert send(desk, {}, f"/api/cti/v1/{token}").status_code == 404
    assert send(desk, {"records": [THING]}, f"/api/cti/v1/{new}").status_code == 204


def test_an_account_with_a_token_takes_nothing_without_it(desk: Office, token: str) -> None:
    assert send(desk, {"records": [THING]}).status_code == 401
    assert send(desk, {"records": [THING]}, headers={"Authorization": "Bearer wrong"}).status_code == 401
    assert send(desk, {"records": [THING]}, headers={"Authorization": f"Bearer {token}"}).status_code == 204


def test_a_telephone_system_without_a_token_takes_nothing_at_all(desk: Office) -> None:
    hub = replace(desk.hub, connectors={NAME: connector(desk.exchange)})
    assert send(replace(desk, app=make_flask(hub)), {"records": [THING]}).status_code == 401


def test_the_token_is_in_no_log(desk: Office, token: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("debug", "json")
    try:
        send(desk, {"records": [THING]}, f"/api/cti/v1/{token}")
        client_of(desk).get(f"/api/cti/v1/{token}")
    finally:
        log.setup("warning", "json")
    said = capsys.readouterr()
    assert "/api/cti/v1/***" in said.err + said.out
    assert token not in said.err + said.out


# --- telephony ----------------------------------------------------------------------------------------------------


def test_what_a_telephone_system_says_is_kept_before_the_answer(desk: Office, token: str) -> None:
    answer = send(desk, {"heard": ["ring 101", "ring 102"], "answer": {}}, f"/api/cti/v1/{token}")
    assert (answer.status_code, answer.get_json()) == (200, {})
    heard = [payload["message"] for stream, _, payload in kept(desk) if stream == HEARD]
    assert heard == ["ring 101", "ring 102"]


def test_a_telephone_that_cannot_keep_it_gives_no_2xx(
    desk: Office, token: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Account, __: Sequence[bytes]) -> None:
        raise MemoryError

    monkeypatch.setattr(type(desk.hub.telephone), "heard", lambda _, row, messages: fail(row, messages))
    assert send(desk, {"heard": ["ring 101"]}, f"/api/cti/v1/{token}").status_code == 500


def test_the_shipped_telephone_connector_is_reached_by_its_token(hub: Hub) -> None:
    with hub.db.write() as session:
        row = accounts.create(session, hub.connectors["phonehook"], hub.vault, "Cloud PBX", {})
        token = accounts.rotate_hook_token(row)
    client = make_flask(hub).test_client()
    event = {"event": "newCall", "from": "0542345678", "to": "037777777", "direction": "in", "callId": "c-1"}
    assert client.post(f"/api/cti/v1/{token}", json=event).get_json() == {}
    assert client.post(f"/api/cti/v1/{token}", data={**event, "user[]": ["Noa", "Omer"]}).status_code == 200
    refused = client.post(f"/api/cti/v1/{token}?event=newCall", json=event)
    assert (refused.status_code, refused.mimetype) == (422, "application/problem+json")
    for body in (b"", b"[]", b"{", b"\xff\xfe\x00", b'{"event": "newCall"}', b'{"event": "newCall\\u0000"}'):
        assert client.post(f"/api/cti/v1/{token}", data=body, content_type="application/json").status_code == 422, body
    with hub.db.read() as session:
        assert {row.stream for row in session.scalars(select(RawRecord))} == {HEARD}
