"""A real Asterisk 22 with real SIP phones and a carrier: what it does, and what the hub makes of it.

All calls are made once, side by side, while two hubs listen: one with SQLite, over TLS and with few rights, one with
PostgreSQL over plain TCP. The pair lives in `var/asterisk` (or HUB_TEST_ASTERISK); `make test` builds it.
"""

import array
import contextlib
import fcntl
import importlib.machinery
import importlib.util
import io
import os
import random
import shutil
import socket
import subprocess
import time
import wave
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from sqlalchemy import ColumnElement, select

from connectors.asterisk import exchange
from connectors.asterisk.records import history
from hub import app as hub_app
from hub.cti import backfill, recordings
from hub.cti.models import CallRow, Extension
from hub.errors import UserError
from hub.intake import accounts
from hub.intake.models import Account, RawRecord, StreamState
from hub.security import tokens
from hub.security.models import Role, User
from hub.settings import load
from hub.store.base import now
from hub.timeline.models import Interaction
from hub.work.lease import Lease, claim, new_owner
from tests.e2e import calls
from tests.e2e.calls import Office

SCRIPTS = Path(__file__).parent / "asterisk"
FOLDER = Path(os.environ.get("HUB_TEST_ASTERISK", str(Path(__file__).parents[2] / "var/asterisk")))
INSTALLED = (FOLDER / "root/usr/sbin/asterisk").exists() and os.geteuid() == 0
SPOOL = "/var/spool/asterisk"  # recordings and mailboxes
WITHHELD = "0549990001"  # number of who does not want to be known
LATE_S = 1.6  # seconds by which a busy machine may miss the truth
PATIENCE_S = 60.0

pytestmark = [
    pytest.mark.asterisk,
    pytest.mark.timeout(300),
    pytest.mark.skipif(
        not INSTALLED, reason=f"no real Asterisk in {FOLDER} (tests.prepare builds it: root, debootstrap)"
    ),
]


# Looking less often leaves the processor to those whose times are measured.
until = partial(calls.until, every=0.15)


def script(name: str, *arguments: str, **environment: str) -> str:
    done = subprocess.run(
        [SCRIPTS / name, FOLDER, *arguments], env={**os.environ, **environment}, capture_output=True, text=True, check=False,
        timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ring_script() -> ModuleType:
    """The script that makes calls by hand, as a module."""
    loader = importlib.machinery.SourceFileLoader("asterisk_ring", str(SCRIPTS / "ring"))
    spec = importlib.util.spec_from_loader("asterisk_ring", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def free_hundred(but: Collection[int]) -> int:
    """Find a hundred ports (given as port // 100) that nobody uses.

    They are below those that the system gives to outgoing connections: while the exchange is away, the hubs connect
    again and again, and one of them might get its port.
    """
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    hundreds = [one for one in range(110, max(lowest // 100, 320)) if one not in but]
    random.shuffle(hundreds)
    return next(hundred for hundred in hundreds if all(map(is_free, range(hundred * 100, hundred * 100 + 100))))


def is_free(port: int) -> bool:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            try:
                probe.bind(("", port))
            except OSError:
                return False
    return True


@dataclass
class Pair:
    """The customer's exchange (near), and carrier and phones (far)."""

    ports: dict[str, int]
    ring: ModuleType = field(default_factory=ring_script)
    far: Any = None

    def start(self) -> None:
        script("start")
        self.far = self.ring.Ami(self.ports["FAR_AMI"], events=False)

    def kill(self) -> None:
        """Both at once, without a word."""
        script("stop", "-9")
        self.far.k.close()

    def stop(self) -> None:
        script("stop")
        if self.far is not None:
            self.far.k.close()

    def forget_everything(self) -> None:
        """As if it were new: no records, recordings, messages or behaviours of phones are left."""
        for path in (self.cdr, self.cel, FOLDER / "root/var/far/db/astdb.sqlite3"):
            path.unlink(missing_ok=True)
        for folder in ("monitor", "voicemail"):
            for path in (self.spool / folder).iterdir():
                shutil.rmtree(path)

    def phone(self, number: str, behaviour: str) -> None:
        """Say what a phone, or a number outside, does when it is called from now on."""
        self.far.act(Action="DBPut", Family="b", Key=number, Val=behaviour)

    def forget(self, number: str) -> None:
        self.far.act(Action="DBDel", Family="b", Key=number)

    def call_in(self, did: str, number: str, *, name: str = "", caller: str = "talk40", to_s: int = 40) -> None:
        """Somebody outside calls."""
        self.far.act(
            Action="Originate", Channel=f"PJSIP/{did}@to-main", Context="far-caller", Exten=caller, Priority=1,
            Timeout=to_s * 1000, Async="true", CallerID=f'"{name}" <{number}>',
        )  # fmt: skip

    def call_withheld(self, did: str, *, told: bool) -> None:
        """Somebody outside calls and does not want to be known; `told`: the carrier tells the exchange all the same."""
        anonymous = "far-anon" if told else "far-anon2"
        self.far.act(
            Action="Originate", Channel=f"Local/{did}@{anonymous}/n", Context="far-caller", Exten="talk40", Priority=1,
            Timeout=30_000, Async="true",
        )  # fmt: skip

    def call_out(self, extension: str, number: str, *, to_s: int = 40) -> None:
        """One of our phones calls."""
        self.far.act(
            Action="Originate", Channel=f"PJSIP/{number}@phone{extension}", Context="far-caller", Exten="talk40",
            Priority=1, CallerID=f"<{extension}>", Timeout=to_s * 1000, Async="true",
        )  # fmt: skip

    @property
    def cdr(self) -> Path:
        return FOLDER / "root/var/log/asterisk/cdr-csv/Master.csv"

    @property
    def cel(self) -> Path:
        return FOLDER / "root/var/log/asterisk/cel-custom/Master.csv"

    @property
    def spool(self) -> Path:
        return FOLDER / f"root{SPOOL}"


@pytest.fixture(scope="module")
def pair() -> Iterator[Pair]:
    with (FOLDER / "in-use").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one run of these tests at a time
        hundreds: list[int] = []
        for _ in range(3):
            hundreds.append(free_hundred(hundreds))
        names = ("NEAR_AMI", "NEAR_AMI_TLS", "FAR_AMI", "NEAR_SIP", "FAR_SIP", "UA_SIP", "AGI")
        ports = {name: hundreds[0] * 100 + number for number, name in enumerate(names)}
        ports |= {"NEAR_RTP": hundreds[1], "FAR_RTP": hundreds[2]}
        made = Pair(ports)
        made.stop()  # what a run that was killed left
        script("setup", **{f"AST_{name}": str(port) for name, port in ports.items()})
        made.forget_everything()
        try:
            made.start()
            yield made
        finally:
            made.stop()


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


@dataclass
class RealOffice(Office):
    """An office at the real exchange."""

    def hears(self, *, again: bool = False) -> None:
        before = self._lists() if again else 0
        until(lambda: self._lists() > before, PATIENCE_S, why=lambda: self.health().health_text)

    def keys(self, *where: ColumnElement[bool]) -> list[str]:
        """Keys of the calls for which all of this is so."""
        with self.hub.db.read() as session:
            return list(session.scalars(select(CallRow.key).where(*where).order_by(CallRow.id)))

    def by_number(self, number: str) -> list[str]:
        return self.keys((CallRow.caller == number) | (CallRow.callee == number))

    def over(self, number: str) -> dict[str, Any]:
        """Wait until the one call of a number is over and taken in."""
        return self._over(lambda: self.by_number(number))

    def over_at(self, did: str, *where: ColumnElement[bool]) -> dict[str, Any]:
        """Wait until the one call to a number of ours is over and taken in."""
        return self._over(lambda: self.keys(CallRow.did == did, *where))

    def _over(self, keys: Callable[[], list[str]]) -> dict[str, Any]:
        key = until(keys, PATIENCE_S, why=self.views)[0]
        until(lambda: (view := self.view(key)) is not None and not view["open"], PATIENCE_S, why=lambda: self.view(key))
        view = self.finished(key)
        assert keys() == [key]
        return view


@pytest.fixture(scope="module")
def offices(
    pair: Pair, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, RealOffice]]:
    """Two hubs that listen to the same exchange."""
    with contextlib.ExitStack() as stack:
        made = {}
        common = {
            "host": "127.0.0.1",
            "recordings_root": str(pair.spool),
            "prefix_map": f"{SPOOL}={pair.spool}",
            "cdr_source": f"{pair.cdr}?cel={pair.cel}&zone=UTC",
        }
        special: dict[str, dict[str, Any]] = {
            "sqlite": {
                "port": pair.ports["NEAR_AMI_TLS"], "tls": True, "ca": str(FOLDER / "ami-ca.pem"), "tls_name": "localhost",
                "username": "hubro", "secret": "rosecret", "agi_port": pair.ports["AGI"], "agi_names": True,
                "agi_owner": True,
            },
            "postgresql": {"port": pair.ports["NEAR_AMI"], "username": "hub", "secret": "hubsecret"},
        }  # fmt: skip
        for name, more in special.items():
            home = tmp_path_factory.mktemp(name)
            if name == "sqlite":
                shutil.copy(request.getfixturevalue("sqlite_template"), home / "hub.db")
                url = f"sqlite:///{home / 'hub.db'}"
            else:
                url = request.getfixturevalue("postgres_server").database(request.getfixturevalue("postgres_template"))
            environment = calls.environment(
                home, url, HUB_CALLS__SETTLE_S="1.0", HUB_CALLS__BACKFILL_OVERLAP_MIN="0", HUB_WORK__THREADS="2",
                HUB_CALLS__DIAL_PER_MINUTE="100",
            )  # fmt: skip
            hub = stack.enter_context(calls.wired(load(environment)))
            plain = calls.furnish(hub, Settings({**common, **more}))  # type: ignore[arg-type]  # only its settings count
            office = RealOffice(plain.hub, plain.pbx, plain.account, plain.people, plain.bus)
            office.start()
            stack.callback(office.stop)
            made[name] = office
        yield made


class Settings:
    """Stands in for a simulator: only its settings are asked for."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values

    def settings(self) -> dict[str, Any]:
        return self._values


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
DATABASES = ["sqlite", "postgresql"]


@pytest.fixture(scope="module")
def story(pair: Pair, offices: dict[str, RealOffice]) -> dict[str, dict[str, Any]]:
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
        watch(offices["sqlite"], name, number or "101", scenario)
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


def heard(office: RealOffice, recording: str) -> tuple[float, int]:
    """Listen to a recording by the API, whole and in part: its seconds, and how loud it is."""
    with office.hub.db.write() as session:
        secret = tokens.add(session, f"listener {recording}", Role.MANAGER)
    client, headers = hub_app.create_app(office.hub).test_client(), {"Authorization": f"Bearer {secret}"}
    whole = client.get(f"/api/v1/recordings/{recording}", buffered=True, headers=headers)
    assert (whole.status_code, whole.headers["Accept-Ranges"]) == (200, "bytes")
    for asked, wanted in (("4-43", whole.data[4:44]), ("-1000", whole.data[-1000:]), ("5000-", whole.data[5000:])):
        part = client.get(
            f"/api/v1/recordings/{recording}", buffered=True, headers={**headers, "Range": f"bytes={asked}"}
        )
        assert (part.status_code, part.data) == (206, wanted)
    with wave.open(io.BytesIO(whole.data)) as file:
        samples = array.array("h", file.readframes(file.getnframes()))
        return file.getnframes() / file.getframerate(), max(map(abs, samples))


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


def click(pair: Pair, office: RealOffice, number: str, *, extension: str, takes: str) -> str:
    """Click on a number that does so much when it is called; returns the key of the call."""
    if takes:
        pair.phone(number, takes)
    with office.hub.db.write() as session:
        order = office.hub.telephone.dial(session, office.person(extension), number)
    return f"{order.id}-ch"


def dialled(
    pair: Pair, office: RealOffice, number: str, *, extension: str = "201", takes: str = "answer:0.5:30"
) -> str:
    """Click on a number and wait until it is picked up there."""
    pair.phone(extension, "answer:0.5:60")
    key = click(pair, office, number, extension=extension, takes=takes)
    until(
        lambda: (view := office.view(key)) is not None and view["answered_at"] is not None,
        PATIENCE_S,
        why=lambda: office.view(key),
    )
    return key


def row_of(office: RealOffice, key: str) -> CallRow:
    row = office.row(key)
    assert row is not None
    return row


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


def found(office: RealOffice, **values: Any) -> dict[str, str]:
    """What the check of an account with other settings says: the level of each line."""
    hub, connector = office.hub, office.hub.connectors["asterisk"]
    row = Account(
        id=0, public_id=office.account.public_id, name="Check", connector="asterisk", region="IL", time_zone=""
    )
    row.settings, row.secrets = dict(office.account.settings), office.account.secrets
    accounts.update(row, connector, hub.vault, {**row.settings, **values})
    findings = connector.check(accounts.open_account(row, connector, hub.vault, hub.settings))
    return {finding.topic: finding.level.value for finding in findings}


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


# --- calls that the hub did not hear ----------------------------------------------------------------------------------------


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


def everything(office: RealOffice) -> list[dict[str, Any]]:
    """All calls, but for what goes on changing by itself: the state of a recording."""
    return [{**view, "recordings": len(view["recordings"])} for view in office.views()]


def read_all(office: RealOffice) -> dict[str, int]:
    """Read all records of the exchange from their beginning, as `hub sync --full` does."""

    def taken() -> Lease | None:
        with office.hub.db.write() as session:
            mine = StreamState.stream == backfill.HISTORY
            leases = claim(session, StreamState, mine, owner=new_owner(), lease_s=60)
        return leases[0] if leases else None  # a worker may be reading just now

    with office.hub.db.write() as session:
        backfill.due(session, office.account.id, now())
    return hub_app.read_history(office.hub, until(taken, PATIENCE_S), full=True)


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


# --- the exchange dies: last, since nothing is as before afterwards -----------------------------------------------------------


def in_call(office: RealOffice, number: str, extension: str, event: str) -> str:
    """Wait until the call of a number rings or is answered at a phone; returns its key."""
    key = until(lambda: office.by_number(number), PATIENCE_S)[0]
    until(
        lambda: event in office.events(extension, key), PATIENCE_S, why=lambda: (office.view(key), office.bus.told[-9:])
    )
    return key


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
