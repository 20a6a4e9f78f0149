"""Everything out again, and everything about one person: whole or not there, joined by ids, and nobody else's."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from hub.context import Hub
from hub.errors import GoneError, UserError
from hub.exports import write
from hub.exports.contacts import Form
from hub.exports.kinds import KINDS, One
from hub.exports.write import Source, Wanted, export, export_contacts
from hub.identity.models import Party
from hub.privacy.columns import COLUMNS
from hub.privacy.shelves import shelves
from hub.records.cell import MARK
from hub.security.models import Audit
from hub.store.base import Base
from tests.fakes import somebody
from tests.fakes.api import office as make_office
from tests.fakes.somebody import DESK, EMAIL, HEBREW, NAME, OTHER, OTHER_EMAIL, World

# What is no thing of a customer, or a secret, or the hub's own work.
NOT_EXPORTED = {
    "ad_name", "ad_spend", "api_token", "bucket", "business_record", "call_alias", "choice", "click", "crm_copy", "crm_target", "delivery", "duplicate_look", "embed_origin", "embed_ticket", "endpoint", "event",
    "erasure", "extension", "fill_target", "filtered_record", "idempotency", "import_batch", "import_row", "incident",
    "lead_rule", "ledger_check", "listener", "mail_block", "mail_draft_file", "mail_thread_key", "mapping_version", "meeting_row",
    "meeting_series", "named_record", "not_same", "notice", "number_rule", "oauth_grant", "password_link", "pop",
    "push_channel", "question_field", "reading", "replay", "retention_rule", "review", "rule_event", "second_look", "seen_endpoint",
    "shared_record",
    "slot", "source_field", "source_look", "stream_state", "suppression", "task_copy", "task_member", "task_source", "text_index",
    "user_business", "user_session", "webhook_attempt", "webhook_delivery", "webhook_endpoint",
}  # fmt: skip


@pytest.fixture
def world(hub: Hub) -> World:
    return somebody.make(make_office(hub, somebody.Removing()))


def source(world: World) -> Source:
    return Source(world.hub.db, shelves(world.hub.settings), world.hub.telephone.exchange)


def rows(folder: Path, name: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / f"{name}.jsonl").read_text("utf-8").splitlines()]
    with (folder / f"{name}.csv").open(encoding="utf-8-sig", newline="") as file:
        table = list(csv.DictReader(file))
    assert [line.get("id") and str(line["id"]) for line in lines] == [line.get("id") for line in table], name
    return lines


def counted(done: int, more: int) -> None:
    assert done == more


def test_every_table_is_exported_or_said_not_to_be() -> None:
    exported = {kind.model.__tablename__ for kind in KINDS}
    assert exported | NOT_EXPORTED == set(COLUMNS)
    assert not exported & NOT_EXPORTED
    secret = {"password_hash", "token_hash", "secrets", "sealed", "hook_token_hash"}
    assert not secret & {one.name for kind in KINDS for one in kind.columns()}


def test_everything_is_there_with_its_files_and_joins(world: World, tmp_path: Path) -> None:
    folder = tmp_path / "out" / "all"
    manifest = export(source(world), None, folder, Wanted(mark=True), counted)
    for told in manifest["files"]:
        assert hashlib.sha256((folder / told["file"]).read_bytes()).hexdigest() == told["sha256"], told["file"]
    assert {one["file"] for one in manifest["files"]} == {
        str(file.relative_to(folder)) for file in folder.rglob("*") if file.is_file() and file.name != "manifest.json"
    }
    assert json.loads((folder / "manifest.json").read_text()) == manifest
    assert manifest["missing"] == []
    assert (folder / "parties.csv").read_text("utf-8").startswith(MARK)
    parties = {row["id"]: row["name"] for row in rows(folder, "parties")}
    assert {HEBREW, OTHER} <= set(parties.values())
    assert {parties[row["party_id"]] for row in rows(folder, "identifiers") if row["value"] == OTHER_EMAIL} == {OTHER}
    with world.hub.db.read() as session:
        for kind in KINDS:
            count = session.scalar(select(func.count()).select_from(kind.model))
            assert len(rows(folder, kind.name)) == count, kind.name
        assert session.scalars(select(Audit.action)).all().count("data.exported") == 1
    names = sorted(str(file.relative_to(folder / "files")) for file in (folder / "files").rglob("*") if file.is_file())
    kinds = ["mails", "mails", "mails", "messages", "notes", "notes", "notes", "photos", "recordings"]
    assert [name.partition("/")[0] for name in names] == kinds
    with pytest.raises(UserError, match="something in"):
        export(source(world), None, folder, Wanted(), counted)


def test_of_one_person_all_that_was_merged_comes_and_nobody_else(world: World, tmp_path: Path) -> None:
    world.office.exchange.fails = GoneError("it is gone")  # the rest goes on
    folder = tmp_path / "her"
    manifest = export(source(world), None, folder, Wanted(party=world.her), counted)
    assert {row["id"] for row in rows(folder, "parties")} >= {world.her}
    assert world.other not in {row["id"] for row in rows(folder, "parties")}
    assert {row["remote_id"] for row in rows(folder, "links")} == {"c1", "c2"}
    assert {row["remote_id"] for row in rows(folder, "raw_records")} == {
        "c1",
        "c2",
        "call-1",
        "m1",
        "m2",
        "w1",
        "u1",
        "u2",
        "l1",
    }
    assert {row["value"] for row in rows(folder, "identifiers")} >= {EMAIL, DESK}
    assert len(rows(folder, "merges")) == 1
    assert {row["text"] for row in rows(folder, "notes")}.isdisjoint({"Wants prices"})
    assert [row["name"] for row in rows(folder, "note_files")] == [f"{NAME}.txt", "prices.txt"]
    [noted, _] = [one["file"] for one in manifest["files"] if one["file"].startswith("files/notes/")]
    assert (folder / noted).read_bytes() == somebody.OF_A_NOTE
    assert [row["action"] for row in rows(folder, "audit")][-1] == "data.exported"
    assert not (folder / "users.csv").exists()
    [missing] = manifest["missing"]
    assert missing["file"].startswith("files/recordings/")
    told = json.loads((folder / "report.json").read_text("utf-8"))
    assert {one["system"] for one in told["sources"]} == {"Address book"}
    assert {"party.merged", "party.changed"} <= {line["action"] for line in told["seen"]["lines"]}
    assert EMAIL in (folder / "report.html").read_text("utf-8")


def test_what_dies_half_way_leaves_nothing_that_looks_whole(
    world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    folder = tmp_path / "out" / "all"
    monkeypatch.setattr(write, "_end", dies)
    with pytest.raises(KeyboardInterrupt):
        export(source(world), None, folder, Wanted(), counted)
    assert list(folder.parent.iterdir()) == []


def test_contacts_are_written_for_other_address_books(world: World, tmp_path: Path) -> None:
    for form in Form:
        file = tmp_path / f"contacts.{form}"
        count = export_contacts(world.hub.db, None, file, form)
        text = file.read_text("utf-8-sig")
        assert OTHER_EMAIL in text
        with world.hub.db.read() as session:
            active = select(func.count()).select_from(Party).where(Party.status == "active")
            assert count == session.scalar(active)
        if form is not Form.VCARD:
            assert len(list(csv.DictReader(text.splitlines()))) >= count
        with pytest.raises(UserError, match="there already"):
            export_contacts(world.hub.db, None, file, form)


def test_a_question_about_one_person_is_asked_of_every_kind(world: World) -> None:
    nobody = One((0,), ("",))
    with world.hub.db.read() as session:
        for kind in KINDS:
            query = kind.rows(nobody)
            if query is not None:
                assert session.execute(query).all() == [], kind.name
    assert {kind.model.__tablename__ for kind in KINDS} <= set(Base.metadata.tables)
