"""Seven systems and one of nobody else, each described by a manifest: read by a hub, changed, paid, deleted; and tried by the command."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select, update

from connectors.manifest.simulator import MANIFEST
from hub.accounting.models import AllocationRow, DocumentRow, PaymentRow
from hub.cli import cli
from hub.connector.ledger import HasLines, HasPdf, Sweeps
from hub.connector.simulated.ledger_site import CONTACTS, INVOICES, PAYMENTS, LedgerSite
from hub.connector.simulator import Faults
from hub.connector.stream import Lane
from hub.context import Hub
from hub.errors import GoneError, RejectedError
from hub.flow import Taker
from hub.intake import accounts, read
from hub.intake.models import OauthGrant, RawRecord, StreamState
from hub.intake.read import Reader
from hub.settings import Settings
from hub.work.lease import claim, new_owner

ROOT = Path(__file__).parents[2]
LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
SYSTEMS = ("fakturownia", "morning", "icount", "priority", "onec", "sapb1", "erpnext", "manifest")
COUNT = 7
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
# How each says that an invoice was paid, and what the hub then has; None: its document says no balance.
PAID: Mapping[str, dict[str, Any]] = {
    "fakturownia": {"status": "paid", "paid": "123.0"},
    "morning": {"status": 1, "amountOpened": "0.0"},
    "icount": {"status": 1, "balance": "0.00"},
    "priority": {"open": "0.00"},
    "sapb1": {"DocumentStatus": "bost_Close", "PaidToDate": 118.0},
    "erpnext": {"status": "Paid", "outstanding_amount": 0.0},
    "manifest": {"status": "paid", "balance": "0.00"},
}
VOID: Mapping[str, dict[str, Any]] = {
    "fakturownia": {"cancelled": True},
    "morning": {"status": 4},
    "icount": {"is_cancelled": True},
    "priority": {"STORNOFLAG": "Y"},
    "onec": {"DeletionMark": True},
    "sapb1": {"Cancelled": "tYES"},
    "erpnext": {"docstatus": 2, "outstanding_amount": 0.0},
    "manifest": {"status": "void"},
}
# How each writes an invoice's gross amount with cents that no binary fraction has.
GROSS = {"fakturownia": "price_gross", "morning": "amount", "icount": "totalwithvat", "priority": "TOTPRICE", "onec": "СуммаДокумента",
         "sapb1": "DocTotal", "erpnext": "grand_total", "manifest": "gross"}  # fmt: skip
ASKS = {"morning": {"/api/v1/account/token", "/api/v1/documents/search", "/api/v1/clients/search"}, "sapb1": {"/b1s/v1/Login"},
        "icount": {f"/api/v3.php/{one}" for one in ("company/info", "client/get_list", "doc/search", "doc/info")}}  # fmt: skip


@dataclass
class Books:
    """A hub with one account at a simulated system."""

    hub: Hub
    name: str
    site: LedgerSite
    account: int

    def read(self, *, full: bool = False) -> None:
        """Read every stream as a worker does."""
        with self.hub.db.write() as session:
            streams = [state.stream for state in read.wanted(session, self.account)]
            for stream in streams if full else ():
                read.forget_cursor(session, self.account, stream)
        for stream in streams or [read.LISTING]:
            self.one(stream)
        if not streams:
            self.read()

    def one(self, stream: str) -> StreamState:
        which = (StreamState.account_id == self.account) & (StreamState.stream == stream)
        with self.hub.db.write() as session:
            session.execute(update(StreamState).where(which).values(lease_until=LONG_AGO))
            session.execute(update(OauthGrant).where(OauthGrant.lease_until.is_not(None)).values(lease_until=LONG_AGO))
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        Reader(self.hub.db, self.hub.remotes.open, Taker(self.hub.flow), slice_s=60).read(lease)
        with self.hub.db.read() as session:
            state = session.get_one(StreamState, lease.id)
        assert (state.trouble, state.last_error) == ("", "")
        return state

    def documents(self) -> dict[str, DocumentRow]:
        with self.hub.db.read() as session:
            rows = session.scalars(select(DocumentRow).where(DocumentRow.account_id == self.account))
            return {row.key: row for row in rows}

    def document(self, entry: Any) -> DocumentRow:
        return self.documents()[f"invoices:{self.site.remote_id(entry)}"]

    def set_aside(self) -> list[str]:
        with self.hub.db.read() as session:
            return [raw.error for raw in session.scalars(select(RawRecord)) if raw.state not in ("applied", "filtered")]

    def stream(self, key: str) -> Any:
        with self.hub.db.read() as session:
            row = session.get_one(accounts.Account, self.account)
        return self.hub.remotes.open(row, Lane.INTERACTIVE).stream(key)


@contextmanager
def running(name: str) -> Iterator[LedgerSite]:
    site: LedgerSite = import_module(f"connectors.{name}.simulator").create(0, Faults())
    site.start()
    try:
        yield site
    finally:
        site.stop()


@contextmanager
def books(hub: Hub, name: str) -> Iterator[Books]:
    with running(name) as site:
        site.page(3)
        site.add(CONTACTS, "dana@customer.example")
        for number in range(COUNT):
            site.add(INVOICES, f"dana.{number}@customer.example")
        site.add(PAYMENTS, "dana@customer.example")
        with hub.db.write() as session:
            row = accounts.create(session, hub.connectors[name], hub.vault, "Books", site.settings(), time_zone="UTC")
            account = row.id
        made = Books(hub, name, site, account)
        made.read()
        yield made


@pytest.mark.parametrize("name", SYSTEMS)
@only_sqlite
def test_a_system_is_read_and_stays_equal(hub: Hub, name: str) -> None:
    with books(hub, name) as desk:
        assert desk.set_aside() == []
        rows = desk.documents()
        assert len(rows) == COUNT
        assert {row.kind for row in rows.values()} == {"invoice"}
        assert {row.currency for row in rows.values()} <= {"PLN", "ILS", "RUB"}
        with hub.db.read() as session:
            [payment] = session.scalars(select(PaymentRow)).all()
        assert payment.amount > 0

        newest = desk.site.entries[INVOICES][-1]
        desk.site.change(newest, **{GROSS[name]: 1234567.89})
        desk.read()
        assert desk.document(newest).gross == Decimal("1234567.89")

        old, other = desk.site.entries[INVOICES][:2]
        if name in PAID:
            desk.site.change(old, **PAID[name])
        desk.site.change(other, **VOID[name])
        desk.read()
        if desk.site.window_setting or name == "priority":  # it tells no such changes: seen once a day
            desk.read(full=True)
        if name in PAID:
            assert (desk.document(old).status, desk.document(old).balance) == ("paid", Decimal(0))
        assert desk.document(other).status == "void"

        desk.site.remove(newest)
        stream = desk.stream("invoices")
        assert isinstance(stream, Sweeps)
        assert stream.ids() == {desk.site.remote_id(one) for one in desk.site.entries[INVOICES]}
        desk.read(full=True)
        assert desk.document(newest).gone_at is not None
        assert len([row for row in desk.documents().values() if not row.gone_at]) == COUNT - 1
        assert desk.set_aside() == []
        posts = {path for verb, path in desk.site.verbs if verb != "GET"}
        assert posts <= ASKS.get(name, set()), "nothing but searches and logins is posted"
        assert {verb for verb, _ in desk.site.verbs} <= {"GET", "POST"}


@pytest.mark.parametrize("name", ["sapb1", "icount"])
def test_on_both_databases_a_second_reading_changes_nothing(hub: Hub, name: str) -> None:
    with books(hub, name) as desk:
        before = {
            key: (row.id, row.gross, row.balance, row.status, row.changed_at) for key, row in desk.documents().items()
        }
        desk.read()
        desk.read(full=True)
        assert {
            key: (row.id, row.gross, row.balance, row.status, row.changed_at) for key, row in desk.documents().items()
        } == before


@pytest.mark.parametrize("name", ["sapb1", "erpnext"])
@only_sqlite
def test_what_payments_settled_is_kept(hub: Hub, name: str) -> None:
    with books(hub, name) as desk, hub.db.read() as session:
        rows = session.scalars(select(AllocationRow)).all()
        first = desk.site.remote_id(desk.site.entries[INVOICES][0])
        assert [(row.document_key, row.amount) for row in rows] == [
            (f"invoices:{first}", Decimal("118" if name == "sapb1" else "40"))
        ]


@pytest.mark.parametrize("name", ["fakturownia", "icount", "sapb1", "erpnext"])
@only_sqlite
def test_lines_are_read_when_somebody_opens_a_document(hub: Hub, name: str) -> None:
    with books(hub, name) as desk:
        stream = desk.stream("invoices")
        assert isinstance(stream, HasLines)
        [line] = stream.lines(desk.site.remote_id(desk.site.entries[INVOICES][0]))
        assert (line.text, line.quantity, line.net) == ("Consulting", 1, 100)
        with pytest.raises(GoneError):
            stream.lines("../../secret" if name != "icount" else "invoice:..")


@only_sqlite
def test_a_pdf_is_fetched_and_a_ledger_is_never_written_to(hub: Hub) -> None:
    with books(hub, "fakturownia") as desk:
        stream = desk.stream("invoices")
        assert isinstance(stream, HasPdf)
        assert stream.pdf("1", largest=1000).startswith(b"%PDF")
        with pytest.raises(RejectedError, match="larger"):
            stream.pdf("1", largest=5)
        with pytest.raises(GoneError):
            stream.pdf("999", largest=1000)
        assert not isinstance(desk.stream("payments"), HasPdf)
        assert desk.document(desk.site.entries[INVOICES][0]).url == f"{desk.site.serving.url}/invoices/1"
        with hub.db.read() as session:
            row = session.get_one(accounts.Account, desk.account)
        with pytest.raises(RejectedError, match="Nothing is written"):
            hub.remotes.open(row).writer("invoices")


# --- the command ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def place(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands find the database of this test."""
    monkeypatch.setenv("HUB_HOME", str(settings.home))
    monkeypatch.setenv("HUB_DATABASE__URL", settings.database_url)


def command(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(cli, ["manifest", "check", *words], input=typed)


def test_the_command_names_mistakes_with_their_lines(tmp_path: Path) -> None:
    file = tmp_path / "books.toml"
    file.write_text(MANIFEST.replace('title = "Invoices"', 'titel = "Invoices"'), "utf-8")
    answer = command(str(file))
    assert answer.exit_code == 1
    line = MANIFEST.splitlines().index('title = "Invoices"') + 1
    assert f"{file}:{line}:1: stream.2.titel: there is no such setting: titel" in str(answer.exception)
    file.write_text(MANIFEST, "utf-8")
    good = command(str(file))
    assert (good.exit_code, "a whole manifest of Example Books with 4 streams" in good.output) == (0, True)


@only_sqlite
@pytest.mark.usefixtures("place")
def test_the_command_shows_what_would_come_of_a_manifest_and_keeps_nothing(hub: Hub, tmp_path: Path) -> None:
    file = tmp_path / "books.toml"
    file.write_text(MANIFEST, "utf-8")
    with running("manifest") as site:
        for kind in ["invoice"] * 6 + ["odd_kind"] * 2:
            site.add(INVOICES).facts |= {"kind": kind, "status": "open" if kind == "invoice" else "half_open"}
        site.add(INVOICES).is_odd = True
        given = [
            f"--set={key}={site.settings()[key]}" for key in ("base_url", "ca", "allow_private", "calls_per_minute")
        ]
        answer = command(str(file), *given, "--secret", "api_key=-", "--json", typed=f"{site.key}\n")
        assert answer.exit_code == 0, answer.output
        told = {one["stream"]: one for one in json.loads(answer.output)}
        invoices = told["invoices"]
        assert invoices["records"] == 9
        assert len(invoices["mapped"]) == 5
        assert invoices["mapped"][0]["gross"] == "118.0"
        assert {(one["field"], one["value"], one["records"]) for one in invoices["unmapped"]} == {
            ("kind", "odd_kind", 2), ("status", "half_open", 2),
        }  # fmt: skip
        assert invoices["failed"][0]["records"] == 1
        assert "gross" in invoices["failed"][0]["why"]
        text = command(str(file), *given, "--secret", "api_key=-", typed=f"{site.key}\n").output
        assert "not in the mapping: kind 'odd_kind' (2)" in text

        wrong = command(str(file), *given, "--secret", "api_key=-", typed="nothing\n")
        assert wrong.exit_code == 1
        assert "401" in wrong.output
        assert site.key not in wrong.output

        with hub.db.write() as session:
            accounts.create(session, hub.connectors["manifest"], hub.vault, "Own", site.settings())
        named = command(str(file), "--account", "Own", "--json")
        assert named.exit_code == 0, named.output
        with hub.db.read() as session:
            assert session.scalars(select(DocumentRow)).all() == []
            assert session.scalars(select(RawRecord)).all() == []


@only_sqlite
@pytest.mark.usefixtures("place")
def test_a_shipped_manifest_is_tried_with_its_own_mapping(hub: Hub) -> None:
    with running("onec") as site:
        site.add(INVOICES, ВалютаДокумента_Key="c0000000-0000-4000-8000-000000000840")
        with hub.db.write() as session:
            accounts.create(session, hub.connectors["onec"], hub.vault, "Books", site.settings())
        answer = command(str(ROOT / "connectors/onec/manifest.toml"), "--account", "Books", "--json")
        told = {one["stream"]: one for one in json.loads(answer.output)}
        assert "not in the list of values" in told["invoices"]["failed"][0]["why"]


@only_sqlite
def test_an_account_of_a_manifest_says_what_is_wrong_with_it(hub: Hub) -> None:
    from hub.errors import UserError  # noqa: PLC0415 - what a form is answered with

    def made(**values: str) -> str:
        with pytest.raises(UserError) as caught, hub.db.write() as session:
            accounts.create(
                session, hub.connectors["manifest"], hub.vault, "Own", {"base_url": "https://books.example", **values}
            )
        return str(caught.value)

    assert "manifest:3:1" in made(manifest="version = 1\n\nnam = 1\n", secrets="api_key=x")
    assert "the manifest wants api_key" in made(manifest=MANIFEST)
    assert "has no setting 'colour'" in made(manifest=MANIFEST, secrets="api_key=x", given="colour=red")
