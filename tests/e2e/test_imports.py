# ruff: noqa: RUF001 - a name in another script is the subject
"""Importing files: columns guessed, checked, taken in, resumed after a death, refused rows, taken back; on both databases."""

import csv
import io
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import func, select, update

from hub import flow as flows
from hub.app import importer
from hub.cli import cli
from hub.context import Hub
from hub.errors import UserError
from hub.fields.models import FieldRow, Of
from hub.identity import parties
from hub.identity.models import Identifier, Link, Party, PartyKind, PartyStatus
from hub.imports import batches, refused, run, snapshot
from hub.imports.batches import Brought
from hub.imports.columns import Options
from hub.imports.models import BatchState, ImportBatch, ImportRow, What
from hub.imports.page import Pages
from hub.intake.models import Account, RawRecord
from hub.security import users
from hub.store.base import now
from hub.timeline import notes
from hub.timeline import tasks as todo
from hub.timeline.models import Interaction, Note, Participant, Task
from hub.work.lease import claim
from tests.fakes.browser import Browser

PEOPLE = """\
id,First name,Last name,Mobile,E-mail,Employer id,Birth date,Owner,Colour
1,Dana,Levi,050-2345678,dana@example.com,c1,15/03/1980,Ron Segal,red
2,יוסי,כהן,052-3456789,yossi@example.org,,31/12/1975,Old Timer,blue
3,,,,,,,,
4,Ann,,054-4567891,,,99/99/1999,,
5,Dana,Levi,0502345678,,,,,
1,Somebody,Else,,else@example.net,,,,
"""
COMPANIES = "id,Company,Phone\nc1,Alpha Ltd,03-6234567\n"
HISTORY = """\
id;Type;Date;Direction;Subject;Description;Contact id;Phone;Owner
h1;Call;15/03/2024 10:20;Incoming;Asked for a price;She wants ten.;1;;Ron Segal
h2;Meeting;16/03/2024 09:00;;At the fair;;1;;
h3;Fax;17/03/2024;;Sent;;;054-7778889;
h4;Call;18/03/2024;;Nobody knows who;;99;;
"""
TASKS = (
    "Task,Due date,Done,Contact id,Owner\nCall again,01/12/2026,no,1,ron@example.com\nSend papers,01/11/2026,yes,2,\n"
)


@pytest.fixture
def ron(hub: Hub) -> int:
    with hub.db.write() as session:
        return users.add(session, "ron@example.com", "Ron Segal", "agent").id


def bring(hub: Hub, text: str, what: What, name: str = "file.csv", **named: Any) -> ImportBatch:
    return batches.bring(hub.db, hub.settings, None, [text.encode()], Brought(name, what, region="IL", **named))


def ask(hub: Hub, batch: ImportBatch, how: str = "start", **chosen: Any) -> ImportBatch:
    with hub.db.write() as session:
        row = batches.one(session, batch.public_id)
        if chosen:
            batches.choose(session, hub.settings, None, row, **chosen)
        if how == "start":
            batches.start(session, hub.settings, hub.flow, None, row)
        elif how == "check":
            batches.check(session, hub.settings, None, row)
        else:
            getattr(batches, how)(session, None, row)
    return work(hub, batch)


def work(hub: Hub, batch: ImportBatch) -> ImportBatch:
    with hub.db.write() as session:
        leases = claim(session, ImportBatch, batches.due(), owner="test", lease_s=60, order_by=batches.first())
    for lease in leases:
        importer(hub).run(lease)
    with hub.db.read() as session:
        return batches.one(session, batch.public_id)


def fates(batch: ImportBatch) -> dict[str, int]:
    told = batch.found if batch.state == BatchState.CHECKED else batch.counts
    return {name: told[name] for name in ("new", "update", "same", "bad") if told[name]}


def reasons(hub: Hub, batch: ImportBatch) -> dict[int, str]:
    with hub.db.read() as session:
        return {row.number: row.reason for row in batches.refused(session, batch)}


def contents(hub: Hub) -> dict[str, list[Any]]:
    """Return what an import may change, without what only counts up."""
    with hub.db.read() as session:
        kinds: list[Any] = [RawRecord, Link, Identifier, Interaction, Participant, Task]
        found = {kind.__tablename__: sorted(session.scalars(select(kind.id))) for kind in kinds}
        active = select(Party.id, Party.name, Party.company_id, Party.owner_id, Party.fields)
        rows = session.execute(active.where(Party.status == PartyStatus.ACTIVE).order_by(Party.id))
        return {**found, "party": [tuple(row) for row in rows]}


def test_people_come_in_with_their_companies_owners_and_history_and_go_again(hub: Hub, ron: int) -> None:
    with hub.db.write() as session:
        known = parties.create(session, None, kind=PartyKind.PERSON, name="Yossi Cohen", region="IL")
        parties.add_identifier(session, None, known, parties.Given("email", "yossi@example.org"), region="IL")
        before_name = known.name
    before = contents(hub)
    companies = ask(hub, bring(hub, COMPANIES, What.COMPANIES))
    assert (companies.state, fates(companies)) == (BatchState.DONE, {"new": 1})

    people = bring(hub, PEOPLE, What.PEOPLE)
    assert people.columns == {
        "id": "id", "First name": "given", "Last name": "family", "Mobile": "phones", "E-mail": "emails",
        "Employer id": "company_id", "Birth date": "birthday", "Owner": "owner",
    }  # fmt: skip
    assert people.options["dates"] == "dmy"
    untouched = contents(hub)
    checked = ask(hub, people, "check")
    assert (checked.state, checked.error) == (BatchState.CHECKED, "")
    assert contents(hub) == untouched, "a check keeps nothing"
    assert checked.found["doubles"] == 1
    assert {(one["row"], one["as"]) for one in checked.found["shown"]} >= {(6, 2), (3, 0)}
    people = ask(hub, people)
    assert people.state == BatchState.DONE, people.error
    assert fates(people) == fates(checked) == {"new": 2, "update": 1, "bad": 3}, "other ids are other people"
    assert reasons(hub, people) == {4: "nobody", 5: "bad_date", 7: "again"}
    assert people.counts["strangers"] == {"Old Timer": 1}

    history = ask(hub, bring(hub, HISTORY, What.INTERACTIONS))
    assert (history.state, fates(history), reasons(hub, history)) == (
        BatchState.DONE, {"new": 3, "bad": 1}, {5: "stranger"},
    )  # fmt: skip
    tasks = ask(hub, bring(hub, TASKS, What.TASKS))
    assert fates(tasks) == {"new": 2}, reasons(hub, tasks)
    with hub.db.read() as session:
        dana = session.scalars(select(Party).join(Link, Link.party_id == Party.id).where(Link.remote_id == "1")).one()
        alpha = session.get_one(Party, dana.company_id)
        assert (dana.name, alpha.name, dana.owner_id) == ("Dana Levi", "Alpha Ltd", ron)
        assert dana.fields["birthday"] == "1980-03-15"
        happened = session.scalars(select(Interaction).order_by(Interaction.started_at)).all()
        assert [(one.kind, one.direction, one.summary) for one in happened] == [
            ("call", "inbound", "Asked for a price"), ("meeting", "", "At the fair"), ("note", "", "Sent"),
        ]  # fmt: skip
        assert happened[0].detail == {"by": "Ron Segal", "text": "She wants ten."}
        assert happened[0].owner_id == ron
        who = {row[0]: row[1] for row in session.execute(select(Participant.interaction_id, Participant.party_id))}
        assert who == {happened[0].id: dana.id, happened[1].id: dana.id, happened[2].id: None}
        todo = session.scalars(select(Task).order_by(Task.due_at)).all()
        assert [(one.title, one.done_at is None, one.owner_id) for one in todo] == [
            ("Send papers", False, None), ("Call again", True, ron),
        ]  # fmt: skip

    _again_and_back(hub, before, (tasks, history, people, companies))
    with hub.db.read() as session:
        assert session.get_one(Party, known.id).name == before_name
    with pytest.raises(UserError, match="nothing to undo"):
        ask(hub, people, "undo")


def _again_and_back(hub: Hub, before: dict[str, list[Any]], several: Sequence[ImportBatch]) -> None:
    """Bring the same files again, which does nothing, and then take them back, which leaves what was there before."""
    once = contents(hub)
    for text, what in ((PEOPLE, What.PEOPLE), (HISTORY, What.INTERACTIONS), (TASKS, What.TASKS)):
        again = bring(hub, text, what)
        with hub.db.read() as session:
            assert batches.same_before(session, again) is not None
        again = ask(hub, again)
        assert set(fates(again)) <= {"same", "bad"}, (what, fates(again))
    assert contents(hub) == once, "the same files again do nothing"

    for batch in several:
        assert ask(hub, batch, "undo").state == BatchState.UNDONE
    assert contents(hub) == before, "everything is as it was"
    with hub.db.read() as session:
        assert session.scalar(select(func.count()).select_from(ImportRow)), "what became of the rows is still told"


def test_an_undo_leaves_what_people_did_since_and_what_later_imports_changed(hub: Hub) -> None:
    first = ask(
        hub, bring(hub, "id,Name,Phone\n1,Dana Levi,050-2345678\n2,Yossi Cohen,052-3456789\n3,Ann Oz,\n", What.PEOPLE)
    )
    with hub.db.write() as session:
        dana = session.scalars(select(Link.party_id).where(Link.remote_id == "1")).one()
        somebody = users.person(users.add(session, "noa@example.com", "Noa", "agent"))
        notes.add(session, somebody, party_id=dana, text="Likes tea.")
    second = ask(hub, bring(hub, "id,Name,Phone\n2,Yossi Cohen,052-3456780\n3,Ann Oz,\n", What.PEOPLE))
    assert fates(second) == {"update": 1, "same": 1}
    first = ask(hub, first, "undo")
    assert (first.state, first.counts["kept"]) == (
        BatchState.UNDONE, {"later": {"count": 1, "first": [3]}, "stays": {"count": 1, "first": [dana]}},
    )  # fmt: skip
    with hub.db.read() as session:
        active = select(Party.name).where(Party.status == PartyStatus.ACTIVE).order_by(Party.id)
        assert session.scalars(active).all() == ["Dana Levi", "Yossi Cohen"]
    second = ask(hub, second, "undo")
    with hub.db.write() as session:
        numbers = session.scalars(select(Identifier.value).where(Identifier.valid_to.is_(None))).all()
        assert numbers == ["+972523456789"], "the number of the first file is back"
        session.execute(update(ImportBatch).values(undo_until=now() - timedelta(days=1), state=BatchState.DONE))
    with pytest.raises(UserError, match="could be undone until"):
        ask(hub, second, "undo")


def test_an_undo_leaves_what_somebody_went_on_with(hub: Hub) -> None:
    ask(hub, bring(hub, "id,Name\n1,Dana Levi\n2,Yossi Cohen\n", What.PEOPLE))
    history = ask(hub, bring(hub, HISTORY, What.INTERACTIONS))
    tasks = ask(hub, bring(hub, TASKS, What.TASKS))
    with hub.db.write() as session:
        noa = users.person(users.add(session, "noa@example.com", "Noa", "admin"))
        call = session.scalars(select(Interaction).where(Interaction.kind == "call")).one()
        session.add(Note(interaction_id=call.id, author_id=noa.id, text="She called back."))
        todo.done(session, noa, session.scalars(select(Task).where(Task.done_at.is_(None))).one())
    for batch in (history, tasks):
        undone = ask(hub, batch, "undo")
        assert (undone.state, undone.counts["kept"]) == (BatchState.UNDONE, {"touched": {"count": 1, "first": [2]}})
    with hub.db.read() as session:
        assert session.scalars(select(Interaction.summary)).all() == ["Asked for a price"]
        assert session.scalars(select(Task.title)).all() == ["Call again"]


def test_what_counts_of_a_field_is_chosen_beside_what_others_say(hub: Hub) -> None:
    first = ask(
        hub,
        bring(hub, "id,Name,Phone,Title,Notes,Birthday\n1,Dana Levi,050-2345678,Buyer,,\n", What.PEOPLE, source="One"),
    )
    assert fates(first) == {"new": 1}
    other = bring(
        hub, "id,Name,Phone,Title,Notes,Birthday,E-mail\na,Dana Levi,050-2345678,Boss,Tall,1980-03-15,d@example.com\n", What.PEOPLE,
        source="Two",
    )  # fmt: skip
    rules = {"job_title": "fill", "notes": "fill", "birthday": "overwrite", "emails": "keep"}
    other = ask(hub, other, options=Options(rules=rules, dates="dmy"))
    assert fates(other) == {"update": 1}
    with hub.db.read() as session:
        dana = session.scalars(select(Party)).one()
        kept = {name: dana.fields.get(name) for name in ("job_title", "notes", "birthday", "emails")}
        assert kept == {"job_title": "Buyer", "notes": "Tall", "birthday": "1980-03-15", "emails": None}
        assert session.scalars(select(Identifier.kind)).all() == ["phone"]


def test_a_field_that_administrators_defined_takes_a_column(hub: Hub) -> None:
    with hub.db.write() as session:
        session.add(FieldRow(of=Of.PERSON, name="colour", type="text", labels={"en": "Favourite"}, position=1))
    batch = bring(hub, "id,Name,Favourite\n1,Dana Levi,red\n", What.PEOPLE)
    assert batch.columns["Favourite"] == "field.colour"
    batch = ask(hub, batch)
    assert (batch.state, fates(batch)) == (BatchState.DONE, {"new": 1}), batch.error
    with hub.db.read() as session:
        dana = session.scalars(select(Party)).one()
        assert dana.fields["colour"] == "red"
        raw = session.scalars(select(RawRecord)).one()
    with hub.db.write() as session:
        account = session.get_one(Account, raw.account_id)
        assert flows.take_again(hub.flow, session, account, [raw.id]) == (1, 0), "a replay makes the same of it"


def test_refused_rows_are_a_file_that_can_be_mended_and_imported_again(hub: Hub) -> None:
    batch = ask(
        hub,
        bring(
            hub, "id,Notes,Phone,Birthday,Name\n1,=1+1,+972502345678,31/31/2020,Dana\n2,,,,\n3,,,,Fine\n", What.PEOPLE
        ),
    )
    assert fates(batch) == {"new": 1, "bad": 2}
    with hub.db.read() as session:
        text = "".join(refused.write(session, hub.settings, batch))
    rows = list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))
    assert rows[0] == ["hub: row", "hub: reason", "hub: what is wrong", "id", "Notes", "Phone", "Birthday", "Name"]
    assert rows[1] == ["2", "bad_date", "Birthday: 31/31/2020", "1", "'=1+1", "'+972502345678", "31/31/2020", "Dana"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    mended = ask(hub, bring(hub, text.replace("31/31/2020", "31/12/2020"), What.PEOPLE))
    assert (fates(mended), reasons(hub, mended)) == ({"new": 1, "bad": 1}, {3: "nobody"})
    with hub.db.read() as session:
        row = session.scalars(select(Party).join(Link, Link.party_id == Party.id).where(Link.remote_id == "1")).one()
        assert (row.name, row.fields["notes"], row.fields["birthday"]) == ("Dana", "=1+1", "2020-12-31")
        assert session.scalars(select(Identifier.value)).all() == ["+972502345678"]


def test_rows_without_ids_are_one_customer_where_they_say_so_and_the_same_row_is_the_same_again(hub: Hub) -> None:
    text = "Name,Phone,E-mail,Notes\nDana Levi,050-2345678,,\nDana Levi,0502345678,dana@example.com,tall\n,,only@example.com,\n"
    batch = ask(hub, bring(hub, text, What.PEOPLE))
    assert fates(batch) == {"new": 3}, "of two new rows of one customer each brought him"
    again = ask(hub, bring(hub, text.replace("tall", "short"), What.PEOPLE))
    assert fates(again) == {"update": 1, "same": 2}
    with hub.db.read() as session:
        assert sorted(session.scalars(select(Party.name))) == ["Dana Levi", "only@example.com"]


def test_cards_events_and_the_rows_of_another_database_come_in_too(hub: Hub, tmp_path: Path) -> None:
    card = "BEGIN:VCARD\r\nVERSION:3.0\r\nUID:u1\r\nFN:Dana Levi\r\nTEL;TYPE=CELL:+972502345678\r\nEMAIL:dana@example.com\r\nEND:VCARD\r\n"
    assert fates(ask(hub, bring(hub, card, What.PEOPLE, "cards.vcf"))) == {"new": 1}
    event = (
        "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:-//x//x//EN\r\nBEGIN:VEVENT\r\nUID:e1\r\nDTSTAMP:20240301T000000Z\r\n"
        "DTSTART:20240315T100000Z\r\nDTEND:20240315T110000Z\r\nSUMMARY:At the fair\r\n"
        "ATTENDEE:mailto:dana@example.com\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
    )
    events = ask(hub, bring(hub, event, What.INTERACTIONS, "events.ics"))
    assert fates(events) == {"new": 1}, reasons(hub, events)
    other = tmp_path / "old.db"
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE firm (no TEXT, name TEXT, secret TEXT)")
        connection.execute("INSERT INTO firm VALUES ('c1', 'Alpha \"A\" Ltd', 'x')")
        connection.commit()
    blocks = snapshot.blocks(f"sqlite:///{other}", "SELECT no, name FROM firm")
    firms = batches.bring(hub.db, hub.settings, None, blocks, Brought("query.csv", What.COMPANIES, look=snapshot.LOOK))
    assert fates(ask(hub, firms)) == {"new": 1}
    with hub.db.read() as session:
        meeting = session.scalars(select(Interaction)).one()
        dana, firm = session.scalars(select(Party).order_by(Party.id)).all()
        assert (dana.name, firm.name, firm.kind) == ("Dana Levi", 'Alpha "A" Ltd', "company")
        assert (meeting.kind, meeting.summary, meeting.started_at.isoformat()) == (
            "meeting",
            "At the fair",
            "2024-03-15T10:00:00+00:00",
        )
        assert session.scalars(select(Participant.party_id)).one() == dana.id


def test_a_refused_row_is_read_beside_its_customer(hub: Hub) -> None:
    ask(hub, bring(hub, "id,Name\n1,Dana Levi\n", What.PEOPLE))
    ask(hub, bring(hub, "id,Type,Date,Contact id\nh1,Call,someday,1\n", What.INTERACTIONS))
    with hub.db.read() as session:
        dana = session.scalars(select(Party.id)).one()
        [row] = batches.refused_beside(session, [dana])
        assert (row.reason, row.cells["Date"]) == ("bad_date", "someday")


def test_an_import_is_paused_resumed_and_cancelled(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "PAGE", 10)
    text = "id,Name\n" + "".join(f"{n},Person {n}\n" for n in range(30))
    batch = bring(hub, text, What.PEOPLE)

    def stop(told: batches.Progress) -> None:
        if told.row == 11:
            with hub.db.write() as session:
                batches.pause(session, None, batches.one(session, batch.public_id))

    with hub.db.write() as session:
        batches.start(session, hub.settings, hub.flow, None, batches.one(session, batch.public_id))
        [lease] = claim(session, ImportBatch, batches.due(), owner="test", lease_s=60)
    run.Importer(hub.db, hub.flow, hub.settings, watch=stop).run(lease)
    with hub.db.read() as session:
        paused = batches.one(session, batch.public_id)
        assert (paused.state, paused.position, paused.counts["new"]) == (BatchState.PAUSED, 11, 10)
    done = ask(hub, batch, "resume")
    assert (done.state, fates(done)) == (BatchState.DONE, {"new": 30})
    with hub.db.read() as session:
        assert session.scalar(select(func.count()).select_from(Party)) == 30


# One program that forks a worker after the other, each of which dies before another statement: a fork is like a process that
# was just started, without the seconds that its imports take.
KILLED = """
import os, signal, sys
from sqlalchemy import event
from hub import log
from hub.app import create_hub, importer
from hub.imports import batches, run
from hub.imports.models import ImportBatch
from hub.settings import load
from hub.work.lease import claim
from tests.fakes.browser import Browser

run.PAGE = 10
log.setup("error", "text")
hub = create_hub(load(), migrate=False)

def worker(left):
    hub.db.engine.dispose(close=False)  # what is open is the program's
    with hub.db.write() as session:
        [lease] = claim(session, ImportBatch, batches.due(), owner=str(left), lease_s=0.001)
    def count(*_):
        nonlocal left
        left -= 1
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
    event.listen(hub.db.engine, "before_cursor_execute", count)
    commit = hub.db.engine.dialect.do_commit
    hub.db.engine.dialect.do_commit = lambda connection: (count(), commit(connection), count())
    importer(hub).run(lease)

for left in map(int, sys.argv[1:]):
    child = os.fork()
    if child == 0:
        try:
            worker(left)
        finally:
            os._exit(1)
    code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert code == -signal.SIGKILL, (left, code)
"""


def test_an_import_that_is_killed_anywhere_goes_on_and_loses_and_doubles_nothing(hub: Hub) -> None:
    count = 60
    people = (f"{n},Person {n},05{n % 10}-2{n:06d},p{n}@example.com\n" for n in range(count))
    batch = bring(hub, "id,Name,Phone,E-mail\n" + "".join(people), What.PEOPLE)
    with hub.db.write() as session:
        batches.start(session, hub.settings, hub.flow, None, batches.one(session, batch.public_id))
    environment = {**os.environ, "HUB_HOME": str(hub.settings.home), "HUB_DATABASE__URL": hub.settings.database_url}
    deaths = [str(one) for one in (9, 17, 40)]
    died = subprocess.run(
        [sys.executable, "-c", KILLED, *deaths], env=environment, check=False, capture_output=True, timeout=120
    )
    assert died.returncode == 0, died.stderr.decode()[-2000:]
    with hub.db.write() as session:  # PostgreSQL may still be ending the sessions of the dead
        done_before = session.get_one(ImportBatch, batch.id, with_for_update=True).position
    done = work(hub, batch)
    assert (done.state, fates(done)) == (BatchState.DONE, {"new": count}), (done.error, done_before)
    with hub.db.read() as session:
        numbers = session.scalars(select(ImportRow.number).order_by(ImportRow.number)).all()
        assert numbers == list(range(2, count + 2))
        for table in (Party, Link, RawRecord):
            assert session.scalar(select(func.count()).select_from(table)) == count
        assert session.scalar(select(func.count()).select_from(Identifier)) == 2 * count


def test_what_makes_no_sense_is_said_before_anything_is_done(hub: Hub) -> None:
    batch = bring(hub, "id,Name\n1,Dana\n", What.PEOPLE)
    wrong: Sequence[tuple[dict[str, Any], str]] = (
        ({"columns": {"Nme": "name"}}, "no column"),
        ({"columns": {"Name": "nmae"}}, "cannot be 'nmae'"),
        ({"columns": {"Name": "name", "id": "name"}}, "Two columns"),
        ({"columns": {"id": "id"}}, "No column is name or"),
        ({"options": Options(rules={"name": "maybe"})}, "none of: newest"),
        ({"options": Options(link="https://old.example/")}, "has {id}"),
        ({"options": Options(dates="ydm")}, "none of: dmy"),
    )
    for chosen, words in wrong:
        with pytest.raises(UserError, match=words):
            ask(hub, batch, **chosen)
    with pytest.raises(UserError):
        bring(hub, "", What.PEOPLE)
    with hub.db.read() as session:
        assert session.scalars(select(ImportBatch.state)).all() == [BatchState.LOOKED]


def test_the_command(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HUB_HOME", str(hub.settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", hub.settings.database_url)
    file, mapping, out = tmp_path / "old.csv", tmp_path / "mapping.toml", tmp_path / "out.csv"
    file.write_text("nr,who,tel\n7,Dana Levi,050-2345678\n8,Dana Levi,0502345678\n9,,\n", "utf-8")
    mapping.write_text(
        'link = "https://old.example.com/{id}"\n[columns]\nnr = "id"\nwho = "name"\ntel = "phones"\n', "utf-8"
    )

    def hub_import(*words: str) -> Result:
        return CliRunner().invoke(cli, ["import", *words])

    usual = (str(file), "--as", "people", "--region", "IL", "--mapping", str(mapping))
    assert hub_import(*usual, "--dry-run", "--clusters", str(out)).exit_code == 0
    assert out.read_text("utf-8").splitlines() == ["id,cluster", "7,7", "8,7", "9,9"]
    with hub.db.read() as session:
        assert session.scalars(select(ImportBatch)).all() == [], "of a look nothing is left"
    done = hub_import(*usual, "--json")
    assert done.exit_code == 1, "a row was refused"
    told = json.loads(done.stdout)
    assert (told["state"], told["new"], told["update"], told["bad"]) == ("done", 2, 0, 1)
    with hub.db.read() as session:
        assert session.get_one(Party, 1).fields["urls"][0]["value"] == "https://old.example.com/7"
    assert "came in before" in hub_import(*usual).stderr
    assert "nobody" in hub_import("errors", told["id"]).stdout
    assert json.loads(hub_import("status", "--json").stdout)[0]["state"] == "done"
    assert "undone" in hub_import("undo", told["id"]).stdout
    with hub.db.read() as session:
        assert session.scalars(select(Party.status)).all() == [PartyStatus.ERASED] * 2
    for words, why in (((), "as"), (("no.csv", "--as", "people"), "no file"), (("--as", "people"), "Give a file")):
        answer = hub_import(*words)
        assert answer.exit_code != 0
        assert why in answer.output + str(answer.exception)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_command_is_interrupted_paused_and_gone_on_with(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HUB_HOME", str(hub.settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", hub.settings.database_url)
    monkeypatch.setattr(run, "PAGE", 10)
    file = tmp_path / "old.csv"
    file.write_text("id,Name\n" + "".join(f"{n},Person {n}\n" for n in range(30)), "utf-8")
    shell, take = CliRunner(), Pages.take

    def interrupted(pages: Any, session: Any, account: Any, rows: Any) -> Any:
        taken = take(pages, session, account, rows)
        if rows[0].number > 2:  # the second page
            raise KeyboardInterrupt
        return taken

    with monkeypatch.context() as patch:
        patch.setattr(Pages, "take", interrupted)
        answer = shell.invoke(cli, ["import", str(file), "--as", "people"])
    with hub.db.read() as session:
        row = session.scalars(select(ImportBatch)).one()
    assert (answer.exit_code, f"hub import resume {row.public_id}" in answer.stderr) == (130, True)
    assert (row.state, row.position, row.owner, row.lease_until) == (BatchState.RUNNING, 11, "", None)
    assert row.due_at is not None, "a worker would go on"
    number = str(row.public_id)
    assert f"hub import resume {number}" in shell.invoke(cli, ["import", "pause", number]).stdout
    answer = shell.invoke(cli, ["import", "resume", number, "--json"])
    told = json.loads(answer.stdout)
    assert (answer.exit_code, told["state"], told["new"]) == (0, "done", 30)
    assert "does not run" in str(shell.invoke(cli, ["import", "cancel", number]).exception)


def test_pages_show_what_came_in(hub: Hub, admin: Browser) -> None:
    ask(hub, bring(hub, "id,Name\n1,Dana Levi\n", What.PEOPLE))
    ask(hub, bring(hub, HISTORY, What.INTERACTIONS))
    with hub.db.read() as session:
        dana = session.scalars(select(Party)).one()
        account = session.scalars(select(Account)).one()
        numbers = session.scalars(select(Interaction.id).order_by(Interaction.started_at).limit(2)).all()
    page = admin.get(f"/customers/{dana.public_id}").text
    assert "Asked for a price" in page
    assert "At the fair" in page
    assert "She wants ten." in admin.get(f"/customers/{dana.public_id}/items/{numbers[0]}").text
    assert admin.get(f"/customers/{dana.public_id}/items/{numbers[1]}").status_code == 200
    source = f"/connections/{account.public_id}"
    for path in ("/connections", source, f"{source}/failures", f"{source}/log"):
        assert admin.get(path).status_code == 200, path
