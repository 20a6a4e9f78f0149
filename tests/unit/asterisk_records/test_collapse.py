"""Recorded calls, as the exchange wrote them into its own records, against what really happened."""

import json
from pathlib import Path
from typing import Any

import pytest

from hub.records.call import Call, LegResult, Outcome, Source
from tests.unit.asterisk_records.scene import FIXTURES, TRUTH, calls, line, rows, source, talk

TALK_S = 1.5  # records count whole seconds

# What rows cannot tell, whoever reads them.
CEL_CANNOT = {
    "09_queue_answer": {"queue"},  # this mapping of cel_custom.conf writes no appdata; the CDR has the queue's name
    "10_queue_abandon": {"queue"},
    "12_queue_local_members": {"queue"},
    "30_click2dial_agent_noanswer": {"number"},  # nobody picked up, so nothing was dialled
}
CDR_CANNOT = {
    "14_blind_refer": {"did", "talk_s"},  # `dst` is overwritten by the transfer; the time the target rang is billed
    "15_blind_dtmf": {"did", "talk_s"},
    "17_atxfer_dtmf": {"talk_s"},  # the consultation's row and the customer's overlap
    "18_atxfer_ami": {"talk_s"},
    "23_ivr_dtmf_customer": {"talk_s"},  # the menu is billed
    "29_click2dial_answer": {"talk_s"},  # billed from the agent's pick-up
    "30_click2dial_agent_noanswer": {"number"},
}
NO_ROW = {"40_restart_midcall_part1"}  # the exchange was killed: CDRs are written at the end


def told(call: Call) -> dict[str, Any]:
    """A call in the words of the truth."""
    return {
        "direction": call.direction,
        "caller": call.caller,
        "did": call.did,
        "queue": call.queue,
        "agent": call.caller,
        "number": call.callee,
        "callee": call.callee,
        "answered_by": list(talk(call)),
        "outcome": call.outcome,
        "reason": call.reason,
        "hangup_by": call.hangup_by,
        "transfer": [
            {"kind": str(one.kind), "from": one.source, "to": one.target, "result": one.result}
            for one in call.transfers
        ],
        "rang": sorted({leg.extension for leg in call.legs if leg.ringing_at and not leg.origin}),
    }


def differences(call: Call, truth: dict[str, Any], cannot: set[str]) -> dict[str, Any]:
    found = told(call)
    wanted = {**truth, "rang": sorted(truth.get("rang", []))} if "rang" in truth else truth
    wrong = {
        name: (found[name], wanted[name])
        for name in found
        if name in wanted
        and name not in cannot
        and found[name] != (wanted[name] or ("" if name == "caller" else wanted[name]))
    }
    if "talk_s" not in cannot:
        spoken = talk(call)
        for extension, seconds in truth["talk_s"].items():
            if abs(spoken.get(extension, 0.0) - seconds) > TALK_S:
                wrong[f"talk_s of {extension}"] = (spoken.get(extension), seconds)
    for name in ("ring_s", "wait_s"):
        if name in truth and name not in cannot and abs(getattr(call, name) - truth[name]) > TALK_S:
            wrong[name] = (getattr(call, name), truth[name])
    return wrong


@pytest.mark.parametrize("name", TRUTH)
def test_channel_events_alone_tell_the_truth(name: str) -> None:
    (call,) = calls(source(cel=FIXTURES / f"{name}.cel.csv"))

    assert differences(call, TRUTH[name], CEL_CANNOT.get(name, set())) == {}


@pytest.mark.parametrize("name", TRUTH)
def test_channel_events_with_detail_records_tell_the_truth(name: str) -> None:
    (call,) = calls(source(FIXTURES / f"{name}.cdr.csv", FIXTURES / f"{name}.cel.csv"))

    assert differences(call, TRUTH[name], {"number"} if name.startswith("30") else set()) == {}


@pytest.mark.parametrize("name", [name for name in TRUTH if name not in NO_ROW])
def test_detail_records_alone_tell_who_called_whom_and_what_came_of_it(name: str) -> None:
    (call,) = calls(source(FIXTURES / f"{name}.cdr.csv"))

    cannot = CDR_CANNOT.get(name, set()) | {"reason", "hangup_by", "transfer"}
    assert differences(call, TRUTH[name], cannot) == {}


@pytest.mark.parametrize("name", TRUTH)
@pytest.mark.parametrize("kind", ["cdr", "cel"])
def test_each_call_has_the_key_of_the_live_call_and_is_final(name: str, kind: str) -> None:
    if kind == "cdr" and name in NO_ROW:
        return
    (call,) = calls(source(**{kind: FIXTURES / f"{name}.{kind}.csv"}))

    assert call.key == rows(f"{name}.cel.csv")[0][7], "the linkedid of the first channel"
    assert (call.source, call.settled) == (Source.BACKFILL, True)
    assert call.outcome is not None
    assert call.ended_at is not None
    assert all(leg.result is not None and leg.ended_at for leg in call.legs) or call.outcome is Outcome.LOST


def test_a_killed_exchange_leaves_a_lost_call() -> None:
    (call,) = calls(source(cel=FIXTURES / "40_restart_midcall_part1.cel.csv"))

    assert (call.outcome, call.reason, call.end_estimated, call.hangup_by) == ("lost", "pbx_died", True, None)
    assert list(talk(call)) == ["102"]


def test_the_losers_of_a_ring_group_are_neither_missed_calls_nor_answers() -> None:
    for options in ({"cdr": "cdr"}, {"cel": "cel"}):
        ((kind, _),) = options.items()
        (call,) = calls(source(**{kind: FIXTURES / f"01_ringgroup_answer.{kind}.csv"}))

        assert {leg.extension: leg.result for leg in call.legs} == {
            "101": LegResult.ELSEWHERE,
            "102": LegResult.ANSWERED,
            "103": LegResult.ELSEWHERE,
        }
        assert call.trunk == "PJSIP/trunk"


def pair(kind: str) -> dict[str, Call]:
    """An afternoon of one exchange: forty calls, some at once, with transfers of every sort."""
    files = {"cel": FIXTURES / "pair.cel.csv"} | ({"cdr": FIXTURES / "pair.cdr.csv"} if kind == "both" else {})
    if kind == "cdr":
        files = {"cdr": FIXTURES / "pair.cdr.csv"}
    found = calls(source(**files))
    assert len({call.key for call in found}) == len(found)
    return {call.key: call for call in found}


@pytest.mark.parametrize("kind", ["cel", "cdr", "both"])
def test_no_call_of_a_long_file_is_doubled_or_torn(kind: str) -> None:
    events = rows("pair.cel.csv")
    began = {row[7] for row in events if row[0] == "CHAN_START" and row[6] == row[7]}
    picked_up_by = {"1795316860.33"}  # dialled *8 and took another's call: part of that call

    assert set(pair(kind)) == began - picked_up_by


class TestPair:
    @pytest.fixture
    def found(self) -> dict[str, Call]:
        return pair("both")

    def test_a_picked_up_call_is_one_call_of_who_took_it(self, found: dict[str, Call]) -> None:
        call = found["1795316858.31"]

        assert (call.direction, call.caller, call.did, call.aliases) == (
            "inbound",
            "0612345678",
            "5550101",
            ("1795316860.33",),
        )
        assert list(talk(call)) == ["103"]
        assert [(str(one.kind), one.source, one.target) for one in call.transfers] == [("pickup", "101", "103")]

    def test_a_blind_transfer_that_nobody_takes(self, found: dict[str, Call]) -> None:
        assert [(one.target, one.result) for one in found["1795316723.4"].transfers] == [("103", "noanswer")]
        assert [(one.target, one.result) for one in found["1795316742.14"].transfers] == [("999", "failed")]
        assert [(one.target, one.result) for one in found["1795317060.229"].transfers] == [("103", "busy")]

    def test_an_attended_transfer_by_the_phone_itself_joins_two_calls(self, found: dict[str, Call]) -> None:
        call = found["1795316972.96"]

        assert list(talk(call)) == ["101", "102"]
        assert [(str(one.kind), one.source, one.target, one.result) for one in call.transfers] == [
            ("attended", "101", "102", "completed")
        ]

    def test_a_question_to_a_colleague_is_no_talk_with_the_customer(self, found: dict[str, Call]) -> None:
        call = found["1795316956.86"]

        assert list(talk(call)) == ["101"]
        assert {one.extension for one in call.segments if one.consult} == {"101", "102"}

    def test_an_agent_gives_away_a_call_that_he_made(self, found: dict[str, Call]) -> None:
        call = found["1795317087.245"]

        assert (call.direction, call.caller, call.callee) == ("outbound", "101", "0201234567")
        assert list(talk(call)) == ["101", "103"]

    def test_ten_calls_at_once_stay_apart(self, found: dict[str, Call]) -> None:
        numbers = [f"06123456{number:02d}" for number in range(10)]

        assert sorted(call.caller for call in found.values() if call.caller in numbers) == numbers

    def test_a_withheld_number_is_no_number(self, found: dict[str, Call]) -> None:
        assert (found["1795317134.316"].caller, found["1795317134.316"].withheld) == ("", True)


@pytest.mark.parametrize(
    ("cause", "after_s", "reason"),
    [
        (21, 0.4, "agent_declined"),
        (17, 2.6, "agent_declined"),  # many phones say busy where somebody pressed a key
        (17, 0.2, "agent_busy"),
        (0, 20.0, "agent_noanswer"),
        (16, 20.0, "agent_noanswer"),
    ],
)
def test_a_click_that_the_own_phone_did_not_take_says_why(
    tmp_path: Path, cause: int, after_s: float, reason: str
) -> None:
    began, click = 1_795_316_723.0, "hub-9d78833b-ch"
    ended = json.dumps({"hangupcause": cause, "dialstatus": ""})
    file = tmp_path / "cel.csv"
    with file.open("w") as out:
        for kind, at, app, extra in (
            ("CHAN_START", began, "", ""),
            ("HANGUP", began + after_s, "AppDial2", ended),
            ("CHAN_END", began + after_s, "AppDial2", ""),
            ("LINKEDID_END", began + after_s, "AppDial2", ""),
        ):
            out.write(line([kind, f"{at:.6f}", "202", "s", "PJSIP/202-00000017", app, click, click, "", extra]))
    (call,) = calls(source(cel=file))
    assert (call.direction, call.outcome, call.reason) == ("outbound", "failed", reason)
