"""Files of customers: put with notes, read by whoever may, brought by an import, and gone when they are to be gone."""

import csv
import io
import os
import re
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from sqlalchemy import func, select, update
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from hub import app as hub_app
from hub.app import importer
from hub.cli import cli
from hub.context import Hub
from hub.identity import parties
from hub.identity.merging.merge import merge
from hub.identity.merging.undo import undo
from hub.identity.models import Merge, Party, PartyKind
from hub.imports import batches, enclosed
from hub.imports.models import BatchState, ImportBatch, ImportRow, What
from hub.intake.models import RawRecord
from hub.privacy import erase
from hub.privacy.models import Erasure, ErasureStatus
from hub.privacy.shelves import shelves
from hub.security import users
from hub.security.models import Audit
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline import index, note_files, notes, queries
from hub.timeline.models import Interaction, Kind, Note, NoteFile
from hub.work.lease import claim, new_owner
from tests.e2e.test_imports import bring, fates, reasons, work
from tests.fakes.api import Office
from tests.fakes.api import office as make_office
from tests.fakes.browser import Browser, signed_in
from tests.fakes.exchange import FakeExchange
from tests.fakes.shelf import Crash, crash_at

PDF = b"%PDF-1.7 a contract"
MB = 1 << 20


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "HUB_NOTES__LARGEST_FILE_MB": "2"}


@pytest.fixture
def office(hub: Hub) -> Office:
    return make_office(hub, FakeExchange())


def customer(hub: Hub, name: str) -> Party:
    with hub.db.write() as session:
        return parties.create(session, None, PartyKind.PERSON, name, region="IL")


def send(
    browser: Browser, path: str, *files: tuple[str, bytes], token: str | None = None, **fields: str
) -> TestResponse:
    data: dict[str, Any] = {"csrf_token": browser.token("/settings") if token is None else token, **fields}
    data["files"] = [FileStorage(io.BytesIO(content), name) for name, content in files]
    boundary, body = encode_multipart(data)
    return browser.client.post(path, data=body, content_type=f"multipart/form-data; boundary={boundary}")


def kept(hub: Hub) -> list[str]:
    return sorted(note_files.shelf(hub.settings).names())


def person_of(hub: Hub, email: str) -> Person:
    with hub.db.read() as session:
        return users.person(users.get(session, email))


def fetched(browser: Browser, path: str, **headers: str) -> TestResponse:
    """Read a file to its end, so that it is closed."""
    answer = browser.get(path, **headers)
    with answer:
        assert answer.data is not None
    return answer


def links_on(browser: Browser, page: str) -> list[str]:
    return re.findall(r'href="(/notes/[^"]+/files/[^"]+)"', browser.get(page).text)


def test_files_go_with_a_note_and_are_read_by_whoever_may(office: Office) -> None:
    hub, dana = office.hub, customer(office.hub, "Dana Levi")
    noa, omer = (signed_in(hub, email, office.app) for email in ("noa@example.com", "omer@example.com"))
    at = f"/customers/{dana.public_id}"
    large = os.urandom(2 * MB - 10)
    evil = b"<script>1</script>"
    assert send(noa, f"{at}/notes", ("חוזה.pdf", PDF), ("C:/up/evil.html", evil), note="").status_code == 303
    assert send(noa, f"{at}/notes", ("large.bin", large), note="See the plan").status_code == 303
    page = noa.get(at).text
    assert all(words in page for words in ("חוזה.pdf", "evil.html", "2 MB"))

    links = links_on(noa, at)
    answers = [fetched(omer, link) for link in links]
    assert {answer.headers["Content-Disposition"]: answer.data for answer in answers} == {
        "attachment; filename=\"____.pdf\"; filename*=UTF-8''%D7%97%D7%95%D7%96%D7%94.pdf": PDF,
        'attachment; filename="evil.html"': evil,
        'attachment; filename="large.bin"': large,
    }
    for answer in answers:
        assert answer.headers["Content-Type"] == "application/octet-stream"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "sandbox" in answer.headers["Content-Security-Policy"]
    part = fetched(noa, links[[answer.data for answer in answers].index(PDF)], Range="bytes=0-3")
    assert (part.status_code, part.data) == (206, b"%PDF")
    with hub.db.write() as session:
        rows = session.scalars(select(NoteFile).order_by(NoteFile.id)).all()
        assert [(row.name, row.media_type, row.size) for row in rows] == [
            ("חוזה.pdf", "application/pdf", len(PDF)), ("evil.html", "text/plain", len(evil)),
            ("large.bin", "application/octet-stream", len(large)),
        ]  # fmt: skip
        summaries = session.scalars(select(Interaction.summary).order_by(Interaction.id)).all()
        assert summaries == ["חוזה.pdf", "See the plan"]
        entries, _ = index.find(session, person_of(hub, "omer@example.com"), "large", kinds=[Kind.NOTE], limit=9)
        assert [entry.texts for entry in entries] == [("See the plan", "large.bin")]
        actions = session.scalars(select(Audit.action)).all()
        assert (actions.count("note.file_added"), actions.count("note.file_read")) == (3, 4)
        # What only its owner reads has no files for anybody else.
        session.execute(update(Interaction).values(visibility="owner"))
    assert fetched(noa, links[0]).status_code == 200
    assert (omer.get(links[0]).status_code, office.as_manager.get(links[0]).status_code) == (404, 404)


def test_what_is_no_file_of_a_note_is_refused_and_what_is_taken_away_goes(office: Office) -> None:
    hub, dana = office.hub, customer(office.hub, "Dana Levi")
    noa, omer = (signed_in(hub, email, office.app) for email in ("noa@example.com", "omer@example.com"))
    at = f"/customers/{dana.public_id}"
    assert send(noa, f"{at}/notes", ("a.pdf", PDF), ("b.txt", b"b"), note="").status_code == 303
    with hub.db.read() as session:
        note = session.scalars(select(Note)).one()
        rows = session.scalars(select(NoteFile).order_by(NoteFile.id)).all()
    before, own = kept(hub), f"{at}/notes/{note.public_id}"
    refused = send(noa, f"{at}/notes", ("a.bin", b"x" * (2 * MB + 1)), note="what I typed")
    assert (refused.status_code, "what I typed" in refused.text) == (422, True)
    assert "larger than a note takes" in refused.text
    assert send(noa, f"{at}/notes", *[("a.bin", b"x" * (2 * MB))] * 5, note="").status_code == 413
    assert send(noa, f"{at}/notes", ("a.bin", b"x"), note="n", token="forged").status_code == 400
    assert send(noa, f"{at}/notes", *[("a.txt", b"x")] * (note_files.MOST + 1), note="n").status_code == 422
    assert send(omer, f"{own}/edit", ("a.txt", b"x"), note="n").status_code in {403, 422}
    assert omer.post(f"{own}/files/{rows[0].public_id}/remove").status_code in {403, 422}
    assert kept(hub) == before
    assert not list((hub.settings.note_files / "incoming").iterdir())

    # More with a note of one's own, and away again; the last one only with the note.
    assert send(noa, f"{own}/edit", ("more.txt", "ü".encode()), note="").status_code == 303
    assert noa.post(f"{own}/files/{rows[0].public_id}/remove").status_code == 303
    assert noa.post(f"{own}/files/{rows[1].public_id}/remove").status_code == 303
    with hub.db.read() as session:
        last = session.scalars(select(NoteFile)).one()
        assert session.scalars(select(Interaction.summary)).one() == last.name == "more.txt"
    assert noa.post(f"{own}/files/{last.public_id}/remove").status_code == 422
    assert noa.post(f"{own}/remove").status_code == 303
    with hub.db.write() as session:
        assert note_files.purge(session, note_files.shelf(hub.settings)) == 3
        assert session.scalars(select(NoteFile)).all() == []


def test_programs_put_files_with_notes_too(office: Office) -> None:
    dana = customer(office.hub, "Dana Levi")
    note = office.as_agent.post("/notes", {"text": "The contract", "party": str(dana.public_id)}).get_json()
    assert note["files"] == []

    def put(whose: Any, content: bytes, name: str = "a%2Fb.pdf", **more: Any) -> TestResponse:
        path = f"/notes/{note['id']}/files?name={name}"
        answer: TestResponse = whose.ask("POST", path, data=content, content_type="application/pdf", **more)
        return answer

    made = put(office.as_agent, PDF, headers={"Idempotency-Key": "k1"})
    assert (made.status_code, made.get_json()["name"], made.get_json()["size"]) == (201, "b.pdf", len(PDF))
    assert put(office.as_agent, PDF, headers={"Idempotency-Key": "k1"}).get_json() == made.get_json()
    assert put(office.as_agent, b"x" * (2 * MB + 1)).status_code == 413
    assert put(office.as_agent, b"x", name="").status_code == 400
    assert put(office.as_manager, PDF).status_code == 403
    [item] = office.as_manager.get(f"/parties/{dana.public_id}/timeline").get_json()["items"]
    [file] = item["notes"][0]["files"]
    assert file == made.get_json()
    at = f"/notes/{note['id']}/files/{file['id']}"
    with office.as_manager.get(at) as answer:
        assert answer.data == PDF
    assert office.as_manager.ask("DELETE", at).status_code == 403
    assert office.as_agent.ask("DELETE", at).status_code == 204
    assert office.as_agent.ask("DELETE", at).status_code == 404
    theirs = office.as_program.post("/notes", {"text": "By a program", "party": str(dana.public_id)}).get_json()
    answer = office.as_program.ask("POST", f"/notes/{theirs['id']}/files?name=p.txt", data=b"p")
    assert answer.status_code == 201


def test_files_follow_their_note_when_customers_become_one_and_two_again(office: Office) -> None:
    hub, noa = office.hub, person_of(office.hub, "noa@example.com")
    one, other = customer(hub, "Dana Levi"), customer(hub, "Dana Levy")
    with note_files.received(note_files.shelf(hub.settings), [("a.pdf", [PDF])]) as new, hub.db.write() as session:
        note = notes.add(session, noa, party_id=other.id, text="", file_name="a.pdf")
        note_files.attach(session, note_files.shelf(hub.settings), noa, note, new)

    def shown(whose: Party) -> list[str]:
        with hub.db.read() as session:
            ids = parties.with_merged(session, session.get_one(Party, whose.id))
            found = queries.page(session, ids, person=noa)
            return [file.name for item in found.items for entry in item.notes for file in entry.files]

    with hub.db.write() as session:
        merge(
            session,
            None,
            session.get_one(Party, one.id),
            session.get_one(Party, other.id),
            winner=session.get_one(Party, one.id),
        )
    assert shown(one) == ["a.pdf"]
    with hub.db.write() as session:
        undo(session, None, session.scalars(select(Merge)).one())
    assert (shown(one), shown(other)) == ([], ["a.pdf"])


# --- brought by an import -----------------------------------------------------------------------------------------

PEOPLE = "id,Name,E-mail\n1,Dana Levi,dana@example.com\n2,Boaz Mizrahi,boaz@example.org\n"
COMPANIES = "id,Company\nc1,Alpha Ltd\n"
FILES: Sequence[tuple[str, bytes]] = (
    ("docs/1/חוזה Dana Levi.pdf", PDF + b" of Dana"), ("docs/2/contract.pdf", PDF + b" of Boaz"),
    ("docs/both.txt", b"prices of both"), ("docs/1/note.txt", b"note of Dana"), ("docs/huge.bin", b"x" * (2 * MB + 1)),
)  # fmt: skip
INDEX = """\
File id,Contact id,Account id,File name,Title,Created,Uploaded by
f1,1,,C:\\crm\\docs\\1\\חוזה Dana Levi.pdf,The contract,15/03/2024 10:20,Noa
f2,2,,2/contract.pdf,,16/03/2024,Old Timer
f3,1,c1,both.txt,Prices,17/03/2024,
f4,2,,docs/both.txt,Prices,17/03/2024,
f5,1,,gone.pdf,Lost,17/03/2024,
f6,99,,2/contract.pdf,Of nobody,17/03/2024,
f7,1,,docs/huge.bin,,17/03/2024,
f8,1,,1/note.txt,,,
f9,1,,,,17/03/2024,
f1,1,,1/note.txt,Another one,17/03/2024,
"""
REFUSED = {6: "no_file", 7: "stranger", 8: "large_file", 9: "no_time", 10: "no_file", 11: "again"}


def bundle(index: str = INDEX, files: Sequence[tuple[str, bytes]] = FILES) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("index.csv", index)
        for name, content in files:
            archive.writestr(name, content)
    return out.getvalue()


def bring_files(hub: Hub, content: bytes) -> ImportBatch:
    return batches.bring(hub.db, hub.settings, None, [content], batches.Brought("old.zip", What.FILES, region="IL"))


def run(hub: Hub, batch: ImportBatch, how: str = "start") -> ImportBatch:
    with hub.db.write() as session:
        row = batches.one(session, batch.public_id)
        if how == "start":
            batches.start(session, hub.settings, hub.flow, None, row)
        elif how == "check":
            batches.check(session, hub.settings, None, row)
        else:
            batches.undo(session, None, row)
    return work(hub, batch)


def brought(hub: Hub) -> Office:
    office = make_office(hub, FakeExchange())
    run(hub, bring(hub, COMPANIES, What.COMPANIES))
    run(hub, bring(hub, PEOPLE, What.PEOPLE))
    return office


def named(hub: Hub, name: str) -> Party:
    with hub.db.read() as session:
        return session.scalars(select(Party).where(Party.name == name)).one()


def stored(hub: Hub) -> list[tuple[str, str, str]]:
    with hub.db.read() as session:
        query = (
            select(Note.text, NoteFile.name, Party.name)
            .join_from(Note, NoteFile)
            .join(Party, Party.id == Note.party_id)
        )
        return [(row[0], row[1], row[2]) for row in session.execute(query.order_by(NoteFile.id))]


def erase_all_of(hub: Hub, party: Party) -> Erasure:
    with hub.db.write() as session:
        erase.ask(session, hub.vault, None, session.get_one(Party, party.id), shelves(hub.settings))
    with hub.db.write() as session:
        session.execute(update(Erasure).values(due_at=now(), lease_until=None))
        leases = claim(session, Erasure, erase.due(), owner=new_owner(), lease_s=60)
    for lease in leases:
        erase.run(hub_app.eraser(hub), lease)
    with hub.db.read() as session:
        return session.scalars(select(Erasure).order_by(Erasure.id.desc())).first() or pytest.fail("nobody was erased")


def traces(folder: Path, *needles: bytes) -> list[str]:
    return [
        f"{file.relative_to(folder)}: {needle!r}"
        for file in sorted(folder.rglob("*")) if file.is_file() for needle in needles if needle in file.read_bytes()
    ]  # fmt: skip


def test_files_come_in_with_their_customers_and_go_again(hub: Hub) -> None:
    office = brought(hub)
    batch = bring_files(hub, bundle())
    assert batch.columns == {
        "File id": "id", "Contact id": "people", "Account id": "companies", "File name": "file", "Title": "title",
        "Created": "started_at", "Uploaded by": "owner",
    }  # fmt: skip
    checked = run(hub, batch, "check")
    assert (checked.state, fates(checked), reasons(hub, batch)) == (BatchState.CHECKED, {"new": 4, "bad": 6}, REFUSED)
    assert (stored(hub), kept(hub)) == ([], []), "a check keeps nothing"
    done = run(hub, batch)
    assert (done.state, done.error, fates(done), reasons(hub, batch)) == (
        BatchState.DONE,
        "",
        {"new": 4, "bad": 6},
        REFUSED,
    )
    assert done.counts["strangers"] == {"Old Timer": 1}
    assert stored(hub) == [
        ("The contract", "חוזה Dana Levi.pdf", "Dana Levi"), ("", "contract.pdf", "Boaz Mizrahi"),
        ("Prices", "both.txt", "Dana Levi"), ("Prices", "both.txt", "Boaz Mizrahi"),
    ]  # fmt: skip
    assert len(kept(hub)) == 3, "the same bytes are kept once, those of refused rows not at all"
    assert not list((hub.settings.note_files / "incoming").iterdir())
    assert traces(batches.shelf(hub.settings).folder, b"PK\x03\x04") == [], "the archive is gone when all of it came in"
    with hub.db.read() as session:
        first = session.scalars(select(Note).order_by(Note.id)).first()
        assert first is not None
        row = session.get_one(Interaction, first.interaction_id)
        assert (row.kind, row.started_at, row.summary, row.owner_id) == (
            "note",
            first.created_at,
            "The contract",
            office.agent.id,
        )
        assert (first.author_id, first.created_at.isoformat()) == (office.agent.id, "2024-03-15T08:20:00+00:00")
        second = session.scalars(select(Interaction).where(Interaction.summary == "contract.pdf")).one()
        assert second.detail["by"] == "Old Timer"
        raws = session.scalar(select(func.count()).select_from(RawRecord).where(RawRecord.stream == "files"))
        assert raws == 4
    page = signed_in(hub, "omer@example.com", office.app).get(f"/customers/{named(hub, 'Alpha Ltd').public_id}").text
    assert "both.txt" in page

    # The same again says nothing new; another file under the same id is put beside the first.
    again = run(hub, bring_files(hub, bundle()))
    assert (again.state, fates(again)) == (BatchState.DONE, {"same": 4, "bad": 6})
    other = run(hub, bring_files(hub, bundle(files=[(n, PDF + b" 2" if "contract" in n else c) for n, c in FILES])))
    assert fates(other) == {"update": 1, "same": 3, "bad": 6}
    assert [name for _, name, whose in stored(hub) if whose == "Boaz Mizrahi"] == [
        "contract.pdf",
        "both.txt",
        "contract.pdf",
    ]
    assert run(hub, other, "undo").counts["back"] == 1
    assert [name for _, name, whose in stored(hub) if whose == "Boaz Mizrahi"] == ["contract.pdf", "both.txt"]
    assert len(kept(hub)) == 3
    # What somebody went on with stays; a note that somebody deleted does not come back.
    with hub.db.write() as session:
        person = person_of(hub, "noa@example.com")
        notes.edit(session, person, session.get_one(Note, first.id), "Signed!")
        boazs = session.scalars(select(Note).where(Note.text == "")).one()
        session.execute(update(Note).where(Note.id == boazs.id).values(author_id=person.id))
        session.refresh(boazs)
        notes.remove(session, person, boazs)
    gone = run(hub, bring_files(hub, bundle(INDEX.replace(",,16/03/2024", ",New title,16/03/2024"))))
    assert (fates(gone)["bad"], reasons(hub, gone)[3]) == (7, "refused")
    undone = run(hub, done, "undo")
    assert (undone.state, undone.error) == (BatchState.UNDONE, "")
    assert undone.counts["kept"]["touched"]["first"] == [2]
    assert [(text, name) for text, name, _ in stored(hub)] == [("Signed!", "חוזה Dana Levi.pdf")]
    with hub.db.write() as session:
        note_files.purge(session, note_files.shelf(hub.settings))
    assert len(kept(hub)) == 1


def test_of_who_is_erased_no_file_is_left(hub: Hub, tmp_path: Path) -> None:
    brought(hub)
    done = run(hub, bring_files(hub, bundle()))
    assert done.state == BatchState.DONE
    waiting = bring_files(hub, bundle(files=FILES[:2]))  # and was not begun
    erased = erase_all_of(hub, named(hub, "Dana Levi"))
    assert (erased.status, erased.error, erased.counts["note files"]) == (ErasureStatus.DONE, "", 2)
    assert [(name, whose) for _, name, whose in stored(hub)] == [
        ("contract.pdf", "Boaz Mizrahi"),
        ("both.txt", "Boaz Mizrahi"),
    ]
    assert len(kept(hub)) == 2, "the bytes that Boaz has too stay"
    folder = tmp_path if hub.db.is_sqlite else hub.settings.mail_files
    assert traces(folder, b"of Dana", b"Dana Levi", "חוזה Dana".encode()) == []
    with hub.db.read() as session:
        assert session.get(ImportBatch, waiting.id) is None
    # Nor do they come back.
    again = run(hub, bring_files(hub, bundle()))
    assert fates(again) == {"same": 3, "bad": 7}
    assert len(kept(hub)) == 2


def test_an_import_of_files_that_dies_anywhere_goes_on(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    brought(hub)
    monkeypatch.setattr(enclosed, "ROWS", 4)
    count = 12
    lines = "".join(f"k{n},{n % 2 + 1},,k/{n}.txt,,17/03/2024,\n" for n in range(count))
    files = [(f"k/{n}.txt", f"file {n}".encode()) for n in range(count)]
    batch = bring_files(hub, bundle(INDEX.partition("\n")[0] + "\n" + lines, files))
    with hub.db.write() as session:
        batches.start(session, hub.settings, hub.flow, None, batches.one(session, batch.public_id))
    for statement in (6, 14, 25, 33, 60, 90):
        with pytest.raises(Crash), crash_at(hub.db.engine, statement):
            work(hub, batch)
        with hub.db.write() as session:  # its lease runs out
            session.execute(update(ImportBatch).values(lease_until=None))
    done = work(hub, batch)
    assert (done.state, fates(done)) == (BatchState.DONE, {"new": count}), done.error
    with hub.db.read() as session:
        numbers = session.scalars(
            select(ImportRow.number).where(ImportRow.batch_id == batch.id).order_by(ImportRow.number)
        )
        assert numbers.all() == list(range(2, count + 2))
        for table in (Note, NoteFile):
            assert session.scalar(select(func.count()).select_from(table)) == count
    assert len(kept(hub)) == count


def test_the_command_takes_a_folder_or_a_zip(hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    brought(hub)
    monkeypatch.setenv("HUB_HOME", str(hub.settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", hub.settings.database_url)
    monkeypatch.setenv("HUB_NOTES__LARGEST_FILE_MB", "2")
    folder, index_file = tmp_path / "old", tmp_path / "index.csv"
    for name, content in FILES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    index_file.write_text(INDEX, "utf-8")
    said: Callable[..., Any] = lambda *words: CliRunner().invoke(cli, ["import", *words])  # noqa: E731 - short
    assert said(str(index_file), "--as", "files").exit_code == 2
    assert said(str(index_file), "--as", "people", "--files", str(folder)).exit_code == 2
    dry = said(str(index_file), "--as", "files", "--files", str(folder), "--dry-run")
    assert (dry.exit_code, "4 would be new" in dry.output, "refused, no_file: 2" in dry.output) == (1, True, True)
    came = said(str(index_file), "--as", "files", "--files", str(folder))
    assert (came.exit_code, len(stored(hub))) == (1, 4), came.output
    with hub.db.read() as session:
        number = session.scalars(select(ImportBatch.public_id).order_by(ImportBatch.id.desc())).first()
    listed = list(csv.DictReader(io.StringIO(said("errors", str(number)).stdout.lstrip("\ufeff"))))
    assert [(row["hub: reason"], row["File name"]) for row in listed][:2] == [
        ("no_file", "gone.pdf"),
        ("stranger", "2/contract.pdf"),
    ]
    # A list of refused rows, mended, with the files once more.
    mended = tmp_path / "bad.csv"
    mended.write_text(said("errors", str(number)).stdout.replace("gone.pdf", "1/note.txt"), "utf-8")
    zipped = tmp_path / "files.zip"
    zipped.write_bytes(bundle())
    assert "1 new" in said(str(mended), "--as", "files", "--files", str(zipped)).output
    assert len(stored(hub)) == 6, "one that was lost, and another one for the first"


def test_the_wizard_takes_a_zip_with_the_table_in_it(hub: Hub) -> None:
    adam = signed_in(hub, "adam@example.com", brought(hub).app)
    token = {"csrf_token": adam.token("/connections/imports/new"), "source": batches.USUAL_SOURCE, "region": ""}

    def upload(content: bytes, what: str = "files") -> TestResponse:
        data = {**token, "what": what, "file": (io.BytesIO(content), "old.zip")}
        return adam.client.post("/connections/imports", data=data, content_type="multipart/form-data")

    for wrong, words in ((b"PK no", "damaged"), (bundle(files=[])[:-30], "damaged"), (INDEX.encode(), "damaged")):
        refused = upload(wrong)
        assert (refused.status_code, words in refused.text) == (422, True)
    two = io.BytesIO()
    with zipfile.ZipFile(two, "w") as archive:
        archive.writestr("a.csv", INDEX)
        archive.writestr("b.csv", INDEX)
    assert "index.csv" in upload(two.getvalue()).text
    assert upload(INDEX.encode(), "interactions").status_code == 303
    where = upload(bundle()).headers["Location"]
    with hub.db.read() as session:
        table, files = session.scalars(select(ImportBatch).order_by(ImportBatch.id.desc()).limit(2)).all()[::-1]
    no_files = adam.post(f"/connections/imports/{table.public_id}/file", what="files", do="look")
    assert (no_files.status_code, "No files came with these rows" in no_files.text) == (422, True)
    assert "The first rows" in adam.get(where).text
    columns = adam.get(f"/connections/imports/{files.public_id}/columns").text
    assert "File, by its name or path" in columns
    assert adam.post(f"/connections/imports/{files.public_id}/check").status_code == 303
    with hub.db.write() as session:
        [lease] = claim(session, ImportBatch, batches.due(), owner="test", lease_s=60, order_by=batches.first())
    importer(hub).run(lease)
    assert "a file that is not in the archive" in adam.get(f"/connections/imports/{files.public_id}/check").text
