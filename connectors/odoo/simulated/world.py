"""All state of the simulated Odoo: its database, who may ask, the time, and what it does wrong."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal
from threading import RLock
from typing import Any

from connectors.odoo.simulated import account_models, base_models, crm_models, trade_models
from connectors.odoo.simulated.automation import Automation
from connectors.odoo.simulated.money import CURRENCIES
from connectors.odoo.simulated.people import ADMIN, READER, People
from connectors.odoo.simulated.store import ROOT, Database, Transaction, View
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import Notifier
from hub.connector.simulator import Faults

DATABASE = "hub"
CURRENT = 19
_COUNTRIES = (
    ("IL", "Israel"), ("PL", "Poland"), ("GB", "United Kingdom"), ("DE", "Germany"), ("US", "United States"),
    ("AE", "United Arab Emirates"), ("JP", "Japan"), ("KW", "Kuwait"),
)  # fmt: skip
_LANGUAGES = (
    ("en_US", "English (US)", "en"),
    ("he_IL", "Hebrew / עברית", "he"),
    ("pl_PL", "Polish / Język polski", "pl"),
)
MODULES = ("base", "account", "sale", "sale_management", "purchase", "stock", "base_automation", "contacts", "crm")
_ADMIN_ID, _READER_ID = 2, 7


class World:
    """Everything that is remembered, behind one lock. What tests and the demo may turn are the plain attributes."""

    def __init__(self, faults: Faults) -> None:
        self.faults = faults
        self.clock = Clock()
        self.lock = RLock()
        self.base_url = ""
        self.version = CURRENT  # 17, 18 or 19
        self.database_name = DATABASE
        self.page_size = 0  # no answer has more records, whatever is asked for; 0: as many as are asked for
        self.most_ids = 0  # lists of nothing but ids end after so many, as if there were no more; 0: never
        self.answer_s = 0.0  # how long it thinks about a request
        self.knows_bank = False  # payments wait for a bank statement: in_payment, as with the Accounting app
        self.models = {
            one.name: one for one in (*base_models.MODELS, *account_models.MODELS, *trade_models.MODELS, *crm_models.MODELS)
        }  # fmt: skip
        self.modules = set(MODULES)
        self.database = Database(self.models.values(), self.clock, self.lock)
        self.view = View(self.database.tables)
        self.people = People()
        self.notifier = Notifier(faults, self.clock)
        self.automation = Automation(self.view, self.notifier)
        self.counters: dict[tuple[int, str], int] = {}  # of number series, by company
        self._found()

    def _found(self) -> None:
        """What there is in every Odoo."""
        with self.transaction() as tx:
            for code, name in _COUNTRIES:
                tx.create("res.country", code=code, name=name)
            for code, name, iso in _LANGUAGES:
                tx.create("res.lang", code=code, name=name, iso_code=iso, active=code == "en_US")
            for code, number, digits, symbol in CURRENCIES:
                step = Decimal(1).scaleb(-digits)
                self._put(tx, "res.currency", number, name=code, symbol=symbol, decimal_places=digits, rounding=step)
            for one in sorted(MODULES):
                tx.create(
                    "ir.module.module", name=one, shortdesc=one.title(), state="installed", latest_version="19.0.1.0"
                )
            for login, number, name in ((ADMIN, _ADMIN_ID, "Administrator"), (READER, _READER_ID, "Hub")):
                self._put(tx, "res.users", number, login=login, name=name)
                self.people.add(number, login, name, [], is_admin=login == ADMIN)
            tx.create("account.payment.method", name="Manual Payment", code="manual")
            tx.create("account.payment.method.line", name="Manual Payment (Bank)")
            for code, name in (
                ("incoming", "Receipts"),
                ("outgoing", "Delivery Orders"),
                ("internal", "Internal Transfers"),
            ):
                tx.create("stock.picking.type", name=name, code=code)
            self._describe(tx)

    def _describe(self, tx: Transaction) -> None:
        """Tell administrators of the models and their fields."""
        for one in self.models.values():
            number = tx.create("ir.model", name=one.title, model=one.name, modules=one.module)
            for name, field in one.fields.items():
                tx.create(
                    "ir.model.fields", name=name, model=one.name, model_id=number, field_description=field.string,
                    ttype=field.type, relation=field.relation or None, store=field.stored,
                )  # fmt: skip

    @staticmethod
    def _put(tx: Transaction, model: str, number: int, **values: Any) -> None:
        """Make a record with an id that Odoo ships."""
        table = tx.tables[model]
        stamps = {"create_uid": ROOT, "create_date": tx.began, "write_uid": ROOT, "write_date": tx.began}
        table.put(number, table.model.new({"id": number, **stamps, **values}))

    # -- transactions -----------------------------------------------------------------------------------------------------

    def begin(self, uid: int = ROOT) -> Transaction:
        """Begin to write; nobody sees it before the transaction is committed."""
        return Transaction(self.database, uid, self.automation.tell)

    @contextmanager
    def transaction(self, uid: int = ROOT) -> Iterator[Transaction]:
        """Write, and let others see it at the end; after an error nothing was written."""
        tx = self.begin(uid)
        try:
            yield tx
        except BaseException:
            tx.rollback()
            raise
        tx.commit()

    # -- what is known ----------------------------------------------------------------------------------------------------

    def now(self) -> datetime:
        """UTC, without saying so."""
        return self.database.now()

    def code_of(self, model: str, code: str, field: str = "code") -> int:
        """The id of a currency, country or journal by its code. Raises ValueError: there is none."""
        for row in self.view.rows(model, self.view.tables[model].ids):
            if row[field] == code:
                return int(row["id"])
        raise ValueError(f"{model} has no {code}")

    def installed(self) -> Mapping[str, Any]:
        """The models whose apps are installed."""
        return {name: one for name, one in self.models.items() if one.module in self.modules}
