"""Every connector there is, from the catalogue to its removal: one hub for all of them, each at its own simulator."""

import html
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from hub import app as hub_app
from hub.context import Hub
from hub.flow import IMPORTS, Taker
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake import accounts
from hub.intake.models import LISTING, Account, Health, RawRecord, RawState, StreamState
from hub.intake.read import Reader
from hub.intake.trouble import Trouble
from hub.security.models import Role
from hub.settings import load
from hub.store.base import now
from hub.timeline.models import Interaction, Kind, Participant
from hub.web.console import account_form
from hub.work.lease import claim, new_owner
from tests.contract.connectors import NAMES, connector, secrets, simulated
from tests.contract.connectors import account as open_account
from tests.fakes.browser import Browser, someone

PAGES = ("", "/failures", "/mapping", "/runs", "/outbox", "/log", "/settings", "/remove")
KEPT = "typed and kept"
every_connector = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory, sqlite_template: Path, compressed_assets: Path) -> Iterator[Hub]:
    home = tmp_path_factory.mktemp("connections")
    shutil.copy(sqlite_template, home / "hub.db")
    shutil.copytree(compressed_assets, home / "assets")
    settings = {"HUB_HOME": str(home), "HUB_LOG__LEVEL": "error", "HUB_DATABASE__URL": f"sqlite:///{home / 'hub.db'}"}
    hub = hub_app.create_hub(load(settings), migrate=False)
    yield hub
    hub_app.close_hub(hub)


@pytest.fixture(scope="module")
def noa(shared: Hub) -> Browser:
    someone(shared, Role.ADMIN)
    browser = Browser(hub_app.create_app(shared))
    browser.sign_in("admin@example.com")
    return browser


def words(page: str) -> str:
    """What a person reads of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


def form(name: str, values: dict[str, str]) -> dict[str, str]:
    """Return the fields of the connect form; a box that is not ticked is not sent."""
    fields = connector(name).settings.model_fields
    boxes = {one for one, field in fields.items() if field.annotation is bool}
    return {
        f"s-{key}": value for key, value in values.items() if key not in boxes or value.lower() in {"true", "1", "yes"}
    }


# --- the catalogue and the forms ----------------------------------------------------------------------------------------


def test_the_catalogue_has_every_connector_in_a_group(noa: Browser) -> None:
    page = noa.get("/connections/new").text
    assert [name for name in NAMES if f'href="/connections/new/{name}"' not in page] == []
    groups = re.findall(r'<h2 id="g-(\w+)">', page)
    assert groups == ["phone", "mail", "leads", "messages", "money", "crm", "desk"], "none of them is 'other'"


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("google", {"google"}),
        ("CALLS", {"asterisk", "phonehook"}),
        ("lead fac", {"facebook"}),
        ("messages sms", {"sms"}),
    ],
)
def test_the_catalogue_is_searched_by_name_and_by_what_comes(noa: Browser, query: str, found: set[str]) -> None:
    part = noa.get(f"/connections/new?q={query}", HX_Request="true").text
    listed = set(re.findall(r'<h3><a href="/connections/new/(\w+)"', part))
    assert listed >= found
    assert len(listed) < len(NAMES)
    assert "<html" not in part
    assert "Show all" in noa.get("/connections/new?q=nothing+is+called+so").text


@every_connector
def test_what_a_browser_sends_of_a_list_that_nobody_touched_is_the_default(noa: Browser, name: str) -> None:
    """A browser sends the chosen entry, or else the first one."""
    page = noa.get(f"/connections/new/{name}").text
    for key, entries in re.findall(r'<select[^>]* name="s-(\w+)"[^>]*>(.*?)</select>', page, re.DOTALL):
        chosen = re.findall(r"<option[^>]* selected>([^<]*)", entries) or re.findall(r"<option[^>]*>([^<]*)", entries)
        default = connector(name).settings.model_fields[key].get_default()
        assert chosen[0] == str(getattr(default, "value", default) or ""), key


@every_connector
def test_each_form_has_words_for_every_setting(noa: Browser, name: str) -> None:
    page = noa.get(f"/connections/new/{name}").text
    labels = dict(re.findall(r'<label[^>]* for="s-(\w+)">(.*?)</label>', page, re.DOTALL))
    fields = connector(name).settings.model_fields
    assert set(labels) == set(fields)
    told = {key: words(label).removesuffix(" *") for key, label in labels.items()}
    assert told == {key: field.title for key, field in fields.items()}
    assert [key for key in fields if not re.search(rf'id="h-s-{key}"[^>]*>[^<]+<', page)] == [], "no hint"
    assert connector(name).docs in html.unescape(page)


@every_connector
def test_whoever_connects_sees_at_once_what_lets_us_in(name: str) -> None:
    """Nobody has to open More settings to find the password that is missing."""
    lines = {line.name.removeprefix("s-"): line for line in account_form.settings_of(connector(name), {})}
    assert [key for key, line in lines.items() if line.required and not line.first] == []
    assert [key for key, line in lines.items() if line.first], "an empty form"
    with simulated(name) as simulator:
        given = set(simulator.settings()) & set(lines) & accounts.secret_names(connector(name))
    seldom = {
        "refresh_token",
        "recordings_secret",
        "recordings_key",
        "signing_secret",
        "webhook_key",
        "hook_secret",
        "webhook_token",
    }
    assert [key for key in given - seldom if not lines[key].first] == []


@every_connector
def test_what_is_missing_is_told_under_its_field_and_the_rest_kept(noa: Browser, name: str) -> None:
    fields = connector(name).settings.model_fields
    required = {key for key, field in fields.items() if field.is_required()}
    path = f"/connections/new/{name}"
    texts = [key for key, field in fields.items() if field.annotation is str and key not in required]
    typed = {f"s-{texts[0]}": KEPT} if texts else {}
    answer = noa.post(path, on=path, name="" if not required else KEPT, **typed)
    assert answer.status_code == 422
    told = set(re.findall(r'<p class="err" id="e-(?:s-)?(\w+)">Fill this in\.</p>', answer.text))
    assert told == (required or {"name"})
    for key in told:
        field = re.search(rf'id="(?:s-)?{key}"[^>]*>', answer.text)
        assert field is not None
        assert 'aria-invalid="true"' in field[0]
        assert re.search(rf'aria-describedby="[^"]*e-(s-)?{key}', field[0])
    assert answer.text.count(" autofocus") == 1
    assert html.escape(KEPT) in answer.text or not (required or texts)


# --- a whole life -------------------------------------------------------------------------------------------------------


@every_connector
def test_a_connection_lives_from_the_form_to_its_removal(noa: Browser, shared: Hub, name: str) -> None:
    title = f"Office {name}"
    with simulated(name) as simulator:
        given = {**simulator.settings()}
        path = f"/connections/new/{name}"
        made = noa.post(path, on=path, name=title, **form(name, given))
        assert made.status_code == 200, words(made.text)[-600:]
        with shared.db.read() as session:
            row = accounts.by_name(session, title)
        here = f"/connections/{row.public_id}"
        _read(shared, row)
        customer = _leave_traces(shared, row)
        pages = {tab: noa.get(here + tab) for tab in PAGES}
        assert noa.post(f"{here}/check").status_code == 200
    own = secrets(open_account(name, simulator))
    for tab, page in pages.items():
        assert page.status_code == 200, tab
        assert page.text.count("<h1>") == 1, tab
        assert ">None<" not in page.text, tab
        assert [one for one in own if len(one) >= 8 and one in html.unescape(page.text)] == [], tab
    assert f"<bdi>{title}</bdi>" in noa.get("/connections").text
    failed = words(pages["/failures"].text)
    assert "no phone number in" in failed
    assert "1 record that was set aside cannot be tried again afterwards." in words(pages["/remove"].text)
    assert title in words(pages["/remove"].text)
    assert noa.post(f"{here}/pause").status_code == 303
    assert title in words(noa.get("/connections?show=paused").text)
    assert "Go on" in words(noa.get("/connections?show=paused").text)
    assert noa.post(f"{here}/resume").status_code == 303
    assert noa.post(f"{here}/remove").status_code == 303
    assert title not in words(noa.get("/connections").text)
    assert noa.get(here).status_code == 404
    assert f"What came by {name}" in words(noa.get(f"/customers/{customer}").text)


def _read(hub: Hub, row: Account) -> None:
    """Do what a worker would do first: ask what there is to read, then read it."""
    for what in (StreamState.stream == LISTING, StreamState.stream != LISTING):
        which = (StreamState.account_id == row.id) & (StreamState.records != "") & what
        with hub.db.write() as session:
            leases = claim(session, StreamState, which, owner=new_owner(), lease_s=60, limit=9)
        for lease in leases:
            Reader(hub.db, hub.remotes.open, Taker(hub.flow), slice_s=20).read(lease)
    with hub.db.read() as session:
        troubles = select(StreamState.stream, StreamState.last_error).where(StreamState.account_id == row.id)
        assert session.execute(troubles.where(StreamState.trouble.not_in(("", Trouble.LIMITED)))).all() == []


def _leave_traces(hub: Hub, row: Account) -> Any:
    """Let something of this connection stand on a timeline, and something be set aside; returns the customer."""
    with hub.db.write() as session:
        customer = parties.create(session, None, PartyKind.PERSON, "Dana Levi", region="IL")
        entry = Interaction(
            kind=Kind.EMAIL, started_at=now(), summary=f"What came by {row.connector}", account_id=row.id
        )
        session.add(entry)
        session.flush()
        session.add(
            Participant(
                interaction_id=entry.id, party_id=customer.id, kind=entry.kind, started_at=entry.started_at, role="from"
            )
        )
        session.add(
            RawRecord(
                account_id=row.id, stream="x", remote_id="1", hash="h", payload={"token": "never shown"},
                state=RawState.SET_ASIDE, error="record 1: field phone: no phone number in 'abc'",
            )
        )  # fmt: skip
        return customer.public_id


def test_what_files_were_imported_from_has_pages_and_can_be_removed_too(noa: Browser, shared: Hub) -> None:
    with shared.db.write() as session:
        row = Account(name="Old CRM", connector=IMPORTS, health=Health.HEALTHY)
        session.add(row)
        session.flush()
        at = f"/connections/{row.public_id}"
    assert "Imported files" in noa.get("/connections").text
    answers = {page: noa.get(f"{at}{page}").status_code for page in PAGES if page not in {"/runs", "/outbox"}}
    assert set(answers.values()) == {200}, answers
    assert "Test and save" not in noa.get(f"{at}/settings").text
    noa.post(f"{at}/remove")
    assert "Old CRM" not in noa.get("/connections").text
