"""Questions to one Odoo, by whichever protocol it speaks, through our limit; it is written to only where the settings say so."""

import hashlib
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.odoo.errors import DeadKeyError, NoPlaceError
from connectors.odoo.schema import SCHEMA
from connectors.odoo.settings import AUTO, JSON2, JSONRPC, XMLRPC, OdooSettings
from connectors.odoo.wire import WIRES, Answer, Door, Wire, version
from hub.connector.stream import Grant, Limit, Tools
from hub.errors import AuthError, LimitedError, RejectedError, ShapeError

# All that is ever called, and all that writes.
READS = frozenset({
    "search", "search_count", "search_read", "read", "web_search_read", "web_read", "formatted_read_group", "read_group",
    "fields_get", "context_get", "has_access", "check_access_rights",
})  # fmt: skip
WRITES = frozenset({"load", "write", "unlink", "action_feedback"})
MOST_IDS = 10_000  # of one answer of nothing but ids
SOME = 2000  # records asked for by their ids at once
# Archived customers still have debts. Without a language, words come as the user of the key reads them.
CONTEXT: Mapping[str, Any] = {"active_test": False}
_TRIED = (JSON2, JSONRPC, XMLRPC)
_USERS = "res.users"
_log = logging.getLogger(__name__)

Row = dict[str, Any]
Term = str | Sequence[Any]
Domain = Sequence[Term]


class Client:
    """One database at one Odoo."""

    def __init__(self, settings: OdooSettings, tools: Tools) -> None:
        self.settings = settings
        self.tools = tools
        self.asked_at: datetime | None = None  # when the last question was asked, by Odoo's clock
        self._door = Door(settings)
        self._wire: Wire | None = None
        self._token = ""
        told = (
            settings.base,
            settings.database,
            settings.username,
            settings.protocol,
            settings.api_key.get_secret_value(),
        )
        self._mark = hashlib.sha256("\n".join(told).encode()).hexdigest()  # other ones are a new beginning
        self._rows: dict[str, dict[int, Row]] = {}

    @property
    def limit(self) -> Limit:
        settings = self.settings
        return Limit(f"odoo:{settings.base}:{settings.database}", settings.calls_per_minute)

    @property
    def protocol(self) -> str:
        """The protocol that is spoken; `auto` before the first question."""
        return self._wire.name if self._wire else AUTO

    def version(self) -> str:
        """Return the server's version, such as `19.0`; it needs no key. Raises as `wire.version`."""
        return version(self._door)

    # --- one question -------------------------------------------------------------------------------------------------

    def ask(self, model: str, method: str, **parameters: Any) -> Any:
        """Call a method that reads.

        Raises:
            RejectedError: the method is none of those that read; nothing was sent.
            ConnectorError: as of `errors.error_of`.
        """
        if method not in READS:
            raise RejectedError(f"{model}.{method} is not asked: it does not only read.")
        return self._called(model, method, parameters)

    def write(self, model: str, method: str, **parameters: Any) -> Any:
        """Call a method that writes.

        Raises:
            RejectedError: the settings let nobody write, or it is none of these methods; nothing was sent.
            ConnectorError: as of `errors.error_of`.
        """
        if method not in WRITES or not self.settings.writes:
            raise RejectedError(f"{model}.{method} is not called: the settings of this connection let nobody write.")
        return self._called(model, method, parameters)

    def _called(self, model: str, method: str, parameters: dict[str, Any]) -> Any:
        context = {**CONTEXT, **parameters.pop("context", {})}
        self.tools.spend((self.limit,), 1)
        asked = {**parameters, "context": context}
        try:
            answer = self._answered(model, method, asked)
        except LimitedError as error:
            self.tools.limited((self.limit,), error.retry_after or 0.0)
            raise
        self.asked_at = answer.asked_at
        return answer.value

    def _answered(self, model: str, method: str, parameters: Mapping[str, Any]) -> Answer:
        """Call; where that is refused, the key is proven once more.

        A dead key stops the account until a person comes, and servers refuse good ones while they start.
        """
        wire = self._opened()
        try:
            return wire.call(model, method, parameters)
        except (DeadKeyError, NoPlaceError) as error:
            _log.info("%s: %s", self.settings.base, error)
            return self._opened(refused=self._token).call(model, method, parameters)

    # --- the key --------------------------------------------------------------------------------------------------------

    def _opened(self, refused: str = "") -> Wire:
        """Return what is spoken, with a key that was proven; one that turned out to be dead is not tried again.

        The hub keeps as the account's token which protocol that is, and the user's number, which the older ones want.
        """
        if self._wire is None or refused:
            first = Grant(f"odoo-{self._mark}")
            self._token = self.tools.access_token(self._proven, refused=refused, first=first)
            name, _, uid = self._token.partition(":")
            self._wire = WIRES[name](self._door, uid=int(uid))
        return self._wire

    def _proven(self, grant: Grant) -> Grant:
        """Ask whose the key is. Raises ConnectorError: it is not known, or Odoo cannot be asked."""
        for name in _TRIED if self.settings.protocol == AUTO else (self.settings.protocol,):
            wire = WIRES[name](self._door)
            try:
                wire.call(_USERS, "context_get", {})
            except NoPlaceError as error:
                self._must_be_older(name, error)
                continue
            return replace(grant, access_token=f"{name}:{wire.uid}")
        raise NoPlaceError("Nothing answers at this address as Odoo does: correct it.")

    def _must_be_older(self, name: str, error: NoPlaceError) -> None:
        """Raise where a server has no such place and should: newer ones answer so for a database that they have not."""
        if name == JSON2 and is_at_least(self.version(), 19):
            text = "This Odoo has no such database, or it must be named: correct the settings and connect again."
            raise AuthError(text) from error

    # --- questions that are asked often -------------------------------------------------------------------------------

    def fields(self, model: str, wanted: Iterable[str]) -> tuple[str, ...]:
        """Return those of some fields that this version has, with these apps, and shows to this user.

        Raises:
            ScopeError: there are no such records here.
        """
        return SCHEMA.there(self._mark, model, wanted, lambda names: self._known(model, names))

    def rows(
        self, model: str, domain: Domain, fields: Iterable[str], *, order: str = "id", limit: int | None = None
    ) -> list[Row]:
        """Return records; a field that this version does not have is left out of them."""
        names = tuple(fields)  # never none: Odoo would answer all there are, and some no reader may see
        asked: dict[str, Any] = {"domain": [*domain], "order": order, **({"limit": limit} if limit else {})}
        try:
            told = self.ask(model, "search_read", **asked, fields=self.fields(model, names) or ("id",))
        except RejectedError:  # perhaps an app went, and a field with it
            SCHEMA.forget(self._mark, model)
            told = self.ask(model, "search_read", **asked, fields=self.fields(model, names) or ("id",))
        return _rows(told, model)

    def of_ids(self, model: str, ids: Iterable[int], fields: Iterable[str]) -> dict[int, Row]:
        """Return the records with these ids that there are, and that the key may see."""
        wanted, names = sorted(set(ids)), tuple(fields)
        found: dict[int, Row] = {}
        for begin in range(0, len(wanted), SOME):
            some = wanted[begin : begin + SOME]
            found |= {one["id"]: one for one in self.rows(model, [["id", "in", some]], names)}
        return found

    def remembered(self, model: str, ids: Iterable[int], fields: Iterable[str]) -> dict[int, Row]:
        """Return records that are many other records' and rarely change, such as companies; asked for once."""
        known = self._rows.setdefault(model, {})
        wanted = set(ids)
        if missing := wanted - known.keys():
            known |= self.of_ids(model, missing, fields)
        return {one: known[one] for one in wanted & known.keys()}

    def ids(self, model: str, domain: Domain, *, newest: int = 0) -> list[int]:
        """Return the ids of records, in their order: all of them, or only the newest so many."""
        if newest:
            return sorted(_ids(self.ask(model, "search", domain=[*domain], order="id desc", limit=newest), model))
        found: list[int] = []
        while True:
            after = [*domain, ["id", ">", found[-1]]] if found else [*domain]
            some = _ids(self.ask(model, "search", domain=after, order="id", limit=MOST_IDS), model)
            if found and some and min(some) <= found[-1]:
                raise ShapeError(f"Odoo lists ids of {model} again that it listed already")
            found += sorted(some)
            if len(some) < MOST_IDS:
                return found

    def count(self, model: str, domain: Domain) -> int:
        """Return how many records there are."""
        told = self.ask(model, "search_count", domain=[*domain])
        if not isinstance(told, int) or isinstance(told, bool):
            raise ShapeError(f"Odoo's count of {model} is no number")
        return told

    def groups(
        self, model: str, domain: Domain, by: Sequence[str], sums: Sequence[str], *, time_zone: str = "UTC"
    ) -> list[Row]:
        """Return sums of groups, each with its `by`, `__count` and sums; a month is written `2026-11`.

        Args:
            by: fields; a date with `:month`.
            sums: fields that are added up.
            time_zone: whose months they are.
        """
        context = {"tz": time_zone}
        try:
            totals = ["__count", *(f"{one}:sum" for one in sums)]
            told = self.ask(
                model, "formatted_read_group", domain=[*domain], groupby=[*by], aggregates=totals, context=context
            )
        except RejectedError:  # before Odoo 19
            fields = [f"{one}:sum" for one in sums]
            told = self.ask(
                model, "read_group", domain=[*domain], fields=fields, groupby=[*by], lazy=False, context=context
            )
            groups = [_newer(one, by, sums) for one in _groups(told, model)]
        else:
            groups = _groups(told, model)
        zone = ZoneInfo(time_zone)
        return [
            {**{one: _value(group.get(one), one, zone) for one in by}, "__count": group["__count"],
             **{one: group.get(f"{one}:sum") for one in sums}}
            for group in groups
        ]  # fmt: skip

    def link(self, model: str, record: int) -> str:
        """Return where a person opens a record; older versions have another address.

        Source: https://github.com/odoo/odoo/blob/18.0/addons/web/controllers/home.py
        """
        base = self.settings.links
        if self.protocol == JSON2:
            return f"{base}/odoo/{model}/{record}"
        return f"{base}/web#id={record}&model={model}&view_type=form"

    def _known(self, model: str, names: Sequence[str]) -> Row:
        told = self.ask(model, "fields_get", allfields=names, attributes=["type"])
        if not isinstance(told, dict):
            raise ShapeError(f"Odoo's fields of {model} are no object")
        return told


def is_at_least(version: str, major: int) -> bool:
    """Say whether a version such as `19.0` or `saas~18.3` is at least another one."""
    digits = version.rpartition("~")[2].partition(".")[0]
    return digits.isdecimal() and int(digits) >= major


def id_of(value: Any) -> int:
    """Return the id of a record that another one names, which Odoo writes as `[7, "name"]`; 0: none."""
    first = value[0] if isinstance(value, list) and value else value
    return first if isinstance(first, int) and not isinstance(first, bool) else 0


def _rows(told: Any, model: str) -> list[Row]:
    if not isinstance(told, list) or not all(isinstance(one, dict) and id_of(one.get("id")) for one in told):
        raise ShapeError(f"Odoo's answer about {model} is no list of records")
    return told


def _ids(told: Any, model: str) -> list[int]:
    if not isinstance(told, list) or not all(id_of(one) for one in told):
        raise ShapeError(f"Odoo's answer about {model} is no list of ids")
    return told


def _groups(told: Any, model: str) -> list[Row]:
    if not isinstance(told, list) or not all(isinstance(one, dict) and id_of(one.get("__count")) for one in told):
        raise ShapeError(f"Odoo's sums of {model} are no list of groups")
    return told


def _value(value: Any, by: str, zone: ZoneInfo) -> Any:
    """Return what a group is known by: the id of a record, a word, a month.

    A month of moments is written as the moment in UTC at which it begins where the user lives.
    """
    first = value[0] if isinstance(value, list) and value else value
    if not by.endswith(":month") or not isinstance(first, str):
        return first
    if len(first) == len("2026-11-01"):
        return first[:7]
    return f"{datetime.fromisoformat(first).replace(tzinfo=UTC).astimezone(zone):%Y-%m}"


def _newer(group: Row, by: Sequence[str], sums: Sequence[str]) -> Row:
    """Return a group of `read_group` as newer versions write it: its months are words, their days in `__range`."""
    ranges = group.get("__range") or {}
    months = {one: [(ranges[one] or {}).get("from")] for one in by if one in ranges}
    return {**group, **months, **{f"{one}:sum": group.get(one) for one in sums}}
