"""Mappings that administrators write over the shipped ones: from a draft to the records, and the commands for it."""

import json
import threading
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import event, select

from hub import app as hub_app
from hub import flow, trials
from hub.cli import cli
from hub.connector.contract import Delivered
from hub.context import Hub
from hub.errors import HubError, MappingError, NotFoundError, RetryLaterError, UserError
from hub.flow import Flow
from hub.identity.models import Link, Party
from hub.intake import receive
from hub.intake.models import Account, RawRecord, RawState
from hub.mapping import overlay, versions
from hub.mapping.merge import merge
from hub.mapping.models import MappingVersion, Status
from hub.mapping.trial import Fate, Kind, Summary
from hub.mapping.versions import DraftChangedError, Scope, UnfitError
from hub.security.models import Audit, Role
from hub.security.policy import Person
from hub.security.users import person as as_person
from hub.settings import Settings
from tests.fakes.browser import someone

CONNECTOR, STREAM = "odoo", "contacts"
ALL = Scope(CONNECTOR, STREAM)
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass
class Office:
    """A hub with two connections of one kind."""

    hub: Hub
    one: Account
    other: Account
    person: Person

    @property
    def shipped(self) -> Any:
        return self.hub.flow.mapping(CONNECTOR, STREAM)

    def document(self, **fields: Any) -> dict[str, Any]:
        """The shipped mapping with some fields another way; None: without one."""
        return overlay.over(self.shipped.as_json(), {"fields": fields})

    def draft(self, scope: Scope, document: Any, expected_sha: str | None = None) -> str:
        with self.hub.db.write() as session:
            seen = versions.seen(session, scope) if expected_sha is None else expected_sha
            base = versions.under(session, scope, shipped=self.shipped)
            return versions.save_draft(
                session, self.person, scope, document, base=base, note="for tests", expected_sha=seen
            ).sha256

    def publish(self, scope: Scope, document: Any) -> MappingVersion:
        sha256 = self.draft(scope, document)
        with self.hub.db.write() as session:
            return versions.publish(session, self.person, scope, sha256, shipped=self.shipped)

    def take(self, account: Account, *payloads: dict[str, Any], by: Flow | None = None) -> list[RawRecord]:
        """Take contacts in, as a reader of their stream does."""
        records = [Delivered(STREAM, str(one["id"]), one) for one in payloads]
        with self.hub.db.write() as session:
            kept = receive.keep_page(session, account.id, STREAM, records)
            raws = receive.rows(session, kept)
            flow.process(by or self.hub.flow, session, session.get_one(Account, account.id), raws)
            return list(raws)

    def name(self, account: Account, remote_id: str) -> str:
        query = select(Party.name).join(Link, Link.party_id == Party.id)
        with self.hub.db.read() as session:
            return session.scalars(query.where(Link.account_id == account.id, Link.remote_id == remote_id)).one()

    def audit(self) -> list[tuple[str, str, Any]]:
        query = select(Audit).where(Audit.subject == "mapping").order_by(Audit.id)
        with self.hub.db.read() as session:
            return [(row.actor, row.action, row.detail.get("number")) for row in session.scalars(query)]


@pytest.fixture
def office(hub: Hub) -> Office:
    with hub.db.write() as session:
        rows = [Account(name=name, connector=CONNECTOR, region="IL") for name in ("Books", "Other books")]
        session.add_all(rows)
    return Office(hub, rows[0], rows[1], as_person(someone(hub, Role.ADMIN)))


def contact(number: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": number, "name": f"Dana {number}", "email": f"dana{number}@example.com", "function": "CEO", **more}


UPPER = {"name": {"from": "name", "transform": [{"name": "upper"}]}}


# --- versions -----------------------------------------------------------------------------------------------------


def test_a_published_version_counts_at_once_and_in_every_process(office: Office) -> None:
    elsewhere = replace(office.hub.flow)
    [before] = office.take(office.one, contact(1), by=elsewhere)
    assert before.mapping_hash == office.shipped.sha256
    version = office.publish(ALL, office.document(**UPPER))
    assert (version.number, version.status, version.published_by) == (1, Status.LIVE, office.person.id)
    for at, by in enumerate((office.hub.flow, elsewhere), 2):
        [raw] = office.take(office.other, contact(at), by=by)
        assert office.name(office.other, str(at)) == f"DANA {at}"
        assert raw.mapping_hash == version.sha256
    assert office.name(office.one, "1") == "Dana 1"


def test_a_page_costs_one_look_and_is_mapped_by_one_version(office: Office) -> None:
    office.publish(ALL, office.document(**UPPER))
    office.take(office.one, contact(100))
    looks: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        if "FROM mapping_version" in statement:
            looks.append(statement)

    event.listen(office.hub.db.engine, "before_cursor_execute", count)
    raws = office.take(office.one, *(contact(at) for at in range(20)))
    event.remove(office.hub.db.engine, "before_cursor_execute", count)
    assert len(looks) == 1
    assert len({raw.mapping_hash for raw in raws}) == 1


def test_records_that_wait_are_taken_together(office: Office) -> None:
    looks: list[str] = []

    def count(_connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        looks.extend(["look"] * ("FROM mapping_version" in statement))

    with office.hub.db.write() as session:
        for at in range(6):
            account = office.one if at < 4 else office.other
            receive.keep(session, account.id, Delivered(STREAM, str(at), contact(at)))
    event.listen(office.hub.db.engine, "before_cursor_execute", count)
    with office.hub.db.write() as session:
        assert flow.waiting(office.hub.flow, session) == 6
    event.remove(office.hub.db.engine, "before_cursor_execute", count)
    assert len(looks) == 2, "one for each account, not one for each record"
    assert office.name(office.other, "5") == "Dana 5"


class Forgetful(dict[Any, Any]):
    """What a process remembers, of which another thread forgets everything at the worst moment."""

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self.clear()


def test_what_a_process_forgets_meanwhile_stops_no_page(office: Office) -> None:
    version = office.publish(ALL, office.document(**UPPER))
    object.__setattr__(office.hub.flow, "_written", Forgetful())
    assert office.take(office.one, contact())[0].mapping_hash == version.sha256


def test_an_overlay_counts_for_its_account_alone(office: Office) -> None:
    office.publish(ALL, office.document(**UPPER))
    mine = Scope(CONNECTOR, STREAM, office.one.id)
    office.publish(mine, {"fields": {"job_title": None, "name": {"from": "email"}}})
    office.take(office.one, contact())
    office.take(office.other, contact())
    assert office.name(office.one, "1") == "dana1@example.com"
    assert office.name(office.other, "1") == "DANA 1"
    with office.hub.db.write() as session:
        versions.use_shipped(session, office.person, ALL, shipped=office.shipped)
    assert office.take(office.other, contact(2))[0].mapping_hash == office.shipped.sha256
    office.take(office.one, contact(2))
    assert office.name(office.one, "2") == "dana2@example.com"


def test_a_version_can_be_restored_and_given_up(office: Office) -> None:
    first = office.publish(ALL, office.document(**UPPER))
    second = office.publish(ALL, office.document(name={"from": "email"}))
    with office.hub.db.write() as session:
        third = versions.restore(session, office.person, ALL, 1, shipped=office.shipped)
    assert (second.number, third.number, third.sha256) == (2, 3, first.sha256)
    with office.hub.db.read() as session:
        assert [(row.number, row.status) for row in versions.all_of(session, ALL)] == [
            (3, Status.LIVE), (2, Status.RETIRED), (1, Status.RETIRED),
        ]  # fmt: skip
    with office.hub.db.write() as session:
        with pytest.raises(UserError, match="version 3 says already"):
            versions.restore(session, office.person, ALL, 1, shipped=office.shipped)
        with pytest.raises(NotFoundError):
            versions.restore(session, office.person, ALL, 0, shipped=office.shipped)
        versions.use_shipped(session, office.person, ALL, shipped=office.shipped)
        versions.use_shipped(session, office.person, ALL, shipped=office.shipped)
        assert versions.live(session, ALL) is None
    who = office.person.email
    assert office.audit() == [
        (who, "mapping.drafted", None), (who, "mapping.published", 1), (who, "mapping.drafted", None),
        (who, "mapping.published", 2), (who, "mapping.restored", 3), (who, "mapping.shipped", None),
    ]  # fmt: skip


# --- drafts -------------------------------------------------------------------------------------------------------


def test_nobody_writes_over_a_draft_that_they_did_not_see(office: Office) -> None:
    first = office.draft(ALL, office.document(**UPPER), "")
    again = office.draft(ALL, office.document(**UPPER), "")  # a form that was sent twice
    assert first == again
    with pytest.raises(DraftChangedError) as caught:
        office.draft(ALL, office.document(name={"from": "email"}), "")
    assert caught.value.error_id == "draft_changed"
    assert caught.value.newer is not None
    assert caught.value.newer.sha256 == first
    second = office.draft(ALL, office.document(name={"from": "email"}), first)
    with office.hub.db.write() as session, pytest.raises(DraftChangedError):
        versions.publish(session, office.person, ALL, first, shipped=office.shipped)
    with office.hub.db.write() as session, pytest.raises(DraftChangedError):
        versions.discard_draft(session, office.person, ALL, first)
    with office.hub.db.write() as session:
        versions.publish(session, office.person, ALL, second, shipped=office.shipped)
    with pytest.raises(DraftChangedError):  # whoever looked before it was published
        office.draft(ALL, office.document(), "")
    with office.hub.db.write() as session, pytest.raises(DraftChangedError):
        versions.publish(session, office.person, ALL, second, shipped=office.shipped)


def test_a_draft_may_be_unfinished_and_counts_for_nothing(office: Office) -> None:
    sha256 = office.draft(ALL, {"fields": {"name": {"transform": "fone", "colour": "red"}}})
    assert office.take(office.one, contact())[0].mapping_hash == office.shipped.sha256
    with office.hub.db.write() as session, pytest.raises(UnfitError) as caught:
        versions.publish(session, office.person, ALL, sha256, shipped=office.shipped)
    assert {"stream", "record"} <= {one.text.partition(":")[0] for one in caught.value.problems}
    with office.hub.db.write() as session:
        assert versions.live(session, ALL) is None
        versions.discard_draft(session, office.person, ALL, sha256)
        versions.discard_draft(session, office.person, ALL)
        assert versions.all_of(session, ALL) == []


@pytest.mark.parametrize(
    "document",
    [
        [], "text", None, {"fields": {"name": {"default": float("nan")}}}, {"fields": {"name": "\x00"}}, {"fields": {"\ud800": 1}},
        {"fields": {1: object()}}, {"note": "x" * 1_000_001}, {"a": {"\x00": 1}},
    ],
)  # fmt: skip
@only_sqlite
def test_what_no_database_can_keep_is_refused(office: Office, document: Any) -> None:
    with pytest.raises(UserError) as caught:
        office.draft(ALL, document)
    assert caught.value.error_id == "bad_mapping"


@only_sqlite
def test_what_is_nested_without_end_is_refused(office: Office) -> None:
    deep: Any = {}
    for _ in range(10_000):
        deep = {"a": deep}
    with pytest.raises(UserError):
        office.draft(ALL, deep)
    deep = "x"
    for _ in range(40):
        deep = [deep]
    with pytest.raises(UserError):
        office.draft(ALL, {"fields": {"name": {"default": deep}}})


def test_two_who_publish_at_the_same_moment_do_not_both_become_live(office: Office) -> None:
    sha256 = office.draft(ALL, office.document(**UPPER))
    begin = threading.Barrier(2)
    outcomes: list[Any] = []

    def publish() -> None:
        begin.wait()
        try:
            with office.hub.db.write() as session:
                outcomes.append(versions.publish(session, office.person, ALL, sha256, shipped=office.shipped).number)
        except HubError as error:
            outcomes.append(error)

    threads = [threading.Thread(target=publish) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(type(one).__name__ for one in outcomes) == ["DraftChangedError", "int"]
    with office.hub.db.read() as session:
        assert [row.status for row in versions.all_of(session, ALL)] == [Status.LIVE]


def test_the_same_again_is_not_published(office: Office) -> None:
    office.publish(ALL, office.document(**UPPER))
    with pytest.raises(UserError, match="version 1 says already"):
        office.publish(ALL, office.document(**UPPER))


# --- what no longer fits ------------------------------------------------------------------------------------------


def break_live(office: Office, scope: Scope) -> None:
    """Do what an upgrade does that takes a transform away which a live version names."""
    with office.hub.db.write() as session:
        row = versions.live(session, scope)
        assert row is not None
        fields = row.document["fields"]
        name = {"from": "name", "transform": [{"name": "taken_away"}]}
        row.document, row.sha256 = {**row.document, "fields": {**fields, "name": name}}, "broken"


@pytest.mark.parametrize("is_overlay", [False, True])
def test_records_of_a_version_that_no_longer_fits_wait_with_the_reason(office: Office, is_overlay: bool) -> None:
    scope = Scope(CONNECTOR, STREAM, office.one.id if is_overlay else None)
    document = {"fields": UPPER} if is_overlay else office.document(**UPPER)
    office.publish(scope, document)
    break_live(office, scope)
    [raw] = office.take(office.one, contact())
    assert raw.state == RawState.SET_ASIDE
    assert "there is no transform 'taken_away'" in raw.error
    assert "version 1" in raw.error
    assert (office.take(office.other, contact())[0].state == RawState.APPLIED) is is_overlay
    with office.hub.db.read() as session:
        account = session.get_one(Account, office.one.id)
        with pytest.raises(MappingError, match="no longer fits"):
            office.hub.flow.present(session, account, STREAM)
        flow.keep_in_step(office.hub.flow, session, account, STREAM)  # nothing to do, and no error
        with pytest.raises(RetryLaterError, match="no longer fits"):  # what is to be written there waits
            hub_app.contact_kind(office.hub)._counting(session, account, STREAM)
    office.publish(scope, document)
    with office.hub.db.write() as session:
        flow.retry(session, session.get_one(RawRecord, raw.id))
    with office.hub.db.write() as session:
        flow.waiting(office.hub.flow, session)
    assert office.name(office.one, "1") == "DANA 1"


def test_nothing_is_published_that_takes_the_ground_from_an_overlay(office: Office) -> None:
    lists = {"IL": {"1": "open"}}
    office.publish(ALL, office.document(country={"from": "country_code"}))
    mine = Scope(CONNECTOR, STREAM, office.one.id)
    office.publish(mine, {"fields": {"state": {"from": "state", "depends_on": "country", "values": lists}}})
    for act in (
        lambda: office.publish(ALL, office.document(**UPPER)),
        lambda: use_shipped(office),
    ):
        with pytest.raises(UnfitError, match="field state: depends_on: there is no field 'country'"):
            act()
    break_live(office, mine)  # what is broken anyway keeps nobody from anything
    use_shipped(office)


def test_an_account_that_is_removed_keeps_nobody_from_anything(office: Office) -> None:
    office.publish(ALL, office.document(country={"from": "country_code"}))
    mine, rule = Scope(CONNECTOR, STREAM, office.one.id), {"from": "s", "depends_on": "country", "values": {"IL": {}}}
    office.publish(mine, {"fields": {"state": rule}})
    office.draft(mine, {"fields": {"name": None}})
    with office.hub.db.write() as session:
        flow.remove(session, session.get_one(Account, office.one.id))
    use_shipped(office)
    with office.hub.db.read() as session:
        assert [(row.number, row.status) for row in versions.all_of(session, mine)] == [(1, Status.RETIRED)]


def use_shipped(office: Office) -> None:
    with office.hub.db.write() as session:
        versions.use_shipped(session, office.person, ALL, shipped=office.shipped)


def test_what_was_written_over_another_shipped_mapping_is_behind(office: Office) -> None:
    office.publish(ALL, office.document(**UPPER))
    mine = Scope(CONNECTOR, STREAM, office.one.id)
    office.publish(mine, {"fields": {"job_title": None}})
    with office.hub.db.read() as session:
        assert versions.behind(session, office.hub.flow.mapping) == []
    shipped = office.shipped
    newer = overlay.read_whole(shipped, office.document(job_title={"from": "title"}, fax={"from": "fax"}), name="newer")
    upgraded = replace(office.hub.flow, mappings={**office.hub.flow.mappings, (CONNECTOR, STREAM): newer})
    with office.hub.db.read() as session:
        [found] = versions.behind(session, upgraded.mapping)  # the overlay stands on the version, which did not change
        assert found.scope == ALL
        merged = merge(found.version.base, found.theirs, found.version.document)
    assert not merged.conflicts
    assert merged.document["fields"]["fax"] == {"from": "fax"}
    assert merged.document["fields"]["name"] == UPPER["name"]
    with office.hub.db.write() as session:
        seen = versions.seen(session, ALL)
        draft = versions.save_draft(session, None, ALL, merged.document, base=found.theirs, expected_sha=seen)
        versions.publish(session, None, ALL, draft.sha256, shipped=newer)
    with office.hub.db.read() as session:
        [found] = versions.behind(session, upgraded.mapping)
        assert found.scope == mine  # `job_title` under it is another one now


# --- trying -------------------------------------------------------------------------------------------------------


def test_a_draft_is_tried_on_stored_records_and_nothing_is_written(office: Office) -> None:
    office.take(office.one, *(contact(at, function=False) for at in range(1, 61)))
    office.take(office.one, contact(61, write_date="never"))  # set aside
    office.take(office.other, contact(62))
    document = office.document(name={"from": "name", "values": {"Dana 60": ""}, "unmapped": "pass"}, updated_at=None)
    summary, pages = Summary(), []
    with office.hub.db.read() as session:
        account = session.get_one(Account, office.one.id)
        wanted = trials.candidate(office.hub.flow, session, ALL, document, account)
        for page in trials.try_out(office.hub.flow, session, account, STREAM, wanted, limit=500):
            pages.append(len(page))
            for one in page:
                summary.add(one)
        few = list(trials.try_out(office.hub.flow, session, account, STREAM, wanted, limit=3))
        last = few[0][-1].record
        behind = next(trials.try_out(office.hub.flow, session, account, STREAM, wanted, limit=3, after=last))
    assert pages == [50, 11]
    assert summary.counts == {Fate.SKIP: 59, Fate.CHANGE: 1, Fate.CREATE: 1}
    assert summary.fields["name"].counts == {Kind.BLANKED: 1}
    assert [one.remote_id for one in few[0]] == ["61", "60", "59"]
    assert [one.remote_id for one in behind] == ["58", "57", "56"]
    with office.hub.db.read() as session:
        assert session.scalars(select(RawRecord.state).where(RawRecord.remote_id == "61")).one() == RawState.SET_ASIDE


def test_what_the_next_step_refuses_fails_in_the_trial(office: Office) -> None:
    office.take(office.one, contact())
    with office.hub.db.read() as session:
        account = session.get_one(Account, office.one.id)
        wanted = trials.candidate(
            office.hub.flow, session, ALL, office.document(remote_id={"from": "nothing"}), account
        )
        [[one]] = trials.try_out(office.hub.flow, session, account, STREAM, wanted, limit=5)
        assert one.fate is Fate.FAIL
        assert "no person or company: remote_id" in one.problem
        with pytest.raises(UnfitError):
            trials.candidate(office.hub.flow, session, ALL, {"fields": {}}, account)


@only_sqlite
def test_every_kind_of_record_names_what_it_can_be_given(hub: Hub) -> None:
    kinds = {one.record for one in hub.flow.mappings.values()}
    assert "party" in kinds
    for (connector, stream), one in hub.flow.mappings.items():
        targets = {target.name: target for target in trials.targets(one.record)}
        required = {name for name, target in targets.items() if target.required}
        assert targets, one.record
        assert required <= set(one.fields), f"{connector}/{stream} makes no {required - set(one.fields)}"
    assert trials.targets("nothing") == ()


# --- the commands -------------------------------------------------------------------------------------------------


@pytest.fixture
def place(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the database of this test."""
    monkeypatch.setenv("HUB_HOME", str(settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", settings.database_url)


def run(*words: str, given: str | None = None) -> Result:
    return CliRunner().invoke(cli, ["mapping", *words], input=given)


def said(*words: str, given: str | None = None) -> str:
    answer = run(*words, given=given)
    assert answer.exit_code == 0, answer.output
    return answer.stdout


@only_sqlite
@pytest.mark.usefixtures("place")
def test_a_mapping_is_taken_along_changed_and_published(office: Office, tmp_path: Path) -> None:
    office.take(office.one, contact(1), contact(2, name=False))
    text = said("export", CONNECTOR, STREAM)
    assert said("export", CONNECTOR, STREAM, "--shipped") == text
    file = tmp_path / "contacts.toml"
    assert '[fields.name]\nfrom = "name"\ntransform = "odoo_value"\n' in text
    file.write_text(
        text.replace('"name"\ntransform = "odoo_value"', '"name"\ntransform = ["odoo_value", "upper"]'), "utf-8"
    )
    shown = said("import", CONNECTOR, STREAM, str(file), "--dry-run")
    assert '~ name.transform: [{"name": "odoo_value"}] -> [{"name": "odoo_value"}, {"name": "upper"}]' in shown
    assert "2 records: 0 create, 1 change, 1 skip, 0 fail" in shown
    assert '1: "Dana 1" -> "DANA 1"' in shown
    assert "no draft" in str(run("diff", CONNECTOR, STREAM).exception)
    said("import", CONNECTOR, STREAM, str(file), "--note", "shouting")
    assert "--replace" in str(run("import", CONNECTOR, STREAM, str(file)).exception)
    said("import", CONNECTOR, STREAM, "-", "--replace", given=file.read_text("utf-8"))
    assert (
        said("diff", CONNECTOR, STREAM, "--records", "0").splitlines()[1]
        == "0 records: 0 create, 0 change, 0 skip, 0 fail"
    )
    assert said("export", CONNECTOR, STREAM, "--draft") == file.read_text("utf-8").replace(
        'transform = ["odoo_value", "upper"]', 'transform = [\n    "odoo_value",\n    "upper",\n]'
    )
    assert "1 change" in said("publish", CONNECTOR, STREAM, "--dry-run")
    assert "Version 1 counts" in said("publish", CONNECTOR, STREAM)
    [line] = json.loads(said("show", CONNECTOR, STREAM, "--json"))
    assert (line["number"], line["status"]) == (1, "live")
    [line] = [
        one for one in json.loads(said("list", "--json")) if (one["connector"], one["stream"]) == (CONNECTOR, STREAM)
    ]
    assert (line["counts"], line["drafts"], line["record"]) == ("version 1", "", "party")
    told = json.loads(said("restore", CONNECTOR, STREAM, "shipped", "--dry-run", "--json"))
    assert told["records"] == {"create": 0, "change": 1, "skip": 1, "fail": 0}
    assert told["fields"]["name"]["changed"]["samples"][0]["after"] == "Dana 1"
    said("restore", CONNECTOR, STREAM, "shipped")
    assert json.loads(said("restore", CONNECTOR, STREAM, "1", "--json")) == {"number": 2}
    assert said("export", CONNECTOR, STREAM, "--number", "1") == said("export", CONNECTOR, STREAM)
    assert {actor for actor, _, _ in office.audit()} == {"command"}


@only_sqlite
@pytest.mark.usefixtures("place")
def test_an_overlay_is_taken_along_too(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('without = ["notes"]\n\n[fields]\nname = "email"\n', "utf-8")
    of = ("--account", "Books")
    said("import", CONNECTOR, STREAM, str(file), *of)
    assert "- notes" not in said("diff", CONNECTOR, STREAM, *of)
    said("publish", CONNECTOR, STREAM, *of)
    assert said("export", CONNECTOR, STREAM, *of).splitlines() == [
        'stream = "contacts"', 'record = "party"', "without = [", '    "notes",', "]", "", "[fields]", 'name = "email"'
    ]  # fmt: skip
    again = tmp_path / "again.toml"
    again.write_text(said("export", CONNECTOR, STREAM, *of), "utf-8")
    assert "No setting is another." in said("import", CONNECTOR, STREAM, str(again), *of, "--dry-run")
    assert said("export", CONNECTOR, STREAM, *of, "--shipped") == said("export", CONNECTOR, STREAM)
    assert "version 1" not in said("list")
    said("restore", CONNECTOR, STREAM, "shipped", *of, "--dry-run")
    said("restore", CONNECTOR, STREAM, "shipped", *of)
    assert "no overlay" in str(run("export", CONNECTOR, STREAM, *of).exception)


@only_sqlite
@pytest.mark.usefixtures("place")
def test_mistakes_are_told_with_line_and_column_and_end_with_another_status(office: Office, tmp_path: Path) -> None:
    file = tmp_path / "contacts.toml"
    file.write_text('stream = "contacts"\nrecord = "party"\n\n[fields.name]\nfrom = "name"\ncolour = "red"\n', "utf-8")
    answer = run("import", CONNECTOR, STREAM, str(file))
    assert answer.exit_code == 1
    assert "contacts.toml:6:1: field name: colour: there is no such setting: colour" in str(answer.exception)
    file.write_bytes(b"\xff\xfe")
    assert "no UTF-8" in str(run("import", CONNECTOR, STREAM, str(file)).exception)
    whole = said("export", CONNECTOR, STREAM).encode()
    file.write_bytes(
        whole + b"# " + "ש".encode() * 600_000
    )  # fewer letters than bytes, and cut off between two of them
    assert "larger than 1000000 bytes" in str(run("import", CONNECTOR, STREAM, str(file)).exception)
    for words in (
        ("show", "nobody", STREAM), ("show", CONNECTOR, "nothing"), ("restore", CONNECTOR, STREAM, "7"),
        ("restore", CONNECTOR, STREAM, "x"), ("publish", CONNECTOR, STREAM), ("show", "google", STREAM, "--account", "Books"),
        ("export", CONNECTOR, STREAM, "--draft", "--shipped"), ("show", CONNECTOR, STREAM, "--account", "None"),
    ):  # fmt: skip
        answer = run(*words)
        assert answer.exit_code == 1, words
        assert isinstance(answer.exception, HubError), words
    office.take(office.one, contact())
    office.draft(ALL, office.document(name={"from": "name", "type": "integer"}))
    answer = run("publish", CONNECTOR, STREAM, "--dry-run")
    assert answer.exit_code == 1
    assert "fails: 1: field name: 'Dana 1' is no number" in answer.stdout
    office.draft(ALL, {"unfinished": True})
    assert "not finished" in str(run("export", CONNECTOR, STREAM, "--draft").exception)
