"""What an administrator sees of an account that is read in pages: streams, runs, failures, the one button."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select

from hub.connector.stream import Cursor, Lane, Phase
from hub.context import Hub
from hub.intake import accounts, health
from hub.intake.models import (
    Account,
    FilteredRecord,
    OauthGrant,
    RawRecord,
    RawState,
    Reading,
    StreamState,
)
from hub.intake.read import LISTING
from hub.security.models import Audit, User
from hub.store.base import now
from tests.fakes.api import office
from tests.fakes.browser import Browser
from tests.fakes.exchange import FakeExchange

NOA = "noa@acme.example"
PRIMARY = f"calendar:{NOA}:primary"


class Desk:
    """A Google account with one stream, as workers would have left it."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        values = {"client_id": "1-hub", "client_secret": "s", "address": NOA}
        with hub.db.write() as session:
            row = accounts.create(session, hub.connectors["google"], hub.vault, "Google", values)
            self.id, self.path = row.id, f"/connections/{row.public_id}"
            session.add(OauthGrant(account_id=row.id, sealed=hub.vault.seal({"refresh_token": "r"})))
            listing = session.scalars(select(StreamState).where(StreamState.stream == LISTING)).one()
            listing.last_run_at = listing.last_ok_at = now()
            listing.due_at = now() + timedelta(hours=1)
        self.stream(PRIMARY)

    def stream(self, key: str, **values: Any) -> None:
        """Set a stream; what is not given is as in a healthy one."""
        moment = now()
        usual = {
            "title": f"Calendar of {NOA}", "records": "calendar", "mailbox": NOA, "every_s": 300, "phase": "incremental",
            "cursor": Cursor(Phase.INCREMENTAL, token="t").as_json(), "epoch": 1, "last_run_at": moment,
            "last_ok_at": moment, "due_at": moment + timedelta(minutes=5), "trouble": "", "last_error": "",
        }  # fmt: skip
        with self.hub.db.write() as session:
            row = session.scalar(select(StreamState).where(StreamState.stream == key)) or StreamState(
                account_id=self.id, stream=key
            )
            for name, value in {**usual, **values}.items():
                setattr(row, name, value)
            session.add(row)
            session.flush()
            health.refresh(session, self.id)

    def state(self, key: str = PRIMARY) -> StreamState:
        with self.hub.db.read() as session:
            return session.scalars(select(StreamState).where(StreamState.stream == key)).one()

    def raw(self, number: int, **values: Any) -> None:
        usual = {"container": PRIMARY, "epoch": 1, "state": RawState.APPLIED, "payload": {"id": f"{number}"}}
        with self.hub.db.write() as session:
            session.add(
                RawRecord(account_id=self.id, stream=PRIMARY, remote_id=f"r{number}", hash="h", **{**usual, **values})
            )

    def run(self, **values: Any) -> None:
        usual = {"stream": PRIMARY, "phase": "incremental", "epoch": 1, "began_at": now() - timedelta(seconds=75)}
        with self.hub.db.write() as session:
            session.add(Reading(account_id=self.id, **{**usual, "ended_at": now(), **values}))


@pytest.fixture
def desk(hub: Hub) -> Desk:
    return Desk(hub)


def words(page: str) -> str:
    """The text of a page."""
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page)).split())


@pytest.mark.alike
@pytest.mark.parametrize(
    ("values", "state", "sentence"),
    [
        ({}, "Healthy", ""),
        ({"trouble": "limited"}, "Healthy", "The other system asked us to be slower."),
        ({"trouble": "away", "last_error": "Google cannot be reached: Timeout"}, "Warnings", "tried again by itself"),
        ({"trouble": "auth", "due_at": None, "last_error": "revoked"}, "Needs you", "Somebody must connect again."),
        ({"trouble": "scope", "last_error": "no mail"}, "Warnings", "A permission is missing."),
        ({"trouble": "disabled", "last_error": "API off"}, "Needs you", "Its administrator must help."),
        ({"trouble": "defect", "due_at": None, "last_error": "KeyError"}, "Needs you", "A mistake of ours stopped it."),
        ({"last_ok_at": now() - timedelta(hours=9)}, "Late", ""),
        ({"last_ok_at": None, "last_run_at": None, "due_at": now()}, "Never run", "Waits for its turn"),
        ({"phase": "full"}, "Working", ""),
        ({"lease_until": now() + timedelta(hours=1)}, "Healthy", "Is being read."),
        ({"audit": {"at": now().isoformat(), "compared": 9, "missing": ["a", "b"]}}, "Warnings", "2 records missing"),
    ],
)  # fmt: skip
def test_a_stream_is_told_in_words(
    desk: Desk, admin: Browser, values: dict[str, Any], state: str, sentence: str
) -> None:
    desk.stream(PRIMARY, **values)
    page = admin.get(desk.path).text
    row = words(page[page.index("<tbody>") : page.index("</tbody>")])
    assert row.startswith(f"Calendar of {NOA} {state}")
    assert sentence in row
    assert values.get("last_error", "") in row
    assert ("Compared with there:" in row) == ("audit" in values)
    card = words(admin.get("/connections").text)
    assert sentence in card


def test_progress_is_shown_while_everything_is_read(desk: Desk, admin: Browser) -> None:
    cursor = Cursor(Phase.FULL, page="2", opened_at=now() - timedelta(minutes=2)).as_json()
    desk.stream(PRIMARY, phase="full", epoch=2, expected=1200, cursor=cursor)
    for number in range(30):
        desk.raw(number, epoch=2)
    desk.raw(99, epoch=1)  # of the pass before
    with desk.hub.db.write() as session:
        for number in range(10):
            session.add(
                FilteredRecord(
                    account_id=desk.id, stream=PRIMARY, container=PRIMARY, id_hash=f"{number}", reason="bulk", epoch=2
                )
            )
    page = admin.get(desk.path).text
    assert "40 of 1,200 records" in page
    assert "20 a minute" in page
    assert re.search(r'<progress aria-label="[^"]+" value="40" max="1200">', page)
    desk.stream(PRIMARY, phase="full", epoch=2, expected=None, cursor=cursor)
    assert "40 records so far" in admin.get(desk.path).text


def test_the_page_looks_again_only_while_something_happens(desk: Desk, admin: Browser) -> None:
    assert 'hx-trigger="every 5s"' not in admin.get(desk.path).text
    desk.stream(PRIMARY, phase="full")
    page = admin.get(desk.path).text
    assert f'hx-get="{desk.path}/streams" hx-trigger="every 5s"' in page
    part = admin.get(f"{desk.path}/streams", HX_Request="true").text
    assert part.startswith("<section") or part.strip().startswith("<section")
    assert 'hx-trigger="every 5s"' in part
    assert admin.get(f"{desk.path}/streams").status_code == 303
    with desk.hub.db.write() as session:
        accounts.pause(session.get_one(Account, desk.id))
    paused = admin.get(desk.path).text
    assert 'hx-trigger="every 5s"' not in paused
    assert "Sync now" not in paused


def test_the_page_looks_again_until_the_account_was_asked_what_there_is(desk: Desk, admin: Browser) -> None:
    with desk.hub.db.write() as session:
        session.execute(delete(StreamState).where(StreamState.stream == PRIMARY))
    page = admin.get(desk.path).text
    assert "not known yet what there is to read" in words(page)
    assert 'hx-trigger="every 5s"' in page
    desk.stream(PRIMARY)
    assert 'hx-trigger="every 5s"' not in admin.get(f"{desk.path}/streams", HX_Request="true").text


def test_a_stream_is_read_now_when_somebody_asks(desk: Desk, admin: Browser) -> None:
    desk.stream("contacts:x", records="contacts", title="Contacts")
    part = admin.post(f"{desk.path}/sync", on=desk.path, htmx=True, stream=PRIMARY)
    assert "Waits for its turn" in part.text
    asked, other = desk.state(), desk.state("contacts:x")
    assert asked.due_at is not None
    assert asked.due_at <= now()
    assert asked.lane == Lane.INTERACTIVE
    assert other.due_at is not None
    assert other.due_at > now()
    assert admin.post(f"{desk.path}/sync", on=desk.path).status_code == 303
    assert all((one.due_at or now()) <= now() for one in (desk.state(), desk.state("contacts:x"), desk.state(LISTING)))
    assert admin.post(f"{desk.path}/sync", on=desk.path, stream="calendar:of:another").status_code == 404


def test_the_last_run_says_what_it_brought(desk: Desk, admin: Browser) -> None:
    ended = now()
    counts = {"new": 1204, "changed": 3, "gone": 1, "set aside": 2, "filtered: bulk": 7, "filtered: odd_word": 1}
    desk.stream(PRIMARY, last_run_at=ended)
    desk.run(ended_at=ended, counts=counts)
    row = words(admin.get(desk.path).text)
    told = "New 1,204 Changed 3 Gone there 1 Set aside 2 Left out, bulk mail 7 Left out, odd_word 1"
    assert told in row
    desk.stream(PRIMARY, last_run_at=ended + timedelta(minutes=5))
    assert "nothing new" in words(admin.get(desk.path).text)


def test_the_log_of_runs_shows_the_newest_and_failures_alone(desk: Desk, admin: Browser) -> None:
    for number in range(60):
        desk.run(began_at=now() - timedelta(minutes=100 - number), counts={"new": number + 1})
    desk.run(trouble="away", error="Google cannot be reached: ReadTimeout <b>", phase="full")
    page = admin.get(f"{desk.path}/runs").text
    assert page.count("<tr data-row>") == 50
    assert f"Calendar of {NOA}" in page
    assert "ReadTimeout &lt;b&gt;" in page
    assert "1:15" in page
    failed = admin.get(f"{desk.path}/runs?show=failed").text
    assert failed.count("<tr data-row>") == 1
    assert "everything" in failed
    assert "tried again by itself" in failed


def test_an_account_without_runs_says_so(desk: Desk, admin: Browser) -> None:
    assert "No run brought anything yet." in admin.get(f"{desk.path}/runs").text
    assert "No run failed." in admin.get(f"{desk.path}/runs?show=failed").text


def test_failures_are_grouped_tried_again_and_left_out(desk: Desk, admin: Browser) -> None:
    for number in range(3):
        desk.raw(number, state=RawState.SET_ASIDE, error=f"record r{number}: field start: no time in 'x{number}'")
    desk.raw(9, state=RawState.SET_ASIDE, error="record r9: field end: it ends before it begins")
    page = admin.get(f"{desk.path}/failures").text
    assert page.count("<tr data-row>") == 2
    assert f'href="{desk.path}/mappings/calendar"' in page
    causes = [html.unescape(one) for one in re.findall(r'name="cause" value="([^"]+)"', page)]
    admin.post(f"{desk.path}/failures", on=f"{desk.path}/failures", cause=causes[0], do="retry")
    admin.post(f"{desk.path}/failures", on=f"{desk.path}/failures", cause=causes[1], do="skip")
    with desk.hub.db.read() as session:
        rows = session.scalars(select(RawRecord).order_by(RawRecord.id)).all()
        assert [(row.state, row.error) for row in rows] == [("kept", "")] * 3 + [("filtered", "skipped")]
        skipped = session.execute(
            select(User.email, Audit.detail).join(Audit, Audit.user_id == User.id).where(
                Audit.action == "records.skipped"
            )
        ).one()  # fmt: skip
    assert skipped[0] == "admin@example.com"
    assert skipped[1]["count"] == 1


def test_a_mapping_is_shown_where_it_can_be_mended(desk: Desk, admin: Browser) -> None:
    assert f'href="{desk.path}/mappings/calendar"' in admin.get(f"{desk.path}/mapping").text
    answer = admin.get(f"{desk.path}/mappings/calendar")
    assert (answer.status_code, answer.location.partition("?")[0]) == (303, "/mappings/google/calendar")
    assert "iCalUID" in admin.get(answer.location).text
    assert admin.get(f"{desk.path}/mappings/nothing").status_code == 404
    assert admin.get(f"{desk.path}/mappings/..%2f..%2fconfig").status_code == 404


def test_a_card_has_the_worst_sentence_and_one_button(desk: Desk, admin: Browser) -> None:
    desk.stream("contacts:x", records="contacts", title="Contacts", trouble="scope", last_error="no contacts")
    assert "Contacts : A permission is missing." in words(admin.get("/connections").text)
    desk.stream(PRIMARY, trouble="auth", due_at=None, last_error="Google took back the permission.")
    page = admin.get("/connections?show=needs").text
    card = page[page.index("<article") : page.index("</article>")]
    assert f"Calendar of {NOA} : The other system does not let us in." in words(card)
    assert re.findall(r"<button[^>]*>|<a class=\"button[^>]*>", card) == ['<button class="primary">']
    assert "Connect again" in words(card)
    desk.stream(PRIMARY, trouble="disabled", last_error="API off")
    page = admin.get("/connections?show=needs").text
    assert "See what is wrong" in words(page)
    assert "Connect again" not in words(page)


def test_an_account_that_cannot_be_asked_what_there_is_says_why(desk: Desk, admin: Browser) -> None:
    desk.stream(LISTING, title="", records=LISTING, trouble="away", last_error="Google answers 500")
    page = words(admin.get(desk.path).text)
    assert "What there is to read" in page
    assert "Google answers 500" in page
    assert LISTING not in [row.strip() for row in re.findall(r"<bdi>([^<]*)</bdi>", page)]


def test_a_title_of_the_remote_is_text(desk: Desk, admin: Browser) -> None:
    desk.stream(
        PRIMARY, title="<img src=x onerror=alert(1)>\u202e", phase="full", trouble="away", last_error="<b>\u202e"
    )
    for path in (desk.path, "/connections", f"{desk.path}/runs"):
        page = admin.get(path).text
        assert "<img src=x" not in page
        assert "\u202e" not in page


@pytest.mark.alike
@pytest.mark.parametrize("language", ["he", "ar", "pl", "ru"])
def test_every_state_has_its_word_in_every_language(desk: Desk, admin: Browser, language: str) -> None:
    seen = set()
    for values in (
        {}, {"phase": "full"}, {"last_ok_at": now() - timedelta(hours=9)}, {"trouble": "scope"},
        {"trouble": "defect", "due_at": None}, {"last_ok_at": None, "last_run_at": None},
    ):  # fmt: skip
        desk.stream(PRIMARY, **values)
        admin.client.set_cookie("lang", language)
        page = admin.get(desk.path).text
        body = page[page.index("<tbody>") : page.index("</tbody>")]
        chip = re.search(r'<span class="chip[^"]*">(<svg.*?</svg>) ([^<]+)</span>', body)
        assert chip is not None
        seen.add(chip[2])
    assert len(seen) == 6
    assert not seen & {"Healthy", "Working", "Late", "Warnings", "Needs you", "Never run"}


def test_programs_see_the_streams_too(hub: Hub) -> None:
    desk = office(hub, FakeExchange())
    stream = StreamState(account_id=desk.account.id, stream=PRIMARY, title="Calendar", records="calendar",
                         phase="full", trouble="away", last_error="500", last_ok_at=now())  # fmt: skip
    with hub.db.write() as session:
        session.add(stream)
    items = desk.as_admin.get(f"/accounts/{desk.account.public_id}/streams").get_json()["items"]
    [told] = [one for one in items if one["stream"] == PRIMARY]
    assert (told["title"], told["records"], told["phase"]) == ("Calendar", "calendar", "full")
    assert (told["trouble"], told["last_error"], told["due_at"]) == ("away", "500", None)
    assert told["last_ok_at"]
    assert told["counts"] == {}
