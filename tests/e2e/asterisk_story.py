"""The calls that everything is told by, made once at the real exchange, and what really happened in them."""

from collections.abc import Iterator
from typing import Any

from tests.e2e.asterisk_office import PATIENCE_S, RealOffice, until
from tests.e2e.asterisk_pair import Pair

LATE_S = 1.6  # seconds by which a busy machine may miss the truth
# Scenario of the script, caller's number. Each has its own, so that they can run side by side.
STORIES = {
    "ringgroup": "0611000001",
    "ringgroup-local": "0611000002",
    "queue": "0611000003",
    "busy": "0611000004",
    "declined": "0611000005",
    "voicemail": "0611000006",
    "latin1-name": "0611000007",
    "ringgroup-abandon": "0611000008",
    "queue-local": "0611000009",
    "queue-abandon": "0611000013",
    "ivr-hangup": "0611000010",
    "blind": "0611000011",
    "atxfer-dtmf": "0611000012",
    "ivr-dtmf": "0611000014",
    "outgoing": "0201110001",
    "outgoing-busy": "0201110002",
    "outgoing-noanswer": "0201110003",
    "internal": "",
}


def tell(pair: Pair, office: RealOffice) -> dict[str, dict[str, Any]]:
    """Make all calls, each as soon as the one before has reached its phones; returns their truth."""
    truths = {}
    for name, number in STORIES.items():
        scenario = pair.ring.S[name]
        truths[name] = pair.ring.norm(scenario["truth"])
        for phone in scenario["truth"].get("rang", ()):
            if phone not in scenario["phones"]:
                pair.forget(phone)
        for phone, behaviour in scenario["phones"].items():
            pair.phone(number if phone == "0201234567" else phone, behaviour)
        if scenario["kind"] == "in":
            pair.call_in(
                scenario["did"], number, name=scenario.get("name", "Jan Jansen"), caller=scenario["caller"],
                to_s=int(scenario["to"]),
            )  # fmt: skip
            truths[name]["caller"] = number
        else:
            target = number or scenario["to_num"]
            pair.call_out(scenario["frm"], target, to_s=int(scenario["to"]))
            truths[name]["number" if number else "callee"] = target
        watch(office, name, number or "101", scenario)
    return truths


def watch(office: RealOffice, name: str, number: str, scenario: dict[str, Any]) -> None:
    """Wait until a call has reached whom it rings first: then the phones may be told something else."""
    wanted = set(pair_rings(name, scenario))

    def reached() -> bool:
        for key in office.by_number(number):
            view = office.view(key)
            if view is not None:
                rang = {leg["extension"] for leg in view["legs"] if leg["ringing_at"] or leg["ended_at"]}
                return wanted <= rang or not view["open"]
        return False

    until(reached, PATIENCE_S, why=lambda: (name, office.views()))


def pair_rings(name: str, scenario: dict[str, Any]) -> list[str]:
    rang = scenario["truth"].get("rang", [])
    return ["101"] if name in {"blind", "atxfer-dtmf", "busy"} else list(rang)


def problems(view: dict[str, Any], truth: dict[str, Any]) -> Iterator[str]:
    """Everything in which the hub's call is not what really happened."""
    legs = sorted(view["legs"], key=lambda leg: leg["answered_at"] or leg["offered_at"])
    ours: dict[str, Any] = {
        "direction": view["direction"],
        "caller": view["caller"],
        "callee": view["callee"],
        "number": view["callee"],
        "agent": next((leg["extension"] for leg in legs if leg["origin"] and leg["extension"]), ""),
        "did": view["did"],
        "queue": view["queue"],
        "customer_id": view["customer_number"],
        "outcome": view["outcome"],
        "reason": view["reason"],
        "hangup_by": view["hangup_by"],
        "rang": sorted({leg["extension"] for leg in legs if leg["extension"] and leg["ringing_at"] and not leg["origin"]}),
        "answered_by": list(dict.fromkeys(
            leg["extension"] for leg in legs if leg["extension"] and leg["result"] == "answered" and not leg["origin"]
        )),
    }  # fmt: skip
    for name, mine in ours.items():
        if name in truth and truth[name] != mine:
            yield f"{name} is {mine!r}, not {truth[name]!r}"
    yield from late(view, truth)
    if "transfer" in truth:
        made = [{"kind": t["kind"], "from": t["from"], "to": t["to"], "result": t["result"]} for t in view["transfers"]]
        if made != truth["transfer"]:
            yield f"transfer is {made}, not {truth['transfer']}"
    if view["end_estimated"] or view["open"] or view["source"] != "live":
        yield f"estimated={view['end_estimated']} open={view['open']} source={view['source']}"


def late(view: dict[str, Any], truth: dict[str, Any]) -> Iterator[str]:
    """Every length of time that is not what really happened."""
    for name in ("ring_s", "wait_s"):
        if name in truth and abs(view[name] - truth[name]) > LATE_S:
            yield f"{name} is {view[name]}, not {truth[name]}"
    talk: dict[str, float] = {}
    for leg in view["legs"]:
        if leg["extension"] and leg["talk_s"]:
            talk[leg["extension"]] = talk.get(leg["extension"], 0) + leg["talk_s"]
    for extension, wanted in (truth.get("talk_s") or {}).items():
        mine = talk.get(extension, view["talk_s"] if view["direction"] == "outbound" else 0)
        if abs(mine - wanted) > LATE_S:
            yield f"talk_s of {extension} is {mine}, not {wanted}"
