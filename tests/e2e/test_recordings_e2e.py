"""Recordings, from the exchange's word of a file to somebody who listens; on both databases."""

import hashlib
import io
import shutil
import wave
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import func, select, update

from connectors.asterisk.simulated_pbx import SimCall
from hub import app as hub_app
from hub.cti import history, recordings
from hub.cti.models import CallRow, Recording, RecordingState
from hub.errors import ForbiddenError, RetryLaterError, UserError
from hub.security import tokens, users
from hub.security.models import Audit, Role
from hub.store.base import now
from tests.conftest import DATABASES
from tests.e2e import calls
from tests.e2e.calls import Office, until

LOST_S = 1.0


@pytest.fixture(scope="module", params=DATABASES)
def office(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    home = tmp_path_factory.mktemp("office")
    if request.param == "sqlite":
        shutil.copy(request.getfixturevalue("sqlite_template"), home / "hub.db")
        url = f"sqlite:///{home / 'hub.db'}"
    else:
        url = request.getfixturevalue("postgres_server").database(request.getfixturevalue("postgres_template"))
    made = calls.settings(home, url, HUB_CALLS__RECORDING_LOST_H=str(LOST_S / 3600))
    with calls.wired(made) as hub, calls.office(hub) as opened:
        yield opened


@pytest.fixture(autouse=True)
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordings, "LOOK_AGAIN_S", 0.05)
    monkeypatch.setattr(recordings, "SLOWER_S", 0.2)


def talk(office: Office, extension: str = "101", *, record: bool = True) -> SimCall:
    call = office.pbx.ring(caller=office.number(), extensions=[extension], record=record)
    office.rings(extension, call.linked)
    call.answer(extension)
    office.written(call.linked, answered=[extension])
    return call


def names(office: Office, call: SimCall, path: str) -> None:
    """The exchange says where it writes the recording of a call."""
    with office.pbx.pbx.lock:
        office.pbx.pbx.set_variable(call.origin, "MIXMONITOR_FILENAME", path)


def test_a_recording_can_be_heard_whole_and_in_parts(office: Office) -> None:
    call = talk(office)
    call.hangup()
    row = office.recording(call.linked, "ready")
    with office.hub.db.read() as session:
        opened = office.hub.telephone.recording(session, office.person("101"), row.public_id)
        with opened.open(0) as file:
            sound = file.read()
        with opened.open(len(sound) - 10) as file:
            assert file.read() == sound[-10:]
    assert len(sound) == row.size == opened.facts.size
    assert hashlib.sha256(sound).hexdigest() == row.sha256
    with wave.open(io.BytesIO(sound)) as heard:
        assert heard.getframerate() == 8000


def test_a_recording_is_served_with_ranges_and_every_listening_is_in_the_audit(office: Office) -> None:
    call = talk(office)
    call.hangup()
    row = office.recording(call.linked, "ready")
    with office.hub.db.write() as session:
        secret = tokens.add(session, f"listener {row.id}", Role.MANAGER)
    client = hub_app.create_app(office.hub).test_client()
    headers = {"Authorization": f"Bearer {secret}"}
    whole = client.get(f"/api/v1/recordings/{row.public_id}", buffered=True, headers=headers)
    assert (whole.status_code, len(whole.data)) == (200, row.size)
    part = client.get(f"/api/v1/recordings/{row.public_id}", buffered=True, headers={**headers, "Range": "bytes=4-9"})
    assert (part.status_code, part.data) == (206, whole.data[4:10])
    assert part.headers["Content-Range"] == f"bytes 4-9/{row.size}"
    beyond = client.get(
        f"/api/v1/recordings/{row.public_id}", buffered=True, headers={**headers, "Range": "bytes=99999999-"}
    )
    assert beyond.status_code == 416
    assert client.get(f"/api/v1/recordings/{row.public_id}").status_code == 401
    with office.hub.db.read() as session:
        heard = session.scalars(select(Audit).where(Audit.subject_id == str(row.public_id))).all()
    assert heard
    assert not any("monitor" in str(one.detail) for one in heard)  # no path leaves the hub


def test_only_who_took_part_and_managers_may_listen(office: Office) -> None:
    call = talk(office, "101")
    call.hangup()
    row = office.recording(call.linked, "ready")
    with office.hub.db.read() as session:
        with pytest.raises(ForbiddenError):
            office.hub.telephone.recording(session, office.person("103"), row.public_id)
        with pytest.raises(UserError):
            office.hub.telephone.recording(session, office.person("101"), UUID(int=0))


def test_whose_phone_only_rang_is_offered_nothing_and_hears_nothing(office: Office) -> None:
    call = office.pbx.ring(caller=office.number(), extensions=["101", "102"])
    office.written(call.linked, ringing=["101", "102"])
    call.answer("101")
    office.written(call.linked, answered=["101"])
    call.hangup()
    row = office.recording(call.linked, "ready")
    called = office.pbx.pbx.outgoing(extension="102", number=office.number())
    called.answer()
    office.written(called.linked, answered=["102"])  # a talk of no time has nothing to hear
    called.hangup("caller")
    own = office.recording(called.linked, "ready")
    with office.hub.db.read() as session:
        for extension, recording, may in (("101", row, True), ("102", row, False), ("102", own, True)):
            person = office.person(extension)
            call_row = session.get_one(CallRow, recording.call_id)
            assert history.one(session, person, call_row.public_id).may_hear == may
            if may:
                assert office.hub.telephone.recording(session, person, recording.public_id).row.id == recording.id
            else:
                with pytest.raises(ForbiddenError):
                    office.hub.telephone.recording(session, person, recording.public_id)


def test_a_recording_of_nobodys_talk_is_empty(office: Office) -> None:
    call = office.pbx.ring(caller=office.number(), extensions=["101"])
    office.rings("101", call.linked)
    call.hangup("caller")
    row = office.recording(call.linked, "empty")
    manager = replace(office.person("101"), role=Role.MANAGER)
    with office.hub.db.read() as session, pytest.raises(UserError) as told:
        office.hub.telephone.recording(session, manager, row.public_id)
    assert told.value.error_id == "gone"


def test_a_recording_that_never_appears_is_called_missing_and_one_that_comes_late_is_found(office: Office) -> None:
    never, late = talk(office, record=False), talk(office, "102", record=False)
    names(office, never, "/var/spool/asterisk/monitor/never.wav")
    names(office, late, "/var/spool/asterisk/monitor/late.wav")
    for call in (never, late):
        call.hangup()
        office.finished(call.linked)
    assert office.recording(late.linked, "pending")
    (office.pbx.recordings / "late.wav").write_bytes(b"RIFF" + bytes(500))
    assert office.recording(late.linked, "ready").size == 504
    row = office.recording(never.linked, "missing")
    assert row.last_error
    assert (row.due_at, row.owner) == (None, "")


def test_a_recording_that_still_grows_is_waited_for(office: Office) -> None:
    call = talk(office, record=False)
    file = office.pbx.recordings / "grows.wav"
    file.write_bytes(b"RIFF" + bytes(100))
    names(office, call, "/var/spool/asterisk/monitor/grows.wav")
    call.hangup()
    until(lambda: office.recording(call.linked, "pending", "ready").size == 104)
    with file.open("ab") as more:
        more.write(bytes(100))
    row = office.recording(call.linked, "ready")
    assert row.size == file.stat().st_size == 204


OUTSIDE = {
    "another folder": "/etc/passwd",
    "dots": "/var/spool/asterisk/monitor/../../../../etc/passwd",
    "a link": "/var/spool/asterisk/monitor/link.wav",
    "a folder": "/var/spool/asterisk/monitor/folder",
    "a device": "/dev/zero",
    "an address": "http://169.254.169.254/latest",
    "a zero byte": "/var/spool/asterisk/monitor/a\0b.wav",
}


@pytest.mark.alike
@pytest.mark.parametrize("what", OUTSIDE)
def test_a_path_outside_the_root_is_refused_and_audited_and_never_opened(
    office: Office, what: str, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"x" * 1000)
    link = office.pbx.recordings / "link.wav"
    link.unlink(missing_ok=True)
    link.symlink_to(secret)
    (office.pbx.recordings / "folder").mkdir(exist_ok=True)
    call = talk(office, record=False)
    names(office, call, OUTSIDE[what])
    call.hangup()
    office.finished(call.linked)
    row = office.recording(call.linked, "refused", "missing")
    if what not in {"a zero byte", "an address"}:  # without the byte, and below the root: nothing is there
        assert row.state == "refused"
        with office.hub.db.read() as session:
            found = session.scalars(select(Audit).where(Audit.action == "recording.refused")).all()
        assert any(one.subject_id == str(row.id) for one in found)
    assert (row.size, row.sha256) == (None, "")
    with office.hub.db.read() as session, pytest.raises(UserError):
        office.hub.telephone.recording(session, office.person("101"), row.public_id)


def test_a_recording_that_is_too_old_is_forgotten_unless_it_is_held(office: Office) -> None:
    old, held = talk(office), talk(office, "102")
    rows = []
    for call in (old, held):
        call.hangup()
        rows.append(office.recording(call.linked, "ready"))
    with office.hub.db.write() as session:
        past = now() - timedelta(days=400)
        session.execute(update(Recording).where(Recording.id.in_([r.id for r in rows])).values(started_at=past))
        session.get_one(Recording, rows[1].id).legal_hold = True
        assert recordings.purge(session, days=0) == 0
        assert recordings.purge(session, days=365) == 1
    assert office.recording(old.linked, "purged").size
    assert office.recording(held.linked, "ready")


def test_one_night_forgets_all_that_became_too_old_on_a_busy_day(office: Office) -> None:
    call = talk(office, record=False)
    call.hangup()
    office.finished(call.linked)
    with office.hub.db.write() as session:
        owner = session.scalars(select(CallRow.id).where(CallRow.key == call.linked)).one()
        for number in range(1200):
            path, past = f"/old/{number}.wav", now() - timedelta(days=366)
            session.add(Recording(call_id=owner, path=path, state=RecordingState.READY, started_at=past))
    with office.hub.db.write() as session:
        assert recordings.purge(session, days=365) == 1200
        left = select(func.count()).where(Recording.call_id == owner, Recording.state == RecordingState.READY)
        assert session.scalar(left) == 0


def test_one_call_with_two_recordings_has_both(office: Office) -> None:
    call = talk(office)
    names(office, call, "/var/spool/asterisk/monitor/second.wav")
    (office.pbx.recordings / "second.wav").write_bytes(b"RIFF" + bytes(100))
    call.hangup()

    def states() -> list[str]:
        with office.hub.db.read() as session:
            query = select(Recording.state).join(CallRow, CallRow.id == Recording.call_id)
            return sorted(session.scalars(query.where(CallRow.key == call.linked)))

    until(lambda: states() == ["ready", "ready"], why=states)


def test_a_recording_store_that_is_away_is_not_a_missing_recording(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:

    exchange = office.hub.telephone.exchange(office.health())
    away = True
    found = type(exchange).recording_facts

    def facts(self: object, path: str) -> object:
        if away:
            raise RetryLaterError("the recordings' server does not answer")
        return found(self, path)  # type: ignore[arg-type]  # it is the exchange's own

    monkeypatch.setattr(type(exchange), "recording_facts", facts)
    monkeypatch.setattr(recordings, "LOOK_AGAIN_S", 0.05)
    call = talk(office)
    call.hangup()
    office.finished(call.linked)
    until(lambda: "does not answer" in office.recording(call.linked, "pending").last_error)
    over = office.finished(call.linked)["ended_at"]
    until(lambda: (now() - over).total_seconds() > LOST_S + 0.5)
    assert office.recording(call.linked, "pending")
    away = False
    assert office.recording(call.linked, "ready")


def test_people_who_left_hear_nothing(office: Office) -> None:
    with office.hub.db.write() as session:
        somebody = users.add(session, "passing@example.com", "Passing", Role.AGENT)
    call = talk(office)
    call.hangup()
    row = office.recording(call.linked, "ready")
    with office.hub.db.read() as session, pytest.raises(ForbiddenError):
        office.hub.telephone.recording(session, users.person(somebody), row.public_id)
