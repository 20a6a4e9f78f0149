"""What sources send, from the raw record to the page: a turn of the workers looks, and a person says that they have seen it."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from hub import app as hub_app
from hub import sources
from hub.connector.contract import Delivered
from hub.context import Hub
from hub.intake import receive
from hub.intake.models import RawRecord
from hub.mapping import drift, paths
from hub.mapping.drift import BASELINE_RECORDS
from hub.mapping.models import SourceField, SourceLook
from hub.security.models import Audit, Role
from hub.sources import Watcher
from hub.store.base import now
from tests.fakes.browser import Browser, signed_in, someone
from tests.fakes.leads import Forms

AGO = timedelta(days=20)
STEP = timedelta(hours=3)


class Form:
    """A form on a web page whose answers come one after the other, long ago."""

    def __init__(self, hub: Hub) -> None:
        self.hub, self.forms = hub, Forms(hub)
        self.account, self.page = self.forms.account, f"{self.forms.path}/source-fields"
        self.clock, self.count = now() - AGO, 0

    def come(self, *payloads: dict[str, Any], stream: str = "lead", name: str = "") -> None:
        for payload in payloads:
            self.count, self.clock = self.count + 1, self.clock + STEP
            self._keep(stream, name or f"r{self.count}", payload)

    def _keep(self, stream: str, name: str, payload: dict[str, Any]) -> None:
        one = (RawRecord.account_id == self.account, RawRecord.remote_id == name, RawRecord.stream == stream)
        with self.hub.db.write() as session:
            receive.keep(session, self.account, Delivered(stream, name, payload))
            session.execute(update(RawRecord).where(*one).values(received_at=self.clock))

    def look(self, **named: Any) -> None:
        Watcher(self.hub.db, self.hub.flow, **named).turn()

    def settled(self, payload: dict[str, Any]) -> "Form":
        """The stream is known for more than a day."""
        self.come(*[payload] * BASELINE_RECORDS)
        self.look()
        with self.hub.db.write() as session:
            session.execute(update(SourceLook).values(began_at=now() - AGO))
        return self

    def counts(self) -> dict[str, int]:
        with self.hub.db.read() as session:
            return dict(session.execute(select(SourceField.path, SourceField.records)).all())

    def told(self) -> dict[str, list[str]]:
        with self.hub.db.read() as session:
            return {
                what: [
                    item.path for one in drift.news(session, self.account) for word, item in one.items if word == what
                ]
                for what in ("new", "retyped", "gone")
            }


@pytest.fixture
def form(hub: Hub) -> Form:
    return Form(hub)


only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


def test_news_of_what_comes_are_noticed_page_by_page(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PAGE", 7)
    form.settled({"form_id": "f1", "age": 30, "source": "ad"})
    assert form.told() == {"new": [], "retyped": [], "gone": []}
    form.come({"form_id": "f1", "age": "thirty"}, *[{"form_id": "f1", "age": "forty", "garden": {"m²": 80}}] * 60)
    form.look()
    assert form.told() == {"new": ["garden"], "retyped": ["age"], "gone": ["source"]}
    assert form.counts()["form_id"] == BASELINE_RECORDS + 61
    form.look()
    assert form.counts()["form_id"] == BASELINE_RECORDS + 61, "nothing is counted twice"


def test_the_workers_of_a_hub_take_the_turn(form: Form) -> None:
    form.come({"form_id": "f1"})
    workers = hub_app._workers(form.hub)
    while workers.run_once():
        pass
    assert form.counts()["form_id"] == 1


def test_a_record_that_changed_is_looked_at_again(form: Form) -> None:
    form.settled({"form_id": "f1"})
    form.come({"form_id": "f1", "city": "Haifa"}, name="r3")
    form.look()
    assert form.told()["new"] == ["city"]


def test_what_may_stand_beside_something_not_committed_yet_waits(form: Form) -> None:
    form.come({"form_id": "f1"})
    form.forms.answer()
    form.look()
    assert form.counts() == {"form_id": 1}


@only_sqlite
def test_a_record_that_cannot_be_looked_at_is_passed_over_once(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    walk = paths.places

    def broken(payload: Any) -> Any:
        if payload["a"] == "bad":
            raise RecursionError
        return walk(payload)

    monkeypatch.setattr(paths, "places", broken)
    form.come({"a": "good"}, {"a": "bad"}, {"a": "better"})
    form.look()
    form.look()
    assert form.counts()["a"] == 2


@only_sqlite
def test_what_the_hub_writes_itself_and_what_nobody_maps_is_not_looked_at(form: Form) -> None:
    form.come({"a": 1}, stream="calls")
    form.come({"a": 1}, stream="heard")
    form.come({"b": 1})
    form.look()
    assert set(form.counts()) == {"b"}


def test_two_at_once_count_once(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PAGE", 3)
    form.come(*[{"n": 1}] * 20)
    ready = threading.Barrier(2)

    def look() -> None:
        ready.wait()
        form.look()

    threads = [threading.Thread(target=look) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    form.look()
    assert form.counts()["n"] == 20


@only_sqlite
def test_much_that_is_new_is_left_to_the_next_turns(form: Form, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "PAGE", 5)
    form.come(*[{"n": 1}] * 12)
    form.look(slice_s=0)
    assert form.counts() == {}
    form.look()
    assert form.counts()["n"] == 12


# --- the page ---------------------------------------------------------------------------------------------------------


def test_a_person_sees_the_fields_with_samples_and_says_so(form: Form, admin: Browser) -> None:
    assert admin.get(form.page).status_code == 200
    form.settled({"form_id": "f1"})
    form.come(
        {"form_id": "f1", "garden": "small"},
        {"form_id": "f1", "garden": "80 <b>m²</b> \u202egnp", "auth_token": {"a": "tell nobody"}, "a.b": {"c": 1}},
    )
    form.look()
    home = admin.get(form.forms.path).text
    assert "3 new fields since" in home
    page = admin.get(form.page).text
    assert "80 &lt;b&gt;m²&lt;/b&gt; \\u202egnp" in page, "the newest one"
    assert "tell nobody" not in page
    assert "***" in page
    assert "&#34;a.b&#34;" in page
    with form.hub.db.read() as session:
        actions = session.scalars(select(Audit.action).where(Audit.action.startswith("source_fields."))).all()
        fields = [str(row.id) for row in session.scalars(select(SourceField).where(SourceField.seen_at.is_(None)))]
    assert actions == ["source_fields.samples_seen"]

    shown_at = now().isoformat()
    form.come({"form_id": 7})
    form.look()
    assert admin.post(f"{form.page}/seen", field=[*fields, "-1", "x", "9" * 30], shown_at=shown_at).status_code == 303
    assert form.told() == {"new": [], "retyped": ["form_id"], "gone": []}
    assert "1 field of another type since" in admin.get(form.forms.path).text


def test_nobody_marks_fields_of_another_connection(form: Form, admin: Browser) -> None:
    form.settled({"form_id": "f1"})
    form.come({"form_id": "f1", "garden": "small"})
    form.look()
    other = Forms(form.hub, "Another page").path
    with form.hub.db.read() as session:
        field = str(session.scalars(select(SourceField.id).where(SourceField.path == "garden")).one())
    admin.post(f"{other}/source-fields/seen", field=field, shown_at=now().isoformat())
    assert form.told()["new"] == ["garden"]
    assert admin.post(f"{form.page}/seen", field=field, shown_at="yesterday").status_code == 422


@only_sqlite
def test_only_who_manages_connections_sees_it(form: Form) -> None:
    someone(form.hub, Role.MANAGER)
    browser = signed_in(form.hub, "manager@example.com")
    assert browser.get(form.page).status_code == 403
    assert browser.post(f"{form.page}/seen", shown_at=now().isoformat()).status_code == 403


@only_sqlite
def test_very_many_new_fields_fit_the_page(form: Form, admin: Browser) -> None:
    form.settled({"form_id": "f1"})
    form.come({"form_id": "f1", **{f"key {number}": number for number in range(2_000)}})
    form.look()
    page = admin.get(form.page).text
    assert page.count('name="field"') == 100
    assert "1900 more fields come when these were seen." in page
