"""What an administrator does about failures: grouped by cause, seen one by one, tried again or left out, on both databases."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event, select, update

from hub.context import Hub
from hub.cti.models import CallRow, Extension
from hub.fields import edit
from hub.fields.edit import Draft
from hub.fields.models import Of
from hub.intake import accounts
from hub.intake.models import NAMED, Account, NamedRecord, RawRecord, RawState, StreamState
from hub.outbound.models import Delivery, Outbox, OutboxState
from hub.security.models import Audit, User
from hub.security.policy import Person
from hub.store.base import now
from tests.fakes.browser import Browser, someone
from tests.fakes.leads import Forms

HOUR = timedelta(hours=1)


class Desk:
    """A messaging account of which things failed."""

    def __init__(self, hub: Hub, admin: Browser) -> None:
        self.hub, self.admin = hub, admin
        values = {"send_url": "https://sms.example.com/send", "password": "geheim-und-lang"}
        with hub.db.write() as session:
            row = accounts.create(session, hub.connectors["sms"], hub.vault, "Texts", values)
            self.id, self.path = row.id, f"/connections/{row.public_id}"

    def aside(self, count: int, why: str = "no phone number in") -> None:
        moment = now()
        with self.hub.db.write() as session:
            session.add_all(
                RawRecord(
                    account_id=self.id, stream="message", remote_id=f"{why[:2]}{n}", hash="h", payload={"n": n},
                    state=RawState.SET_ASIDE, error=f"record {n}: field from: {why} 'x{n}'",
                    received_at=moment - n * HOUR,
                )
                for n in range(count)
            )  # fmt: skip

    def write(self, **values: Any) -> int:
        with self.hub.db.write() as session:
            count = len(session.scalars(select(Outbox.id)).all())
            usual = {
                "kind": "message", "object_key": f"o{count}", "idempotency_key": f"k{count}", "user_id": None,
                "state": OutboxState.REFUSED, "trouble": "refused", "last_error": "The gateway answers 400",
                "payload": {"to": "+972542345678", "text": "Hello\u202e", "token": "never-shown"},
            }  # fmt: skip
            row = Outbox(account_id=self.id, **{**usual, **values})
            session.add(row)
            session.flush()
            session.add(Delivery(outbox_id=row.id, ok=False, answer="400 no such number"))
            return row.id

    def page(self, path: str = "/failures") -> str:
        return self.admin.get(self.path + path).text

    def rows(self) -> list[str]:
        page = self.page()
        return [words(row) for row in re.findall(r"<tr data-row>.*?</tr>", page, re.DOTALL)]

    def post(self, **fields: str) -> str:
        answer = self.admin.post(f"{self.path}/failures", on=f"{self.path}/failures", **fields)
        assert answer.status_code == 303
        return words(self.admin.get(answer.location).text)

    def states(self) -> list[str]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(RawRecord.state).order_by(RawRecord.id)))

    def audited(self, action: str) -> dict[str, Any]:
        with self.hub.db.read() as session:
            query = select(Audit.detail).where(Audit.action == action, Audit.actor == "admin@example.com")
            return session.scalars(query.order_by(Audit.id.desc())).first() or {}


@pytest.fixture
def desk(hub: Hub, admin: Browser) -> Desk:
    return Desk(hub, admin)


def words(page: str) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", re.sub(r"</?bdi[^>]*>", "", page))).split())


def keys(page: str) -> list[str]:
    return re.findall(r"/failures/([0-9a-f]{16})\"", page)


def test_nothing_failed_is_said(desk: Desk) -> None:
    assert "Nothing was set aside." in desk.page()
    assert "Try all again" not in desk.page()


def test_causes_have_count_times_and_what_may_be_done(desk: Desk) -> None:
    desk.aside(31)
    desk.write()
    desk.write(
        state=OutboxState.WAITING, trouble="limited", due_at=now() + 8.5 * HOUR, last_error="The gateway answers 429"
    )
    with desk.hub.db.write() as session:
        session.add(
            StreamState(
                account_id=desk.id, stream="states", records="message_status", title="States", trouble="away",
                last_error="The gateway answers 503", due_at=now() + 2.5 * HOUR, failing_since=now() - HOUR,
                last_run_at=now(),
            )
        )  # fmt: skip
        session.add(NamedRecord(account_id=desk.id, records="message", mailbox="", remote_id="gone", why="not found"))
        session.execute(update(NamedRecord).values(due_at=None))
    stream, *writes, announced, records = desk.rows()
    assert stream.startswith("States: The other system cannot be read just now.")
    assert "The gateway answers 503" in stream
    assert "in 3 hours" in stream or "in 2 hours" in stream
    assert "Waits by itself. Try now" in stream
    waits, refused = sorted(writes, key=lambda row: "400" in row)
    assert "Message · The gateway answers 429" in waits
    assert "Waits by itself." in waits
    assert "Try again" not in waits
    assert "Message · The gateway answers 400 1" in refused
    assert refused.endswith("See Try again Leave out")
    assert "never showed them not found 1" in announced
    assert announced.endswith("Ask for them again")
    assert records.startswith("Messages · from: no phone number in … no phone number in 'x30' 31 ")
    assert records.endswith("See Fix mapping Try again Leave out")


def test_one_of_many_is_tried_again_and_who_did_it_is_told(desk: Desk) -> None:
    desk.aside(3)
    [key] = keys(desk.page())
    page = desk.page(f"/failures/{key}")
    ids = re.findall(r'name="record" value="([^"]+)"', page)
    assert len(ids) == 3
    assert page.count("data-retry") == 3
    assert "1 is tried again within seconds." in desk.post(record=ids[0], do="retry")
    assert sorted(desk.states()) == [RawState.KEPT, RawState.SET_ASIDE, RawState.SET_ASIDE]
    assert "1 was left out." in desk.post(record=ids[1], do="skip")
    assert sorted(desk.states()) == [RawState.FILTERED, RawState.KEPT, RawState.SET_ASIDE]
    told = words(desk.page())
    assert "admin@example.com: left out (1)" in told
    assert "admin@example.com: tried again (1)" in told
    assert desk.audited("records.skipped") == {"name": "Texts", "count": 1}


def test_a_cause_that_is_over_leads_back(desk: Desk) -> None:
    desk.aside(2)
    [key] = keys(desk.page())
    [cause] = map(html.unescape, re.findall(r'name="cause" value="([^"]+)"', desk.page()))
    assert "2 are tried again within seconds." in desk.post(cause=cause, do="retry")
    why = "message: record …: field from: no phone number in …"
    assert desk.audited("records.retried") == {"name": "Texts", "count": 2, "cause": why}
    answer = desk.admin.get(f"{desk.path}/failures/{key}")
    assert (answer.status_code, answer.location) == (303, f"{desk.path}/failures")
    assert desk.admin.get(f"{desk.path}/failures/nonsense").status_code == 303


def test_what_somebody_else_decided_about_is_not_counted(desk: Desk) -> None:
    desk.aside(1)
    [key] = keys(desk.page())
    [one] = re.findall(r'name="record" value="([^"]+)"', desk.page(f"/failures/{key}"))
    assert "1 was left out." in desk.post(record=one, do="skip")
    assert "0 are tried again within seconds." in desk.post(record=one, do="retry")
    assert desk.states() == [RawState.FILTERED]
    assert desk.audited("records.retried")["count"] == 0


def test_a_cause_of_two_lines_is_tried_again_as_browsers_post_it(desk: Desk) -> None:
    desk.aside(2, "no number\nin")
    [cause] = re.findall(r'name="cause" value="([^"]+)"', desk.page())
    assert "2 are tried again within seconds." in desk.post(
        cause=html.unescape(cause).replace("\n", "\r\n"), do="retry"
    )
    assert desk.states() == [RawState.KEPT] * 2


def test_what_was_refused_is_sent_again_or_given_up(desk: Desk) -> None:
    first, second = desk.write(), desk.write()
    theirs = desk.write(user_id=1, last_error="The mailbox is full")
    assert "Whoever wanted it sees this and decides." in words(desk.page())
    assert desk.admin.post(f"{desk.path}/failures", write=str(theirs), do="retry").status_code == 404
    assert desk.admin.post(f"{desk.path}/failures", write="٣", do="retry").status_code == 404
    assert "1 was left out." in desk.post(write=str(first), do="skip")
    assert "1 is tried again within seconds." in desk.post(do="retry")  # all that a person here may decide about
    with desk.hub.db.read() as session:
        found = dict(session.execute(select(Outbox.id, Outbox.state)).all())
    assert found == {first: OutboxState.DROPPED, second: OutboxState.WAITING, theirs: OutboxState.REFUSED}
    assert desk.audited("outbox.drop") == {"name": "Texts", "count": 1}


def test_what_we_sent_and_what_came_back_is_shown_masked_and_looking_is_audited(desk: Desk) -> None:
    number = desk.write()
    [key] = keys(desk.page())
    link = f"{desk.path}/failures/sent/{number}"
    assert f'href="{link}"' in desk.page(f"/failures/{key}")
    page = desk.admin.get(link).text
    assert "+972542345678" in page
    assert "400 no such number" in page
    assert "never-shown" not in page
    assert "\u202e" not in page
    assert desk.audited("outbox.seen")["item"] == str(number)
    assert desk.admin.get(f"{desk.path}/failures/sent/99999").status_code == 404
    assert desk.admin.get(f"{desk.path}/failures/sent/{10**20}").status_code == 404


def test_only_who_may_see_raw_records_sees_what_was_sent(desk: Desk, hub: Hub) -> None:
    number = desk.write()
    someone(hub, "agent")
    agent = Browser(desk.admin.client.application)
    agent.sign_in("agent@example.com")
    assert agent.get(f"{desk.path}/failures/sent/{number}").status_code == 403


def test_what_was_announced_and_never_came_is_asked_for_again(desk: Desk) -> None:
    with desk.hub.db.write() as session:
        session.add(NamedRecord(account_id=desk.id, records="message", mailbox="", remote_id="gone", tries=40))
        session.add(StreamState(account_id=desk.id, stream=f"{NAMED}message:", due_at=now() + 9 * HOUR))
        session.flush()
        session.execute(update(NamedRecord).values(due_at=None))
    assert "1 is tried again within seconds." in desk.post(do="ask")
    with desk.hub.db.read() as session:
        row = session.scalars(select(NamedRecord)).one()
        place = session.scalars(select(StreamState).where(StreamState.stream == f"{NAMED}message:")).one()
    assert (row.tries, row.due_at is not None) == (0, True)
    assert place.due_at is not None
    assert place.due_at <= now()
    assert desk.audited("records.asked_again")["count"] == 1


def test_a_card_tells_what_waits_for_a_person_and_what_heals(desk: Desk) -> None:
    desk.aside(2)
    desk.write()
    desk.write(state=OutboxState.WAITING, trouble="away", due_at=now() + HOUR)
    with desk.hub.db.write() as session:
        exchange = Account(name="Exchange", connector="asterisk", health="late", health_text="The connection ended.")
        exchange.next_try_at = now() + HOUR
        session.add(exchange)
        session.flush()
        session.add(Extension(account_id=exchange.id, number="101"))
        session.add(
            CallRow(
                account_id=exchange.id,
                key="k",
                direction="inbound",
                caller="1",
                number="1",
                started_at=now(),
                source="live",
            )
        )
    cards = {name: words(part) for name in ("Texts", "Exchange") for part in [_card(desk.admin, name)]}
    assert "Warnings" in cards["Texts"]
    assert "SMS: Messages" in cards["Texts"]
    assert "Last item: 1 second ago · 2 items in 24 hours" in cards["Texts"] or "2 items in 24 hours" in cards["Texts"]
    assert "2 records wait for you and are kept" in cards["Texts"]
    assert "1 thing was refused there" in cards["Texts"]
    assert "1 thing waits to be sent and is kept" in cards["Texts"]
    assert "Late" in cards["Exchange"]
    assert "Next try:" in cards["Exchange"]
    assert "1 call in 24 hours" in cards["Exchange"]
    assert "1 phone is nobody's" in cards["Exchange"]
    assert "Test" in cards["Exchange"].split()
    chart = _card(desk.admin, "Texts")
    assert 'role="img" aria-label="How much came in each of the last 24 hours: 2 in all"' in chart
    assert "<table" in desk.admin.get(desk.path).text


def test_more_connections_ask_no_more_of_streams(desk: Desk) -> None:
    """The page looks at the streams of all that are read at once."""

    def asked() -> int:
        statements: list[str] = []

        def note(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            statements.append(statement)

        event.listen(desk.hub.db.engine, "before_cursor_execute", note)
        assert desk.admin.get("/connections").status_code == 200
        event.remove(desk.hub.db.engine, "before_cursor_execute", note)
        return sum("stream_state.last_error" in one for one in statements)

    def more(name: str) -> None:
        with desk.hub.db.write() as session:
            row = Account(name=name, connector="xero")
            session.add(row)
            session.flush()
            session.add(StreamState(account_id=row.id, stream="s", records="document", trouble="away"))

    more("one")
    assert asked() == 1
    more("two")
    more("three")
    assert asked() == 1
    assert desk.admin.get("/connections").text.count("Warnings") >= 3


def test_a_reason_is_told_in_the_readers_language_with_the_fields_own_label(hub: Hub, admin: Browser) -> None:
    forms = Forms(hub)
    with hub.db.write() as session:
        for at, name in enumerate(("field_1", "field_2"), 1):
            draft = Draft(name=name, type="number", labels={"en": f"Budget {at}", "he": f"תקציב {at}"})
            edit.create(session, Person(0, None, "admin@example.com", "Admin", "admin"), Of.LEAD, draft)
        session.scalars(select(User)).one().language = "he"
        for name, value in (("field_1", "a lot"), ("field_1", "5-6"), ("field_2", "x"), ("old", "y")):
            why = "this is no number" if name != "old" else "nobody writes this any more"
            session.add(
                RawRecord(
                    account_id=forms.account, stream="lead", remote_id=value, hash="h", payload={}, received_at=now(),
                    state=RawState.SET_ASIDE, error=f"record {value}: field {name}: {why}: '{value}'",
                )
            )  # fmt: skip
    page = admin.get(f"{forms.path}/failures").text
    causes = [words(row) for row in re.findall(r'<th scope="row">.*?</th>', page, re.DOTALL)]
    both, *others = causes
    assert both == "לידים · תקציב 1 field_1 : זה אינו מספר. זה אינו מספר. ('5-6')", "as people write, then as last"
    assert sorted(others) == [
        "לידים · old: nobody writes this any more: 'y'", "לידים · תקציב 2 field_2 : זה אינו מספר. ('x')",
    ]  # fmt: skip
    [first] = [key for key in keys(page) if "5-6" in admin.get(f"{forms.path}/failures/{key}").text]
    listed = admin.get(f"{forms.path}/failures/{first}").text
    assert "<bdi>תקציב 1</bdi>" in listed
    [link, _] = re.findall(r'href="(/admin/raw-records/[^"]+)"', listed)
    shown = admin.get(link).text
    assert "תקציב 1 field_1 : זה אינו מספר. ('5-6')" in words(shown)
    assert (
        '<p class="hint" lang="en" dir="ltr">record 5-6: field field_1: this is no number: &#39;5-6&#39;</p>' in shown
    )
    assert "זה אינו מספר." in admin.get("/admin/raw-records").text


def test_what_is_posted_waits_for_its_first_delivery(hub: Hub, admin: Browser) -> None:
    forms = Forms(hub)
    for path in ("/connections", forms.path):
        assert "Waiting for the first delivery" in admin.get(path).text
    forms.answer()
    for path in ("/connections", forms.path):
        assert "Working" in admin.get(path).text, "before anybody looked how it is"
        assert "Waiting for the first" not in admin.get(path).text


def _card(admin: Browser, name: str) -> str:
    articles = re.findall(r"<article.*?</article>", admin.get("/connections").text, re.DOTALL)
    return next(one for one in articles if f"<bdi>{name}</bdi></a>" in one)
