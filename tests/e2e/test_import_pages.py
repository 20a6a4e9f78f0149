"""The pages of an import without a script: file, columns, check, run, undo; bad files, old pages, rights."""

import html
import re
from io import BytesIO
from typing import Any

import pytest
from flask import Flask
from sqlalchemy import func, select
from werkzeug.test import TestResponse

from hub.app import create_app, importer
from hub.context import Hub
from hub.identity.models import Party, PartyStatus
from hub.imports import batches
from hub.imports.models import ImportBatch, ImportRow
from hub.security.models import Audit, Role, User
from hub.web.console import imports
from hub.work.lease import claim
from tests.fakes.browser import Browser, signed_in, someone

BASE = "/connections/imports"
PEOPLE = """\
id;Name;Mobile;Birth date;Shade
1;שרה כהן;052-3456789;31/12/1975;red
2;Adam Levi;054-4567891;01/02/1980;=1+1
3;Adam L.;054-4567891;;
4;Bad Date;054-7778889;99/99/1999;
5;;;;
"""


@pytest.fixture
def app(hub: Hub) -> Flask:
    return create_app(hub)


@pytest.fixture
def admin(app: Flask, hub: Hub) -> Browser:
    someone(hub, Role.ADMIN)
    return signed_in(hub, "admin@example.com", app)


def bring(
    browser: Browser, data: bytes, name: str = "people.csv", token: str | None = None, **more: str
) -> TestResponse:
    fields = {"what": "people", "source": "Old CRM", "region": "il", **more}
    fields["csrf_token"] = browser.token(f"{BASE}/new") if token is None else token
    return browser.client.post(BASE, data={**fields, "file": (BytesIO(data), name)})


def place(answer: TestResponse) -> str:
    assert answer.status_code == 303, html.unescape(answer.text)
    return answer.location.rpartition("/")[0]


def work(hub: Hub) -> None:
    with hub.db.write() as session:
        leases = claim(session, ImportBatch, batches.due(), owner="test", lease_s=60, order_by=batches.first())
    for lease in leases:
        importer(hub).run(lease)


def text(browser: Browser, path: str, **headers: str) -> str:
    answer = browser.get(path, **headers)
    assert answer.status_code == 200, answer.status
    return html.unescape(answer.text)


def chosen(page: str) -> dict[str, Any]:
    """Return what a browser would send of a form with selects."""
    found = {}
    for name, inner in re.findall(r'<select name="([a-z]+-\d+|dates|kind)".*?>(.*?)</select>', page, re.DOTALL):
        picked = re.search(r'value="([^"]*)" selected', inner)
        found[name] = picked[1] if picked else ""
    seen = re.search(r'name="seen" value="([^"]*)"', page)
    assert seen is not None
    return {**found, "seen": seen[1]}


def fates(page: str) -> dict[str, int]:
    return {name: int(count) for name, count in re.findall(r'data-fate="(\w+)">(\d+)<', page)}


def customers(hub: Hub) -> list[str]:
    with hub.db.read() as session:
        query = select(Party.name).where(Party.status == PartyStatus.ACTIVE).order_by(Party.name)
        return list(session.scalars(query))


def test_a_file_goes_through_all_steps_and_back(  # noqa: PLR0915 - one story; each step begins where the last one ended
    admin: Browser, hub: Hub
) -> None:
    at = place(bring(admin, PEOPLE.encode("cp1255")))
    page = text(admin, f"{at}/file")
    assert all(words in page for words in ("שרה כהן", "cp1255", "semicolon", "people.csv", "Old CRM"))
    # another encoding is shown at once and kept; no step after it is lost by going back
    wrong: dict[str, Any] = {"what": "people", "encoding": "cp1251", "delimiter": ";", "header": "1", "do": "look"}
    assert admin.post(f"{at}/file", on=f"{at}/file", **wrong).location == f"{at}/file"
    assert "שרה כהן" not in text(admin, f"{at}/file")
    answer = admin.post(f"{at}/file", on=f"{at}/file", **{**wrong, "encoding": "cp1255", "do": "next"})
    assert answer.location == f"{at}/columns"
    page = text(admin, f"{at}/columns")
    form = chosen(page)
    assert [form[f"target-{n}"] for n in range(5)] == ["id", "name", "phones", "birthday", ""]
    assert page.count("left out</span>") == 1
    # two columns of one kind are refused, with what was typed still there
    answer = admin.post(f"{at}/columns", on=f"{at}/columns", **{**form, "target-4": "name"})
    assert answer.status_code == 422
    assert "Two columns are the same" in answer.text
    assert chosen(html.unescape(answer.text))["target-4"] == "name"
    answer = admin.post(f"{at}/columns", on=f"{at}/columns", **{**form, "rule-3": "fill"})
    assert answer.location == f"{at}/check"
    assert chosen(text(admin, f"{at}/columns"))["rule-3"] == "fill"
    # the check tries everything and keeps nothing but what it found
    assert admin.post(f"{at}/check", on=f"{at}/check").location == f"{at}/check"
    assert 'hx-trigger="every 2s"' in text(admin, f"{at}/check/now", HX_Request="true")
    work(hub)
    page = text(admin, f"{at}/check")
    assert (fates(page), customers(hub)) == ({"new": 3, "update": 0, "same": 0, "bad": 2}, [])
    assert all(words in page for words in ("row 3 of the file", "544567891", "a date that is none", "Bad Date"))
    assert "Bad Date" in text(admin, f"{at}/refused.csv")
    # the run, its result, the refused rows
    assert admin.post(f"{at}/start", on=f"{at}/run").location == f"{at}/run"
    with hub.db.read() as session:
        assert session.scalar(select(func.count()).select_from(ImportRow)) == 0  # the check's are forgotten
    assert admin.post(f"{at}/pause", on=f"{at}/run").status_code == 303
    assert "paused" in text(admin, f"{at}/run")
    assert admin.post(f"{at}/resume", on=f"{at}/run").status_code == 303
    work(hub)
    page = text(admin, f"{at}/run")
    assert fates(page) == {"new": 3, "update": 0, "same": 0, "bad": 2}
    assert "every 2s" not in page
    assert customers(hub) == ["Adam L.", "Adam Levi", "שרה כהן"]
    saved = admin.get(f"{at}/refused.csv")
    assert saved.headers["Content-Disposition"] == 'attachment; filename="refused.csv"'
    assert "4,bad_date" in saved.text.replace('"', "").replace("5,bad_date", "4,bad_date")
    assert "disabled" in text(admin, f"{at}/columns")
    assert admin.post(f"{at}/columns", on=f"{at}/columns", **form).status_code == 422
    # the list, and undo, which asks before
    assert all(words in text(admin, BASE) for words in ("people.csv", "Old CRM", "done", "Refused: 2"))
    assert 'id="undo"' not in text(admin, f"{at}/run")
    assert 'id="undo"' in text(admin, f"{at}/run?undo=1")
    assert admin.post(f"{at}/undo", on=f"{at}/run").status_code == 303
    work(hub)
    assert "3 rows were taken back" in text(admin, f"{at}/run")
    assert customers(hub) == []
    with hub.db.write() as session:
        batches.purge(session, hub.settings)  # what was undone needs its file no more
    assert [one for one in batches.shelf(hub.settings).folder.rglob("*") if one.is_file()] == []
    assert "The file is no longer kept" in text(admin, f"{at}/file")
    assert "Bad Date" in text(admin, f"{at}/refused.csv")
    with hub.db.read() as session:
        actions = set(session.scalars(select(Audit.action).where(Audit.subject == "import")))
    assert actions >= {
        "import.brought", "import.read", "import.chosen", "import.started", "import.paused", "import.resumed",
        "import.refused_saved", "import.undo",
    }  # fmt: skip


def test_a_refused_row_is_read_beside_its_customer(admin: Browser, hub: Hub, app: Flask) -> None:
    someone(hub, Role.AGENT)
    for what, data in (
        ("people", "id,Name,Phone\n1,Dana Levi,054-4567891\n"),
        ("interactions", "id,Type,Date,Subject,Contact id,Secret\nh1,Call,99/99/1999,Asked a price,1,hidden\n"),
    ):
        at = place(bring(admin, data.encode(), what=what))
        assert admin.post(f"{at}/start", on=f"{at}/run").status_code == 303
        work(hub)
    with hub.db.read() as session:
        party = session.scalars(select(Party.public_id)).one()
    page = text(admin, f"/customers/{party}")
    assert all(words in page for words in ("1 row of the old system", "Asked a price", "hidden", "99/99/1999"))
    agent = text(signed_in(hub, "agent@example.com", app), f"/customers/{party}")
    assert "Asked a price" in agent
    assert "hidden" not in re.sub(r"<(input|[a-z]+)[^>]*hidden[^>]*>", "", agent.partition('id="h-refused"')[2][:3000])
    source = re.search(rf'href="({BASE}\?source=[^"]+)"', text(admin, account_of(hub)))
    assert source is not None
    assert text(admin, source[1]).count("data-row") == 2


def account_of(hub: Hub) -> str:
    with hub.db.read() as session:
        account = batches.source(session, "Old CRM")
        return f"/connections/{account.public_id}"


def test_old_users_are_matched_by_hand(admin: Browser, hub: Hub) -> None:
    someone(hub, Role.AGENT)
    at = place(bring(admin, b"id,Name,Owner\n1,Dana Levi,j.smith\n"))
    form = chosen(text(admin, f"{at}/columns"))
    assert admin.post(f"{at}/check", on=f"{at}/check").status_code == 303
    work(hub)
    assert "j.smith" in text(admin, f"{at}/check")
    with hub.db.read() as session:
        agent = session.scalars(select(User).where(User.role == Role.AGENT)).one()
    page = text(admin, f"{at}/columns")
    assert 'name="old-user-0" value="j.smith"' in page
    matched: dict[str, Any] = {"old-user-0": "j.smith", "our-user-0": str(agent.public_id)}
    assert admin.post(f"{at}/columns", on=f"{at}/columns", **form, **matched).status_code == 303
    assert f'value="{agent.public_id}" selected' in text(admin, f"{at}/columns")
    assert admin.post(f"{at}/start", on=f"{at}/run").status_code == 303
    work(hub)
    with hub.db.read() as session:
        assert session.scalars(select(Party.owner_id)).one() == agent.id


def test_what_cannot_be_is_said_and_nothing_is_kept(
    admin: Browser, hub: Hub, app: Flask, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = [
        (bring(admin, b""), 422, "nothing to read"),
        (bring(admin, b"a,b\n1,2\n", name=""), 422, "Choose a file first"),
        (bring(admin, b"a,b\n1,2\n", what="cars"), 422, "Choose what the rows are"),
        (bring(admin, b"a,b\n1,2\n", region="Israel"), 422, "two letters"),
        (bring(admin, b"a,b\n1,2\n", source=" "), 422, "Give the old system a name"),
        (bring(admin, b"a,b\n1,2\n", token="forged"), 400, ""),
    ]
    for answer, status, words in table:
        assert (answer.status_code, words in html.unescape(answer.text)) == (status, True), words
    with monkeypatch.context() as patch:
        patch.setattr(imports, "LARGEST", 2_000)
        answer = bring(admin, b"Name\n" + b"Dana\n" * 1_000)
        assert (answer.status_code, "too large for a page" in answer.text) == (413, True)
    with hub.db.read() as session:
        assert session.scalars(select(ImportBatch)).all() == []
    assert [one for one in batches.shelf(hub.settings).folder.rglob("*") if one.is_file()] == []
    # columns of which nothing can be told are no trap: the file can be read another way, and is told what is missing
    at = place(bring(admin, b"x;y\n1;2\n"))
    look: dict[str, Any] = {"what": "people", "encoding": "utf-8", "delimiter": ",", "header": "1"}
    assert admin.post(f"{at}/file", on=f"{at}/file", **look, do="look").status_code == 303
    form = chosen(text(admin, f"{at}/columns"))
    answer = admin.post(f"{at}/columns", on=f"{at}/columns", **form)
    assert (answer.status_code, "A column is missing" in answer.text) == (422, True)
    assert admin.post(f"{at}/file", on=f"{at}/file", **{**look, "delimiter": ";"}).status_code == 303
    answer = admin.post(f"{at}/columns", on=f"{at}/columns", **{**form, "target-0": "name"})  # of a page that is old
    assert "read another way meanwhile" in html.unescape(answer.text)
    strange: list[dict[str, Any]] = [{"header": "x"}, {"header": "900"}, {"encoding": "rot13"}, {"delimiter": '"'}]
    for given in strange:
        answer = admin.post(f"{at}/file", on=f"{at}/file", **{**look, **given})
        assert (given, answer.status_code, 'role="alert"' in answer.text) == (given, 422, True)
    assert admin.post(f"{at}/undo", on=f"{at}/run").status_code == 422
    someone(hub, Role.AGENT)
    agent = signed_in(hub, "agent@example.com", app)
    for path in (BASE, f"{at}/file", f"{at}/run", f"{at}/refused.csv"):
        assert agent.get(path).status_code == 403, path
