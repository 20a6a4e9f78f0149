"""All that people do in the simulated Odoo, and what is done to it."""

from datetime import timedelta
from typing import Self

from connectors.odoo.simulated.account_models import LINE, MOVE
from connectors.odoo.simulated.bulk import Fill, Lines, Moves
from connectors.odoo.simulated.people import READER
from connectors.odoo.simulated.session import step, within
from connectors.odoo.simulated.trade import Trade


class Doings(Trade):
    """Methods for tests and the demo. Each is a transaction of its own, except after `begin`."""

    def begin(self) -> Self:
        """Begin a transaction that stays open: what is done with the answer is seen after its `commit`, dated now."""
        with self.world.lock:
            made: Self = within(self, self.world.begin())
            return made

    @step
    def fill(self, count: int, *, partners: int = 1000, currencies: tuple[str, ...] = ()) -> range:
        """Let there be very many posted invoices, written long ago, of as many partners as told; returns their ids."""
        tables = self.world.database.tables
        owners = [
            self.add_partner(
                f"Customer {number:05}", is_company=True, country="PL", email=f"office@customer{number}.example"
            )
            for number in range(partners)
        ]
        company = self._company(None)
        base = self.row("res.company", company)["currency_id"]
        chosen = [self._currency(one) for one in currencies] or [base]
        made = Fill(
            owners, company, [(one, self._rate_of(one, company, self._today()), self._digits(one)) for one in chosen],
            base_digits=self._digits(base), journal=self._journal(company, "sale"),
            receivable=self._account(company, "asset_receivable"), income=self._account(company, "income"),
            since=self.tx.began.replace(microsecond=0) - timedelta(days=30, seconds=count), today=self._today(),
            moves=tables[MOVE].reserve(count), lines=tables[LINE].reserve(count * 2),
        )  # fmt: skip
        tables[MOVE].add(Moves(made))
        tables[LINE].add(Lines(made))
        return made.moves

    # -- rights -----------------------------------------------------------------------------------------------------------

    def take_right(self, *models: str, login: str = READER) -> None:
        """Let somebody not read these models any more."""
        self.world.people.by_login(login).taken |= set(models)

    def give_right(self, *models: str, login: str = READER) -> None:
        """Let him read them again."""
        self.world.people.by_login(login).taken -= set(models)

    def let_write(self, *models: str, login: str = READER) -> None:
        """Let somebody write these models, as when he was put into too many groups."""
        self.world.people.by_login(login).given |= set(models)

    @step
    def kill_keys(self, login: str = READER) -> None:
        """Delete all API keys of somebody."""
        self.world.people.kill_keys(login)
        uid = self.world.people.by_login(login).uid
        for row in list(self.tx.rows("res.users.apikeys", list(self.tx.tables["res.users.apikeys"].ids))):
            if row["user_id"] == uid:
                self.tx.unlink("res.users.apikeys", row["id"])

    @step
    def new_key(self, login: str = READER, *, days: int | None = None) -> str:
        """Make an API key: of `hub-readonly`, who reads the accounting, or of `admin`; without days it never ends."""
        ends_at = self.tx.began.replace(microsecond=0) + timedelta(days=days) if days is not None else None
        uid = self.world.people.by_login(login).uid
        self.tx.create("res.users.apikeys", name="integration hub", scope="rpc", user_id=uid, expiration_date=ends_at)
        return self.world.people.new_key(login, ends_at)

    def limit_companies(self, *companies: int, login: str = READER) -> None:
        """Let somebody see these legal entities only."""
        self.world.people.by_login(login).companies = list(companies)

    def uninstall(self, *modules: str) -> None:
        """Remove apps; their models are no more."""
        self.world.modules -= set(modules)
        for one in self.world.view.rows("ir.module.module", self.world.view.tables["ir.module.module"].ids):
            if one["name"] in modules:
                self.change("ir.module.module", one["id"], state="uninstalled")

    def pretend(self, version: int) -> None:
        """Be an older Odoo (17 or 18): no JSON-2, no `formatted_read_group`."""
        self.world.version = version
