"""An administrator hands e-invoice files over on a page: each is taken, known already, or refused with its reason."""

import html
from io import BytesIO
from pathlib import Path

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from hub.accounting.models import DocumentRow
from hub.app import create_app
from hub.context import Hub
from hub.intake import accounts
from hub.security.models import Business, Role
from tests.fakes.browser import Browser, signed_in, someone
from tests.unit.einvoice.files import fixture

OURS = "PL1234563218"


@pytest.fixture
def app(hub: Hub) -> Flask:
    return create_app(hub)


@pytest.fixture
def account(hub: Hub, tmp_path: Path) -> str:
    with hub.db.write() as session:
        session.add(Business(name="Acme", tax_id=OURS, region="PL"))
        row = accounts.create(session, hub.connectors["einvoice"], hub.vault, "Files", {"folder": str(tmp_path)})
        return str(row.public_id)


@pytest.fixture
def admin(app: Flask, hub: Hub) -> Browser:
    someone(hub, Role.ADMIN)
    return signed_in(hub, "admin@example.com", app)


def hand_over(browser: Browser, account: str, *files: tuple[str, bytes], token: str | None = None) -> TestResponse:
    path = f"/connections/{account}/files"
    fields = {"csrf_token": browser.token(path) if token is None else token}
    given = [(BytesIO(data), name) for name, data in files]
    return browser.client.post(path, data={**fields, "files": given}, environ_overrides=browser.environment)


def count(hub: Hub) -> int:
    with hub.db.read() as session:
        return session.scalar(select(func.count(DocumentRow.id))) or 0


def test_files_are_taken_and_the_same_again_is_nothing_new(admin: Browser, account: str, hub: Hub) -> None:
    invoice = fixture("ubl-invoice.xml")
    answer = hand_over(admin, account, ("one (1).XML", invoice), ("shopping.txt", b"milk"))
    page = html.unescape(answer.text)
    assert answer.status_code == 200
    assert all(words in page for words in ("one (1).XML", "taken", "shopping.txt", "Nothing was kept of it."))
    assert count(hub) == 1
    with hub.db.read() as session:
        document = session.scalars(select(DocumentRow)).one()
    assert f"/documents/{document.public_id}" in page
    assert "was here already" in hand_over(admin, account, ("again.xml", invoice)).text
    assert count(hub) == 1


def test_a_document_that_is_not_ours_waits_visibly(admin: Browser, account: str, hub: Hub) -> None:
    foreign = fixture("ubl-invoice.xml").replace(b"123-456-32-18", b"525-244-57-67")
    answer = hand_over(admin, account, ("foreign.xml", foreign))
    assert (answer.status_code, count(hub)) == (422, 0)
    assert "Neither the seller nor the buyer is a company of ours." in answer.text
    assert f"/connections/{account}/failures" in answer.text


def test_nothing_chosen_and_nothing_allowed(admin: Browser, app: Flask, account: str, hub: Hub) -> None:
    assert hand_over(admin, account).status_code == 422
    assert hand_over(admin, account, ("x.xml", b"<x/>"), token="wrong").status_code == 400
    someone(hub, Role.MANAGER)
    assert signed_in(hub, "manager@example.com", app).get(f"/connections/{account}/files").status_code == 403
    with hub.db.write() as session:
        values = {"base_url": "http://127.0.0.1:9", "api_key": "k", "database": "d"}
        other = accounts.create(session, hub.connectors["odoo"], hub.vault, "Odoo", values).public_id
    assert admin.get(f"/connections/{other}/files").status_code == 404
