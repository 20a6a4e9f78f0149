"""A real Asterisk 22 with real SIP phones and a carrier: what it does, and what the hub makes of it.

All calls are made once, side by side, while two hubs listen: one with SQLite, over TLS and with few rights, one with
PostgreSQL over plain TCP. One module, since the pair, the hubs and the calls are shared by all tests, and each further
module would start them again, in a worker of its own that waits for the others' pair to end.
"""

import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest
from sqlalchemy import select

from connectors.asterisk import exchange
from connectors.asterisk.records import history
from hub.cti import recordings
from hub.cti.models import CallRow, Extension
from hub.errors import UserError
from hub.intake.models import Account, RawRecord
from hub.security.models import User
from hub.store.base import now
from hub.timeline.models import Interaction
from tests.e2e import asterisk_pair, asterisk_story, calls
from tests.e2e.asterisk_office import (
    PATIENCE_S,
    RealOffice,
    click,
    dialled,
    everything,
    found,
    heard,
    in_call,
    listening,
    read_all,
    row_of,
    until,
)
from tests.e2e.asterisk_pair import FOLDER, INSTALLED, Pair
from tests.e2e.asterisk_story import LATE_S, STORIES, problems

WITHHELD = "0549990001"  # number of who does not want to be known
DATABASES = ["sqlite", "postgresql"]

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not INSTALLED, reason=f"no real Asterisk in {FOLDER} (tests.prepare builds it: root, debootstrap)"
    ),
]


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with asterisk_pair.running() as made:
        yield made


@pytest.fixture(autouse=True)
def silent(request: pytest.FixtureRequest, pair: Pair) -> None:
    """Phones ring and nobody takes them, unless a test says so; while the story goes on, it says what they do."""
    if "story" not in request.fixturenames:
        for phone in calls.PEOPLE:
            pair.forget(phone)


@pytest.fixture(scope="module", autouse=True)
def soon() -> Iterator[None]:
    """Call records are given out without waiting a minute for more rows."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exchange, "history", partial(history, now=lambda: time.time() + 120))
        patch.setattr(recordings, "LOOK_AGAIN_S", 0.3)
        yield


@pytest.fixture(scope="module")
def offices(
    pair: Pair, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, RealOffice]]:
    """Two hubs that listen to the same exchange."""
    with ExitStack() as stack:
        made = {}
        for name in DATABASES:
            home = tmp_path_factory.mktemp(name)
            if name == "sqlite":
                shutil.copy(request.getfixturevalue("sqlite_template"), home / "hub.db")
                url = f"sqlite:///{home / 'hub.db'}"
            else:
                url = request.getfixturevalue("postgres_server").database(request.getfixturevalue("postgres_template"))
            made[name] = stack.enter_context(listening(pair, home, url, name))
        yield made


@pytest.fixture(scope="module")
def story(pair: Pair, offices: dict[str, RealOffice]) -> dict[str, dict[str, Any]]:
    return asterisk_story.tell(pair, offices["sqlite"])


# --- what happens, and what remains of it ---------------------------------------------------------------------------------


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("name", STORIES)
def test_a_real_call_is_what_really_happened(
    offices: dict[str, RealOffice], story: dict[str, dict[str, Any]], name: str, database: str
) -> None:
    office, truth = offices[database], story[name]
    if name == "internal":
        with office.hub.db.read() as session:
            key = session.scalars(select(CallRow.key).where(CallRow.direction == "internal")).one()
        until(lambda: (found := office.view(key)) is not None and not found["open"], PATIENCE_S)
        view = office.finished(key)
    else:
        view = office.over(STORIES[name])
    assert list(problems(view, truth)) == [], view
    key = view["key"]
    popped = sorted(extension for extension in office.people if "ringing" in office.events(extension, key))
    if "pop" in truth:
        assert popped == sorted(truth["pop"])
        for loser in truth.get("retract", []):
            assert office.card(loser, key) is None or office.card(loser, key)["state"] == "ended"  # type: ignore[index]
            assert office.events(loser, key).count("ringing") == 1
    assert len(office.entries(key)) == 1
    if name == "latin1-name":
        assert view["caller_name"].startswith("Jos")
    if truth["direction"] == "inbound":
        waits = truth["outcome"] in {"missed", "busy", "abandoned", "voicemail"}
        assert (office.task(key) is not None) is waits


@pytest.mark.parametrize("database", DATABASES)
@pytest.mark.parametrize("name", ["ringgroup", "ringgroup-local", "queue", "outgoing"])
def test_a_real_recording_is_found_and_heard(
    offices: dict[str, RealOffice], story: dict[str, dict[str, Any]], name: str, database: str
) -> None:
    assert story[name]
    office = offices[database]
    view = office.over(STORIES[name])
    row = office.recording(view["key"], "ready")
    taker = office.person("101" if name == "outgoing" else story[name]["answered_by"][0])
    with office.hub.db.read() as session:
        opened = office.hub.telephone.recording(session, taker, row.public_id)
        with opened.open(0) as file:
            assert file.read(4) == b"RIFF"
    seconds, loudness = heard(office, str(row.public_id))
    assert seconds > 4  # of six
    assert loudness > 1000  # the tone that a phone plays


@pytest.mark.parametrize("database", DATABASES)
def test_a_real_message_in_the_mailbox_is_kept_and_heard(
    offices: dict[str, RealOffice], story: dict[str, dict[str, Any]], database: str
) -> None:
    assert story["voicemail"]
    office = offices[database]
    view = office.over(STORIES["voicemail"])
    assert [one["voicemail"] for one in view["recordings"]] == [True]
    seconds, loudness = heard(office, str(office.recording(view["key"], "ready").public_id))
    assert seconds > 1
    assert loudness > 1000


# --- what people tell the exchange ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("database", DATABASES)
def test_a_click_calls_and_hanging_up_from_the_card_ends_it(
    pair: Pair, offices: dict[str, RealOffice], database: str
) -> None:
    office, number = offices[database], f"020222000{DATABASES.index(database)}"
    key = dialled(pair, office, number)
    office.hub.telephone.hang_up(office.person("201"), row_of(office, key))
    view = office.finished(key)
    assert (view["direction"], view["outcome"], view["callee"], view["hangup_by"]) == (
        "outbound",
        "answered",
        number,
        "agent",
    )
    assert (view["user"], view["click_id"]) == ("lena@example.com", key.removesuffix("-ch"))
    assert office.recording(key, "ready").size
    other = offices[DATABASES[1 - DATABASES.index(database)]]
    assert other.over(number)["outcome"] == "answered"  # the other hub saw the same call


def test_a_click_that_leads_to_nobody_says_why(pair: Pair, offices: dict[str, RealOffice]) -> None:
    office, (unheard, taken) = offices["postgresql"], ("0202220010", "0202220011")
    pair.phone("202", "decline:0.5")
    pair.phone("203", "answer:0.5:60")
    first = click(pair, office, unheard, extension="202", takes="")
    second = click(pair, office, taken, extension="203", takes="busy")
    for key, number, outcome, reason in (
        (second, taken, "busy", ""),
        (first, unheard, "failed", "agent_declined"),
    ):
        until(lambda key=key: (view := office.view(key)) is not None and not view["open"], PATIENCE_S)  # type: ignore[misc]
        view = office.finished(key)
        assert (view["direction"], view["outcome"], view["reason"]) == ("outbound", outcome, reason)
        assert view["callee"] in {number, ""}
        assert office.task(key) is None


def test_a_real_call_is_handed_on_blind_from_the_card_and_its_recording_paused(
    pair: Pair, offices: dict[str, RealOffice]
) -> None:
    office, number = offices["sqlite"], "0611000030"
    pair.phone("102", "answer:0.5:60")
    pair.phone("203", "answer:1:60")
    pair.call_in("5550100", number)
    key = in_call(office, number, "102", "answered")
    until(lambda: (view := office.view(key)) is not None and view["recordings"] and view["answered_at"], PATIENCE_S)
    call = row_of(office, key)
    office.hub.telephone.pause_recording(office.person("102"), call, paused=True)
    office.hub.telephone.pause_recording(office.person("102"), call, paused=False)
    office.hub.telephone.transfer(office.person("102"), call, "203")
    until(lambda: "answered" in office.events("203", key), PATIENCE_S, why=lambda: office.view(key))
    office.hub.telephone.hang_up(office.person("203"), row_of(office, key))
    view = office.over(number)
    assert [(t["kind"], t["from"], t["to"], t["result"]) for t in view["transfers"]] == [
        ("blind", "102", "203", "completed")
    ]
    assert (view["outcome"], view["user"]) == ("answered", "maya@example.com")


def test_an_order_that_the_real_exchange_cannot_do_is_refused_with_a_reason(offices: dict[str, RealOffice]) -> None:
    office = offices["sqlite"]
    with office.hub.db.write() as session:
        session.add(Extension(account_id=office.account.id, number="666", user_id=office.user("103")))
    with pytest.raises(UserError, match="666") as told, office.hub.db.write() as session:
        office.hub.telephone.dial(session, office.person("103"), "0201234567", extension="666")
    assert told.value.error_id == "refused"
    with pytest.raises(UserError, match="does not lead"), office.hub.db.write() as session:
        office.hub.telephone.dial(session, office.person("103"), "7777", extension="103")


def test_a_withheld_number_is_shown_to_nobody(pair: Pair, offices: dict[str, RealOffice]) -> None:
    """Nor is it looked up, though the carrier tells it to the exchange, whose dialplan says that it is withheld."""
    pair.phone("101", "answer:1:2")
    for office in offices.values():
        office.customer("Secret Caller", WITHHELD)
    pair.call_withheld("5550105", told=True)
    for office in offices.values():
        view = office.over_at("5550105")
        assert (view["withheld"], view["direction"], view["outcome"]) == (True, "inbound", "answered")
        assert view["party"] is None
        entry, participants = office.entry(view["key"])
        seen = [view, *(one.card for one in office.told("101", view["key"])), vars(entry), *map(vars, participants)]
        assert "Secret Caller" not in str(seen)
        assert WITHHELD[1:] not in str(seen)


def test_a_caller_of_whom_the_real_exchange_knows_nothing_is_taken(pair: Pair, offices: dict[str, RealOffice]) -> None:
    pair.phone("101", "answer:0.5:2")
    pair.call_withheld("5550106", told=False)
    for office in offices.values():
        view = office.over_at("5550106")
        assert (view["caller"], view["withheld"], view["outcome"]) == ("", True, "answered")


def test_a_number_withheld_without_a_word_of_the_dialplan_is_a_number_like_any_other(
    pair: Pair, offices: dict[str, RealOffice]
) -> None:
    """No event says that it is withheld, so the hub cannot know."""
    pair.phone("101", "answer:0.5:2")
    pair.call_withheld("5550101", told=True)
    for office in offices.values():
        view = office.over_at("5550101", CallRow.caller == WITHHELD)
        assert (view["outcome"], view["direction"], view["withheld"]) == ("answered", "inbound", False)


def test_the_desk_phone_shows_the_customer_and_the_owner_is_rung_first(
    pair: Pair, offices: dict[str, RealOffice]
) -> None:
    office, number = offices["sqlite"], "0541110001"
    with office.hub.db.write() as session:
        session.get_one(User, office.user("102")).seen_at = now()
    office.customer("Dana Levi", number, owner_id=office.user("102"))
    for phone in ("101", "103"):
        pair.phone(phone, "answer:3:5")
    pair.phone("102", "answer:1:3")
    pair.call_in("5550500", number, name="Nobody")
    view = office.over(number)
    assert (view["outcome"], view["user"]) == ("answered", "omer@example.com")
    assert [leg["extension"] for leg in view["legs"]] == ["102"]
    assert office.told("102", view["key"])[0].card["name"] == "Dana Levi"


def test_ten_real_calls_at_once_are_ten_calls(pair: Pair, offices: dict[str, RealOffice]) -> None:
    numbers = [f"06120000{index:02}" for index in range(10)]
    pair.phone("101", "answer:1.5:4")
    for number in numbers:
        pair.call_in("5550101", number)
    for office in offices.values():
        views = [office.over(number) for number in numbers]
        assert {view["outcome"] for view in views} == {"answered"}
        assert {view["user"] for view in views} == {"noa@example.com"}
        assert len({view["key"] for view in views}) == 10


# --- the self-check -------------------------------------------------------------------------------------------------------


def test_the_check_proves_the_few_rights_that_are_enough(offices: dict[str, RealOffice]) -> None:
    findings = found(offices["sqlite"])
    assert {topic for topic, level in findings.items() if level != "green"} <= {"system name"}
    assert {"tls", "login", "write rights", "read call", "read dialplan", "context", "recordings"} <= findings.keys()


@pytest.mark.parametrize(
    ("values", "wrong"),
    [
        ({"username": "hubmin", "secret": "minsecret"}, {"read dialplan": "red"}),
        ({"username": "nowrite", "secret": "nwsecret"}, {"write reporting": "red", "write originate": "amber"}),
        ({"secret": "not-the-secret"}, {"login": "red"}),
        ({"ca": ""}, {"connection": "red"}),  # signed by nobody whom the system knows
        ({"tls_name": "pbx.example.com"}, {"connection": "red"}),
        ({"context": "nowhere"}, {"context": "amber"}),
    ],
)
def test_the_check_says_what_is_wrong(
    offices: dict[str, RealOffice], values: dict[str, str], wrong: dict[str, str]
) -> None:
    findings = found(offices["sqlite"], **values)
    assert {topic: findings.get(topic) for topic in wrong} == wrong


# --- calls that the hub did not hear --------------------------------------------------------------------------------------


def test_calls_of_a_time_without_the_hub_come_from_the_exchanges_records(
    pair: Pair, offices: dict[str, RealOffice]
) -> None:
    """And a call that went on meanwhile is one call, with its end from the records."""
    office = offices["postgresql"]
    other = offices["sqlite"]  # hears everything, so it knows when they are over
    pair.phone("202", "answer:0.5:4")
    pair.call_in("5550200", "0613000001")
    key = in_call(office, "0613000001", "202", "answered")
    office.written(key, answered=["202"])
    told = len(office.bus.told)
    office.stop()
    missed, taken, handed_on, queued, busy, refused = (f"061300000{number}" for number in range(2, 8))
    pair.call_in("5550100", missed, to_s=3)
    in_call(other, missed, "101", "ringing")
    pair.phone("101", "answer:0.5:3")
    pair.call_in("5550101", taken)
    in_call(other, taken, "101", "answered")
    pair.phone("203", "answer:0.5:2")
    pair.forget("202")
    pair.call_in("5550200", queued)
    pair.phone(busy, "busy")
    pair.call_out("102", busy)
    pair.phone("101", "refer:0.5:1:103")
    pair.phone("103", "answer:0.5:2")
    pair.call_in("5550101", handed_on)
    in_call(other, queued, "203", "answered")
    pair.phone("202", "decline:1.5")
    refusal = click(pair, other, refused, extension="202", takes="")
    live = {number: other.over(number) for number in ("0613000001", missed, taken, handed_on, queued, busy)}
    until(lambda: (view := other.view(refusal)) is not None and not view["open"], PATIENCE_S)
    live[refused] = other.finished(refusal)
    office.start()
    for number, heard_live in live.items():
        key = heard_live["key"]
        until(lambda key=key: office.keys(CallRow.key == key), PATIENCE_S)  # type: ignore[misc]
        filled = office.finished(key)
        if number == "0613000001":
            continue
        assert filled["source"] == "backfill"
        for name in (
            "direction", "outcome", "reason", "caller", "callee", "did", "queue", "user", "hangup_by", "transfers",
        ):  # fmt: skip
            wanted, mine = heard_live[name], filled[name]
            if (number, name) == (refused, "callee"):
                wanted = ""  # nobody picked up, so no record says what would have been dialled
            if name == "transfers":
                wanted, mine = ([(t["kind"], t["from"], t["to"], t["result"]) for t in many] for many in (wanted, mine))
            assert (number, name, mine) == (number, name, wanted)
        assert abs(filled["talk_s"] - heard_live["talk_s"]) < LATE_S
        assert office.pops(key) == {}
    until(lambda: not office.over("0613000001")["end_estimated"], PATIENCE_S)
    through = office.over("0613000001")
    assert (through["source"], through["outcome"]) == ("live", "answered")
    assert abs(through["talk_s"] - live["0613000001"]["talk_s"]) < LATE_S
    assert [one.event for one in office.bus.told[told:] if one.event == "call.ringing"] == []


@pytest.mark.parametrize("database", DATABASES)
def test_all_records_taken_again_change_nothing(offices: dict[str, RealOffice], database: str) -> None:
    office = offices[database]
    for key in [view["key"] for view in office.views()]:
        office.finished(key)
    before = everything(office)
    for _ in range(2):
        counts = read_all(office)
        assert (counts["new"], counts["completed"]) == (0, 0)
        assert counts["known"] == len(before) > 0
        assert everything(office) == before


# --- the exchange dies: last, since nothing is as before afterwards -------------------------------------------------------


def test_a_real_exchange_killed_in_calls_loses_them_and_is_heard_again(
    pair: Pair, offices: dict[str, RealOffice]
) -> None:
    pair.phone("202", "answer:0.5:60")
    pair.call_in("5550200", "0614000001")
    pair.call_in("5550100", "0614000002")
    for office in offices.values():
        in_call(office, "0614000001", "202", "answered")
        in_call(office, "0614000002", "101", "ringing")
    pair.kill()
    for office in offices.values():
        office.is_ill("")
    pair.start()
    pair.phone("202", "answer:0.5:2")
    for office in offices.values():
        until(lambda office=office: office.health().health == "healthy", PATIENCE_S)  # type: ignore[misc]
        for number in ("0614000001", "0614000002"):
            view = office.over(number)
            assert (view["outcome"], view["reason"], view["end_estimated"]) == ("lost", "pbx_died", True)
        assert office.card("101", office.by_number("0614000002")[0]) is None
        assert not [one for one in office.views() if one["open"]]
    pair.call_in("5550200", "0614000003")
    for office in offices.values():
        assert office.over("0614000003")["outcome"] == "answered"
        with office.hub.db.read() as session:
            facts = session.get_one(Account, office.account.id).facts
        assert facts["counters"]["restarts"] >= 1
        assert facts["counters"].get("faults", 0) == 0


@pytest.mark.parametrize("database", DATABASES)
def test_in_the_end_every_call_is_on_the_timeline_once_and_nothing_is_left_open(
    offices: dict[str, RealOffice], database: str
) -> None:
    office = offices[database]
    views = office.views()
    assert views
    assert not [view for view in views if view["open"]]
    assert len({view["key"] for view in views}) == len(views)
    assert {view["key"]: len(office.entries(view["key"])) for view in views} == {view["key"]: 1 for view in views}
    assert office.count(Interaction) == len(views)
    with office.hub.db.read() as session:
        assert not session.scalars(select(RawRecord.error).where(RawRecord.error != "")).all()
        assert not [row.key for row in session.scalars(select(CallRow)) if row.state is not None]
    counts = read_all(office)
    assert (counts["new"], counts["completed"]) == (0, 0)
    assert len(office.views()) == office.count(Interaction) == len(views)
    assert not [card for extension in office.people for card in office.bus.cards(office.user(extension))
                if card["state"] != "ended"]  # fmt: skip
