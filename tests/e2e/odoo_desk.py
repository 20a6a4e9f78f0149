"""What the tests of a real Odoo share: an account that is read as the hub reads it, and what people do in Odoo."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sqlalchemy import select, update

from connectors.odoo import CONNECTOR
from connectors.odoo.remote import OdooRemote
from connectors.odoo.settings import OdooSettings
from hub.accounting import check
from hub.accounting.models import AllocationRow, DocumentRow
from hub.app import run_audit
from hub.connector.checking import Alone
from hub.connector.contract import Account
from hub.connector.hook import Hook
from hub.connector.ledger import Total
from hub.connector.stream import Change, Cursor, Filtered, Findable, Gone, Lane, Left, Phase, Upsert
from hub.context import Hub
from hub.flow import Taker
from hub.identity.transforms import TRANSFORMS
from hub.intake import accounts, audit, read
from hub.intake.models import Account as AccountRow
from hub.intake.models import RawRecord, RawState, StreamState
from hub.intake.read import Reader
from hub.mapping.apply import apply
from hub.mapping.load import Mapping, read_file
from hub.mapping.transforms import Context, Registry
from hub.work.lease import Lease, claim, new_owner
from tests.e2e.odoo_peer import Peer

MAPPINGS = Path(__file__).parents[2] / "mappings/odoo"
ZONE = "Asia/Jerusalem"
SIGNS = {"credit_note": -1, "vendor_credit": -1}
DAY = "2026-09-01"
HOOK_SECRET = "a-secret-of-webhooks"
Fields = dict[str, Any]


@cache
def mapping(records: str) -> Mapping:
    return read_file(MAPPINGS / f"{records}.toml", registry=Registry(TRANSFORMS, CONNECTOR.transforms or {}))


class Tools(Alone):
    """The hub's tools, and how many requests were made."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def spend(self, limits: Any, units: int) -> None:
        self.asked += units


@dataclass
class Desk:
    """One account, and what the hub would have of it. `pages` counts what was read."""

    peer: Peer
    settings: OdooSettings
    tools: Tools = field(default_factory=Tools)
    cursors: dict[str, Cursor] = field(default_factory=dict)
    payloads: dict[str, dict[str, Fields]] = field(default_factory=dict)
    pages: Counter[str] = field(default_factory=Counter)

    @property
    def account(self) -> Account[OdooSettings]:
        return Account(id=1, name="Odoo", settings=self.settings, region="IL", time_zone=ZONE)

    @property
    def remote(self) -> OdooRemote:
        """Opened anew each time, as a worker does."""
        return OdooRemote(self.account, self.tools)

    def read(self, *keys: str, between: Any = None) -> None:
        """Read streams to their present end; `between` is called after each page but the last."""
        remote = self.remote
        for key in keys or [stream.key for stream in remote.streams()]:
            stream = remote.stream(key)
            if key not in self.cursors:
                self.cursors[key] = stream.begin()
            while True:
                page = stream.pull(self.cursors[key])
                self.pages[key] += 1
                for change in page.changes:
                    self._keep(key, stream, change)
                self.cursors[key] = page.next
                if not page.more:
                    assert page.next.phase is Phase.INCREMENTAL
                    assert page.next.token
                    break
                if between is not None:
                    between()

    def _keep(self, key: str, stream: Any, change: Change) -> None:
        kept = self.payloads.setdefault(key, {})
        match change:
            case Upsert():
                kept[change.remote_id] = change.payload
            case Left():
                assert isinstance(stream, Findable)
                for found in stream.find([change.remote_id]):
                    assert not isinstance(found, Left)
                    self._keep(key, stream, found)
            case Gone() | Filtered():
                kept.pop(change.remote_id, None)

    def mapped(self, records: str) -> dict[str, Fields]:
        """What mappings make of everything that was read."""
        context = Context(region="IL", time_zone=ZONE)
        kept = self.payloads.get(records, {})
        return {one: apply(mapping(records), payload, context) for one, payload in kept.items()}

    def document(self, remote_id: int, records: str = "invoices") -> Fields:
        return self.mapped(records)[str(remote_id)]

    def allocations(self, document: int) -> list[Fields]:
        key = f"invoices:{document}"
        return [one for one in self.mapped("allocations").values() if one["document"] == key]

    def counted(self) -> dict[tuple[str, ...], tuple[int, Decimal, Decimal | None]]:
        """Count and sum what was read, as the ledger does it itself."""
        found: dict[tuple[str, ...], tuple[int, Decimal, Decimal | None]] = {}
        for records in ("invoices", "orders", "purchases"):
            for one in self.mapped(records).values():
                if one["status"] in {"draft", "void", "unknown"}:
                    continue
                month = one["issue_date"].isoformat()[:7] if one["issue_date"] else ""
                key = (records, one["business"], one["kind"], one["currency"], month)
                sign = SIGNS.get(one["kind"], 1)
                count, gross, balance = found.get(key, (0, Decimal(), Decimal() if records == "invoices" else None))
                owed = None if balance is None else balance + sign * one["balance"]
                found[key] = (count + 1, gross + sign * one["gross"], owed)
        return found

    def theirs(self) -> dict[tuple[str, ...], tuple[int, Decimal | None, Decimal | None]]:
        def key(one: Total) -> tuple[str, ...]:
            return (one.records, one.business, one.kind, one.currency, one.month)

        return {key(one): (one.count, one.gross, one.balance) for one in self.remote.totals()}


def settings(peer: Peer, *, user: str = "reader", **values: Any) -> OdooSettings:
    return OdooSettings.model_validate({
        "base_url": peer.url, "database": peer.database, "api_key": peer.made["keys"][user], "deliveries": False, **values
    })  # fmt: skip


@dataclass
class Office:
    """The people who work in Odoo."""

    peer: Peer

    def __post_init__(self) -> None:
        self.north, self.south = (self.peer.made["companies"][name] for name in ("north", "south"))
        self.customer = self.partner("Łódź לקוח عميل Клиент", vat="PL5252445767")

    def partner(self, name: str, **values: Any) -> int:
        return self.peer.create("res.partner", {"name": name, "is_company": True, **values})

    def currency(self, code: str) -> int:
        [found] = self.peer.call("res.currency", "search", domain=[["name", "=", code]])
        return int(found)

    def invoice(
        self, price: float = 100.0, *, company: int = 0, kind: str = "out_invoice", post: bool = True, **values: Any
    ) -> int:
        company = company or self.north
        line = {"name": "Service שירות", "quantity": 1, "price_unit": price, "tax_ids": [[6, 0, []]]}
        made = self.peer.create(
            "account.move",
            {
                "move_type": kind, "partner_id": self.customer, "company_id": company, "invoice_date": DAY,
                "invoice_line_ids": [[0, 0, line]], **values,
            },
            allowed_company_ids=[company],
        )  # fmt: skip
        if post:
            self.post(made)
        return made

    def post(self, *moves: int) -> None:
        self.peer.call("account.move", "action_post", ids=list(moves))

    def pay(self, invoice: int, amount: float, *, day: str = "2026-09-20", **values: Any) -> int:
        context = {"active_model": "account.move", "active_ids": [invoice]}
        wizard = self.peer.create(
            "account.payment.register", {"amount": amount, "payment_date": day, **values}, **context
        )
        before = set(self.peer.call("account.payment", "search", domain=[]))
        self.peer.call("account.payment.register", "action_create_payments", ids=[wizard], context=context)
        [payment] = set(self.peer.call("account.payment", "search", domain=[])) - before
        return int(payment)

    def credit(self, invoice: int) -> int:
        """Make a credit note that takes back an invoice; a draft, without a number."""
        context = {"active_model": "account.move", "active_ids": [invoice]}
        [move] = self.read(invoice, "journal_id")
        wizard = self.peer.create(
            "account.move.reversal",
            {
                "reason": "test",
                "journal_id": move["journal_id"][0],
                "move_ids": [[6, 0, [invoice]]],
                "date": "2026-09-25",
            },
            **context,
        )
        self.peer.call("account.move.reversal", "reverse_moves", ids=[wizard], context=context)
        [made] = self.peer.call("account.move", "search", domain=[["reversed_entry_id", "=", invoice]])
        return int(made)

    def read(self, move: int, *fields: str) -> list[Fields]:
        found = self.peer.call("account.move", "search_read", domain=[["id", "=", move]], fields=list(fields))
        return list(found)

    def order(self, price: float = 50.0, *, company: int = 0, confirm: bool = False) -> int:
        company = company or self.north
        made = self.peer.create(
            "sale.order",
            {
                "partner_id": self.customer, "company_id": company,
                "order_line": [[0, 0, {"name": "Thing דבר", "product_uom_qty": 2, "price_unit": price, "product_id": self.product(), "tax_ids": [[6, 0, []]]}]],
            },
            allowed_company_ids=[company],
        )  # fmt: skip
        if confirm:
            self.peer.call("sale.order", "action_confirm", ids=[made])
        return made

    def purchase(self, price: float = 70.0, *, confirm: bool = True) -> int:
        line = {
            "name": "Part",
            "product_qty": 3,
            "price_unit": price,
            "product_id": self.product(),
            "tax_ids": [[6, 0, []]],
        }
        made = self.peer.create("purchase.order", {"partner_id": self.customer, "order_line": [[0, 0, line]]})
        if confirm:
            self.peer.call("purchase.order", "button_confirm", ids=[made])
        return made

    def product(self) -> int:
        found = self.peer.call("product.product", "search", domain=[["name", "=", "Thing"]])
        return int(found[0]) if found else self.peer.create("product.product", {"name": "Thing", "type": "service"})


def money(number: float) -> Decimal:
    """What a person reads on Odoo's page."""
    return Decimal(repr(number))


def until(so: Callable[[], bool], seconds: float = 10) -> None:
    end = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


@contextmanager
def listening() -> Iterator[tuple[str, list[Hook]]]:
    """A place that takes whatever is posted: its address, and what came."""
    told: list[Hook] = []

    class Place(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            query = parse_qs(urlsplit(self.path).query)
            told.append(Hook(body, {}, self.headers.get("Content-Type", ""), query=query))
            self.send_response(204)
            self.end_headers()

        def log_message(self, format: str, *arguments: Any) -> None:  # noqa: A002 - the name that the base has
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Place)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hooks/odoo/1", told
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@dataclass
class Books:
    """A whole hub with one account at Odoo, read on demand."""

    hub: Hub
    peer: Peer

    def __post_init__(self) -> None:
        values = {
            "base_url": self.peer.url, "database": self.peer.database, "api_key": self.peer.made["keys"]["reader"],
            "every_s": "10", "calls_per_minute": "100000", "hook_secret": HOOK_SECRET,
        }  # fmt: skip
        with self.hub.db.write() as session:
            self.account = accounts.create(session, self.hub.connectors["odoo"], self.hub.vault, "Odoo", values).id
        self.read(read.LISTING)

    @property
    def row(self) -> AccountRow:
        with self.hub.db.read() as session:
            return session.get_one(AccountRow, self.account)

    @property
    def reader(self) -> Reader:
        return Reader(self.hub.db, self.hub.remotes.open, Taker(self.hub.flow))

    def read(self, *keys: str) -> None:
        """Read streams as a worker does."""
        for key in keys or [state.stream for state in self.states()]:
            self.reader.read(self._claim(key))
        assert [(one.stream, one.last_error) for one in self.states() if one.trouble] == []

    def states(self) -> Sequence[StreamState]:
        with self.hub.db.read() as session:
            return read.wanted(session, self.account)

    def _claim(self, key: str) -> Lease:
        which = (StreamState.account_id == self.account) & (StreamState.stream == key)
        with self.hub.db.write() as session:
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        return lease

    def audit(self, key: str) -> audit.Audit:
        """Look through one stream as every night."""
        with self.hub.db.write() as session:
            session.execute(update(StreamState).values(audit_at=None))
        return run_audit(self.hub, self._claim(key), lane=Lane.INTERACTIVE)

    def differences(self, records: str) -> list[dict[str, Any]]:
        """Compare our sums with the ledger's, without mending anything."""
        remote = self.hub.remotes.open(self.row)
        found = check.check(self.hub.db, self.row, remote, records, lambda _ids: 0)
        assert found is not None
        assert (found.error, found.compared > 0) == ("", True)
        return found.differences

    def agrees(self) -> None:
        for records in ("invoices", "orders", "purchases"):
            found = self.differences(records)
            assert found == [], f"{records}: {found}"

    def document(self, move: int, records: str = "invoices") -> DocumentRow:
        mine = (DocumentRow.account_id == self.account, DocumentRow.key == f"{records}:{move}")
        with self.hub.db.read() as session:
            return session.scalars(select(DocumentRow).where(*mine)).one()

    def paid(self, move: int) -> list[tuple[str, Decimal, bool]]:
        """What settled a document, by how much, and whether that was a payment."""
        mine = (AllocationRow.account_id == self.account, AllocationRow.document_key == f"invoices:{move}")
        with self.hub.db.read() as session:
            rows = session.scalars(select(AllocationRow).where(*mine).order_by(AllocationRow.id))
            return [(row.source_key, row.amount, row.is_payment) for row in rows]

    def set_aside(self) -> list[str]:
        with self.hub.db.read() as session:
            odd = (RawRecord.account_id == self.account, RawRecord.state == RawState.SET_ASIDE)
            return [
                f"{raw.stream} {raw.remote_id}: {raw.error}" for raw in session.scalars(select(RawRecord).where(*odd))
            ]
