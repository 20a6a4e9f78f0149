"""Click-to-dial, hang up, transfer and pause: what a person tells the exchange, and what it tells back."""

import shutil
import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest

from hub.cti import self_test
from hub.cti.models import CallRow, Click, EndpointRule
from hub.errors import ForbiddenError, UserError
from hub.identity.models import Party
from hub.intake import accounts
from hub.intake.models import Account
from hub.security import tokens, users
from hub.security.models import Role
from hub.security.policy import Person
from hub.store.base import now
from tests.conftest import DATABASES
from tests.e2e import calls
from tests.e2e.calls import Office, until

# Of this one exchange; set from the beginning, since a changed account is listened to anew.
BLOCKED = "+97256\n0503"
WRITES = {"Originate", "Hangup", "BlindTransfer", "Redirect", "MixMonitorMute"}


@pytest.fixture(scope="module", params=DATABASES)
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    home = tmp_path_factory.mktemp("office")
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), home / "hub.db")
        url = f"sqlite:///{home / 'hub.db'}"
    else:
        url = request.getfixturevalue("postgres_server").database(request.getfixturevalue("postgres_template"))
    made = calls.settings(home, url, HUB_CALLS__DIAL_PER_MINUTE="1000", HUB_CALLS__BLOCKED_PREFIXES='["+1900", "0900"]')
    with calls.wired(made) as hub, calls.office(hub, timeout_s=1, blocked_prefixes=BLOCKED) as opened:
        yield opened


@pytest.fixture(autouse=True)
def patient(office: Office) -> None:
    """Nobody picks up unless a test says so; and nothing was ordered yet."""
    office.pbx.agent_answers_s, office.pbx.customer_answers_s, office.pbx.talk_s = None, None, None
    office.pbx.received.clear()


def orders(office: Office) -> list[dict[str, str]]:
    """What the exchange was told to do; questions left out."""
    return [one for one in office.pbx.received if one.get("action") in WRITES]


def dial(office: Office, number: str, extension: str = "101", **more: object) -> Click:
    with office.hub.db.write() as session:
        return office.hub.telephone.dial(session, office.person(extension), number, **more)  # type: ignore[arg-type]


def ordered(office: Office, click: Click) -> tuple[str, Click]:
    """Wait until the call of an order has its row; returns its key."""
    key = f"{click.id}-ch"
    office.written(key)
    with office.hub.db.read() as session:
        return key, session.get_one(Click, click.id)


def refused(office: Office, number: str, extension: str = "101", **more: object) -> str:
    with pytest.raises(UserError) as told:
        dial(office, number, extension, **more)
    assert str(told.value)
    return told.value.error_id


# --- click-to-dial ------------------------------------------------------------------------------------------------------------


def test_a_click_rings_ones_own_phone_first_and_then_the_customer(office: Office) -> None:
    office.pbx.agent_answers_s, office.pbx.customer_answers_s = 0.01, 0.01
    number = office.number()
    click = dial(office, number)
    key, kept = ordered(office, click)
    office.written(key, answered=["101"])
    until(lambda: (view := office.view(key)) is not None and view["answered_at"] is not None)
    assert [(e, s) for e, s in [(o["action"], o.get("exten")) for o in orders(office)]] == [("Originate", number)]
    assert kept.state == "taken"
    office.pbx.pbx.calls[-1].hangup("agent")
    view = office.finished(key)
    assert (view["direction"], view["outcome"], view["click_id"]) == ("outbound", "answered", click.id)
    assert (view["callee"], view["number"], view["user"]) == (number, f"+972{number[1:]}", "noa@example.com")
    assert click.number == f"+972{number[1:]}"
    assert office.events("101", key) == ["ringing", "answered", "ended"]
    first = office.told("101", key)[0].card
    assert (first["direction"], first["number"].replace("-", "")) == ("outbound", number)
    assert office.entry(key)


def test_an_agent_who_does_not_pick_up_makes_a_failed_call_that_is_nobodys_work(office: Office) -> None:
    click = dial(office, office.number())
    key, _ = ordered(office, click)
    office.pbx.pbx.calls[-1].hangup("caller")
    view = office.finished(key)
    assert (view["outcome"], view["reason"]) == ("failed", "agent_noanswer")
    assert office.task(key) is None
    assert office.card("101", key) is None or office.card("101", key)["state"] == "ended"  # type: ignore[index]


def test_a_customer_who_does_not_answer_is_missed_by_us(office: Office) -> None:
    office.pbx.agent_answers_s = 0.01
    click = dial(office, office.number())
    key, _ = ordered(office, click)
    office.written(key, answered=["101"])
    office.pbx.pbx.calls[-1].hangup("caller")
    view = office.finished(key)
    assert (view["direction"], view["outcome"]) == ("outbound", "missed")


def test_a_call_belongs_to_the_party_that_was_clicked_whoever_else_has_the_number(office: Office) -> None:
    number = office.number()
    office.customer("First Holder", number)
    second = office.customer("Second Holder", number)
    office.pbx.agent_answers_s, office.pbx.customer_answers_s = 0.01, 0.01
    click = dial(office, number, party_id=second.id)
    key, _ = ordered(office, click)
    until(lambda: (view := office.view(key)) is not None and view["answered_at"] is not None)
    assert (office.rings("101", key)["name"], office.rings("101", key)["match"]) == ("Second Holder", "sure")
    office.pbx.pbx.calls[-1].hangup("agent")
    view = office.finished(key)
    assert (view["party"], view["match_basis"], view["candidates"]) == (str(second.public_id), "click", [])
    _, (part,) = office.entry(key)
    assert part.party_id == second.id
    assert office.count(Party) == 2


def test_the_same_order_given_twice_rings_once(office: Office) -> None:
    first = dial(office, office.number(), click_id="hub-0123456789ab")
    again = dial(office, office.number(), click_id="hub-0123456789ab")
    assert again.id == first.id
    key, _ = ordered(office, first)
    assert len(orders(office)) == 1
    office.pbx.pbx.calls[-1].hangup()
    office.finished(key)


BAD_NUMBERS = [
    "", " ", "abc", "dana", "054234567x", "0542345678\r\nAction: Command", "0542345678\nVariable: X=1", "054\0123",
    "0542345678,1,System(rm)", "${EXTEN}", "0542345678&PJSIP/103", "+", "9" * 40, "<script>",
]  # fmt: skip


@pytest.mark.alike
@pytest.mark.parametrize("number", BAD_NUMBERS)
def test_a_bad_number_is_refused_and_nothing_is_sent(office: Office, number: str) -> None:
    clicks = office.count(Click)
    assert refused(office, number) == "bad_number"
    assert office.pbx.received == []
    assert office.count(Click) == clicks


@pytest.mark.parametrize("number", ["+1 900 555 0100", "0900123456"])
def test_a_blocked_number_is_refused_and_nothing_is_sent(office: Office, number: str) -> None:
    assert refused(office, number) == "blocked_number"
    assert office.pbx.received == []


def test_beginnings_that_one_exchange_blocks_are_refused_as_written_and_as_dialled(office: Office) -> None:
    assert refused(office, "056-1234567") == refused(office, "+972503000000") == "blocked_number"
    click = dial(office, "0542345678")  # and nothing else is
    office.written(f"{click.id}-ch")
    office.pbx.pbx.calls[-1].hangup()
    office.finished(f"{click.id}-ch")


def test_a_phone_that_is_not_ones_own_is_refused_and_nothing_is_sent(office: Office) -> None:
    with pytest.raises(UserError) as told, office.hub.db.write() as session:
        office.hub.telephone.dial(session, office.person("101"), office.number(), extension="102")
    assert told.value.error_id == "no_extension"
    with office.hub.db.write() as session:
        nobody = users.person(users.add(session, "nophone@example.com", "No Phone", Role.AGENT))
    with pytest.raises(UserError) as told, office.hub.db.write() as session:
        office.hub.telephone.dial(session, nobody, office.number())
    assert told.value.error_id == "no_extension"
    assert office.pbx.received == []


def test_an_extension_that_the_exchange_does_not_know_is_refused_with_its_name(office: Office) -> None:
    office.pbx.pbx.extensions.discard("203")
    try:
        with pytest.raises(UserError, match="203") as told, office.hub.db.write() as session:
            office.hub.telephone.dial(session, office.person("203"), office.number())
    finally:
        office.pbx.pbx.extensions.add("203")
    assert told.value.error_id == "refused"
    assert orders(office) == []
    with office.hub.db.read() as session:
        click = session.query(Click).order_by(Click.at.desc()).first()
        assert click is not None
        assert (click.state, click.extension) == ("refused", "203")


def test_a_phone_that_is_not_connected_is_refused(office: Office) -> None:
    office.pbx.pbx.unregistered.add("202")
    try:
        assert refused(office, office.number(), "202") == "refused"
    finally:
        office.pbx.pbx.unregistered.clear()
    assert orders(office) == []


def test_a_number_that_the_dialplan_does_not_lead_to_is_refused(office: Office) -> None:
    assert refused(office, "777") in {"refused", "bad_number"}
    assert orders(office) == []


def test_missing_rights_are_refused_with_their_cure(office: Office) -> None:
    office.pbx.write.discard("originate")
    try:
        with pytest.raises(UserError, match="write = originate"):
            dial(office, office.number())
    finally:
        office.pbx.write.add("originate")


def test_an_exchange_that_is_down_is_said_at_once_and_the_order_is_never_given_later(office: Office) -> None:
    office.pbx.disconnect()
    try:
        assert refused(office, office.number()) == "exchange_down"
    finally:
        office.pbx.boot()
    office.hears(again=True)
    assert orders(office) == []


def test_too_many_orders_of_one_person_are_refused(office: Office) -> None:
    limited = office.hub.settings.model_copy(
        update={"calls": office.hub.settings.calls.model_copy(update={"dial_per_minute": 2})}
    )
    telephone = office.hub.telephone
    was, telephone._settings = telephone._settings, limited
    try:
        for _ in range(2):
            click = dial(office, office.number(), "201")
            office.written(f"{click.id}-ch")
            office.pbx.pbx.calls[-1].hangup()
        assert refused(office, office.number(), "201") == "rate_limited"
    finally:
        telephone._settings = was


def test_a_program_must_say_which_phone_and_may_use_any(office: Office) -> None:
    with office.hub.db.write() as session:
        secret = tokens.add(session, "program", Role.ADMIN)
        found = tokens.find(session, secret)
    assert found is not None
    program = found[1]
    with pytest.raises(UserError) as told, office.hub.db.write() as session:
        office.hub.telephone.dial(session, program, office.number())
    assert told.value.error_id == "no_extension"
    with office.hub.db.write() as session:
        click = office.hub.telephone.dial(session, program, office.number(), extension="102")
    key, _ = ordered(office, click)
    assert click.user_id == office.user("102")
    office.pbx.pbx.calls[-1].hangup()
    assert office.finished(key)["user"] == "omer@example.com"


def test_two_people_who_click_at_once_make_two_calls(office: Office) -> None:
    made: list[Click] = []
    both = [
        threading.Thread(target=lambda e=extension: made.append(dial(office, office.number(), e)))
        for extension in ("102", "103")
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    keys = [ordered(office, click)[0] for click in made]
    for call in list(office.pbx.pbx.calls):
        call.hangup()
    assert {office.finished(key)["user"] for key in keys} == {"omer@example.com", "ruth@example.com"}


def test_what_a_number_was_copied_with_is_left_out(office: Office) -> None:
    number = office.number()
    click = dial(office, f"\u202atel:{number[:3]}-{number[3:]}\u202c ")
    assert click.number == f"+972{number[1:]}"
    office.written(f"{click.id}-ch")
    office.pbx.pbx.calls[-1].hangup()
    office.finished(f"{click.id}-ch")


# --- a call in progress -------------------------------------------------------------------------------------------------------


def talking(office: Office, extension: str = "101") -> CallRow:
    call = office.pbx.ring(caller=office.number(), extensions=[extension])
    office.rings(extension, call.linked)
    call.answer(extension)
    office.written(call.linked, answered=[extension])
    row = office.row(call.linked)
    assert row is not None
    return row


def test_hanging_up_ends_ones_own_leg_and_so_the_call(office: Office) -> None:
    row = talking(office)
    office.hub.telephone.hang_up(office.person("101"), row)
    view = office.finished(row.key)
    assert (view["outcome"], view["hangup_by"]) == ("answered", "agent")
    with pytest.raises(UserError) as told:
        office.hub.telephone.hang_up(office.person("101"), row)
    assert told.value.error_id == "ended"


def test_a_ringing_call_can_be_declined_from_the_card(office: Office) -> None:
    call = office.pbx.ring(caller=office.number(), extensions=["101", "102"])
    office.written(call.linked, ringing=["101", "102"])
    row = office.row(call.linked)
    assert row is not None
    office.hub.telephone.hang_up(office.person("101"), row)
    office.gone("101", call.linked, "declined")
    assert office.rings("102", call.linked)["state"] == "ringing"
    call.answer("102")
    call.hangup()
    assert office.finished(call.linked)["outcome"] == "answered"


def test_only_who_is_in_a_call_may_end_it_or_hand_it_on(office: Office) -> None:
    row = talking(office)
    other: Person = office.person("103")
    with pytest.raises((UserError, ForbiddenError)):
        office.hub.telephone.hang_up(other, row)
    with pytest.raises((UserError, ForbiddenError)):
        office.hub.telephone.transfer(other, row, "102")
    with pytest.raises((UserError, ForbiddenError)):
        office.hub.telephone.pause_recording(other, row, paused=True)
    assert orders(office) == []
    office.pbx.pbx.calls[-1].hangup()
    office.finished(row.key)


def test_a_blind_transfer_from_the_card_moves_the_customer(office: Office) -> None:
    row = talking(office)
    office.hub.telephone.transfer(office.person("101"), row, "103")
    office.rings("103", row.key)
    call = office.pbx.pbx.calls[-1]
    call.answer("103")
    office.written(row.key, answered=["103"])
    assert office.gone("101", row.key, "transferred")["by"] == "Ruth"
    call.hangup("caller")
    view = office.finished(row.key)
    assert [(t["kind"], t["from"], t["to"], t["result"]) for t in view["transfers"]] == [
        ("blind", "101", "103", "completed")
    ]


@pytest.mark.alike
@pytest.mark.parametrize("to", ["103\r\nAction: Command", "abc", "", "+1900555"])
def test_a_transfer_to_a_bad_or_blocked_number_is_refused_and_nothing_is_sent(office: Office, to: str) -> None:
    row = talking(office)
    office.pbx.received.clear()
    with pytest.raises(UserError) as told:
        office.hub.telephone.transfer(office.person("101"), row, to)
    assert told.value.error_id in {"bad_number", "blocked_number"}
    assert office.pbx.received == []
    office.pbx.pbx.calls[-1].hangup()
    office.finished(row.key)


def test_a_recording_is_paused_while_a_secret_is_said_and_goes_on(office: Office) -> None:
    row = talking(office)
    person = office.person("101")
    office.hub.telephone.pause_recording(person, row, paused=True)
    office.hub.telephone.pause_recording(person, row, paused=False)
    states = [one["state"] for one in orders(office) if one["action"] == "MixMonitorMute"]
    assert states[-1] == "0"
    assert "1" in states
    office.pbx.pbx.calls[-1].hangup()
    office.finished(row.key)


def test_a_call_that_is_not_recorded_cannot_be_paused(office: Office) -> None:
    call = office.pbx.ring(caller=office.number(), extensions=["101"], record=False)
    call.answer("101")
    office.written(call.linked, answered=["101"])
    row = office.row(call.linked)
    assert row is not None
    with pytest.raises(UserError) as told:
        office.hub.telephone.pause_recording(office.person("101"), row, paused=True)
    assert told.value.error_id == "not_recorded"
    call.hangup()
    office.finished(call.linked)


def test_an_exchange_that_went_away_is_said_when_somebody_wants_to_hang_up(office: Office) -> None:
    row = talking(office)
    office.pbx.disconnect()
    with pytest.raises(UserError) as told:
        office.hub.telephone.hang_up(office.person("101"), row)
    assert told.value.error_id == "exchange_down"
    office.pbx.boot()
    office.hears(again=True)
    office.pbx.pbx.calls[-1].hangup()
    office.finished(row.key)


def test_a_prefix_for_outside_lines_is_dialled_but_not_kept(office: Office) -> None:
    """With `9` before outside numbers the call still belongs to the customer."""
    number = office.number()
    customer = office.customer("Behind Nine", number)
    with office.hub.db.write() as session:
        rule = EndpointRule(account_id=office.account.id, pattern="PJSIP/trunk*", kind="trunk", dial_prefix="9")
        session.add(rule)
    office.hub.telephone.listeners[office.account.id]._directory_at = 0.0
    call = office.pbx.pbx.outgoing(extension="101", number=f"9{number}")
    call.hangup("caller")
    assert office.finished(call.linked)["party"] == str(customer.public_id)
    with office.hub.db.write() as session:
        session.delete(session.get_one(EndpointRule, rule.id))


def test_a_number_is_dialled_as_people_there_dial_it(office: Office) -> None:
    """Few dialplans know +972...; with a prefix for outside lines it is dialled too."""
    with office.hub.db.write() as session:
        rule = EndpointRule(account_id=office.account.id, pattern="PJSIP/trunk*", kind="trunk", dial_prefix="9")
        session.add(rule)
    number = office.number()
    for given, sent in ((number, f"9{number}"), ("+48601234567", "+48601234567"), ("102", "102")):
        office.pbx.received.clear()
        click = dial(office, given)
        assert [one["exten"] for one in orders(office)] == [sent]
        office.written(f"{click.id}-ch")
        office.pbx.pbx.calls[-1].hangup()
        office.finished(f"{click.id}-ch")
    with office.hub.db.write() as session:
        session.delete(session.get_one(EndpointRule, rule.id))


def test_a_paused_account_takes_no_orders(office: Office) -> None:
    with office.hub.db.write() as session:
        accounts.pause(session.get_one(Account, office.account.id))
        with pytest.raises(UserError) as told:
            office.hub.telephone.dial(session, office.person("101"), office.number())
        session.rollback()  # nobody else is to see it paused
    assert told.value.error_id == "no_extension"


# --- a call to one's own phone ------------------------------------------------------------------------------------------


def ring_own(office: Office, extension: str = "101") -> Click:
    with office.hub.db.write() as session:
        account = session.get_one(Account, office.account.id)
        return office.hub.telephone.ring_own(session, office.person(extension), account, extension)


def step_of(office: Office, click: Click, later_s: float = 0) -> self_test.Step:
    with office.hub.db.read() as session:
        return self_test.step(session, session.get_one(Click, click.id), now() + timedelta(seconds=later_s))


def test_a_call_to_ones_own_phone_is_followed_step_by_step(office: Office) -> None:
    click = ring_own(office)
    assert [(one["action"], one["exten"]) for one in orders(office)] == [("Originate", "101")]
    key, _ = ordered(office, click)
    assert step_of(office, click) == self_test.Step.STARTED
    office.pbx.pbx.calls[-1].hangup("caller")
    office.finished(key)
    assert step_of(office, click) == self_test.Step.UNANSWERED
    office.pbx.agent_answers_s = 0.01
    click = ring_own(office)
    key, _ = ordered(office, click)
    until(lambda: step_of(office, click) == self_test.Step.ANSWERED)
    office.pbx.pbx.calls[-1].hangup("caller")
    office.finished(key)
    assert step_of(office, click) == self_test.Step.ANSWERED


def test_an_order_of_which_nothing_comes_back_is_said_so(office: Office) -> None:
    with office.hub.db.write() as session:
        click = Click(id="hub-unheard", account_id=office.account.id, extension="101", number="101")
        session.add(click)
    assert step_of(office, click) == self_test.Step.ORDERED
    assert step_of(office, click, later_s=60) == self_test.Step.UNHEARD
    with office.hub.db.write() as session:
        session.delete(session.get_one(Click, "hub-unheard"))


def test_only_ones_own_phone_is_rung_for_a_test(office: Office) -> None:
    with office.hub.db.write() as session:
        account, person = session.get_one(Account, office.account.id), office.person("101")
        with pytest.raises(UserError) as told:
            office.hub.telephone.ring_own(session, person, account, "102")
    assert told.value.error_id == "no_extension"
    assert orders(office) == []
