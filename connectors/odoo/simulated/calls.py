"""Methods of models as they are called from outside: what is read.

Source: https://www.odoo.com/documentation/19.0/developer/reference/external_api.html and
https://www.odoo.com/documentation/19.0/developer/reference/backend/orm.html
"""

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.odoo.simulated.domain import understood
from connectors.odoo.simulated.errors import (
    OdooError,
    access_error,
    key_error,
    no_field,
    not_found,
    type_error,
    unprocessable,
    user_error,
    value_error,
)
from connectors.odoo.simulated.groups import Grouper
from connectors.odoo.simulated.people import OPERATIONS, Person
from connectors.odoo.simulated.schema import Field, Model, Row
from connectors.odoo.simulated.search import Searcher, allowed, ordered
from connectors.odoo.simulated.values import names, odd_ones, wire
from connectors.odoo.simulated.world import World

_PRIVATE = frozenset({"browse", "exists", "search_fetch", "fetch", "sudo", "filtered", "mapped", "ensure_one", "init"})
_ATTRIBUTES = ("type", "string", "relation", "store", "readonly", "required", "searchable", "sortable")
_MANY_DIGITS = 100


@dataclass(frozen=True)
class Call:
    """Who calls something of which model, on which records."""

    world: World
    person: Person
    model: Model
    ids: Sequence[int]
    context: Mapping[str, Any]

    @property
    def searcher(self) -> Searcher:
        """Raises OdooError: the context names companies that he may not see."""
        companies = allowed(self.context.get("allowed_company_ids"), self.person.companies)
        return Searcher(self.world.view, companies, dict(self.context), 0 if self.person.is_admin else self.person.uid)

    def rows(self) -> Iterator[Row]:
        """The records it is called on that there are; those of other companies count as well."""
        return self.world.view.rows(self.model.name, self.ids)


Handler = Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Method:
    """A method that may be called from outside."""

    handler: Handler
    on_records: bool = False
    since: int = 17
    models: frozenset[str] = frozenset()  # empty: all

    @property
    def signature(self) -> inspect.Signature:
        whole = inspect.signature(self.handler)
        return whole.replace(parameters=list(whole.parameters.values())[1:])


METHODS: dict[tuple[str, str], Method] = {}


def offered(name: str, *models: str, on_records: bool = False, since: int = 17) -> Callable[[Handler], Handler]:
    """Offer a method of all models, or of these."""

    def keep(handler: Handler) -> Handler:
        made = Method(handler, on_records, since, frozenset(models))
        for model in models or ("",):
            METHODS[model, name] = made
        return handler

    return keep


def find(world: World, model: str, name: str) -> tuple[Model, Method]:
    """Return a method of a model. Raises OdooError: there is none, or none for strangers."""
    known = world.installed().get(model)
    if known is None:
        raise not_found(f"the model '{model}' does not exist")
    if name.startswith("_") or name in _PRIVATE:
        raise access_error(f"Private methods (such as '{model}.{name}') cannot be called remotely.")
    method = METHODS.get((model, name)) or METHODS.get(("", name))
    if method is None or method.since > world.version:
        raise not_found(f"The method '{model}.{name}' does not exist")
    return known, method


def call_by_name(world: World, person: Person, model: str, name: str, body: Mapping[str, Any]) -> Any:
    """Call a method with named parameters, as JSON-2 does. Raises OdooError."""
    known, method = find(world, model, name)
    rest = {key: value for key, value in body.items() if key not in ("ids", "context")}
    if body.get("ids") and not method.on_records:
        raise unprocessable(f"cannot call {model}.{name} with ids")
    try:
        bound = method.signature.bind(**rest)
    except TypeError as error:
        raise unprocessable(str(error)) from None
    call = Call(world, person, known, _ids(body.get("ids")), _context(body.get("context")))
    return method.handler(call, *bound.args, **bound.kwargs)


def call_by_place(
    world: World, person: Person, model: str, name: str, args: Sequence[Any], kwargs: Mapping[str, Any]
) -> Any:
    """Call a method as `execute_kw` does: of records the ids come first. Raises OdooError."""
    try:
        known, method = find(world, model, name)
    except OdooError as error:
        if error.status != 404:
            raise
        is_model = model in world.installed()
        if not is_model:
            raise user_error(f"Object {model} doesn't exist") from None
        raise OdooError("builtins.AttributeError", f"The method '{model}.{name}' does not exist") from None
    rest = {key: value for key, value in kwargs.items() if key != "context"}
    ids, args = (_ids(args[0]), args[1:]) if method.on_records and args else ([], args)
    try:
        bound = method.signature.bind(*args, **rest)
    except TypeError as error:
        raise type_error(f"BaseModel.{name}() {error}") from None
    call = Call(world, person, known, ids, _context(kwargs.get("context")))
    return method.handler(call, *bound.args, **bound.kwargs)


def _ids(given: Any) -> list[int]:
    """Raises OdooError."""
    found = given if isinstance(given, list | tuple) else [] if given in (None, False) else [given]
    if not all(isinstance(one, int) and not isinstance(one, bool) for one in found):
        raise type_error(f"Invalid ids: {given!r}")
    return list(found)


def _context(given: Any) -> Mapping[str, Any]:
    return given if isinstance(given, dict) else {}


# -- reading ------------------------------------------------------------------------------------------------------------


@offered("search")
def search(call: Call, domain: Any, offset: Any = 0, limit: Any = None, order: Any = None) -> Any:
    call.person.needs(call.model, "read")
    found = [row["id"] for row in call.searcher.search(call.model, domain, offset, limit, order)]
    return found[: call.world.most_ids or None]


@offered("search_count")
def search_count(call: Call, domain: Any, limit: Any = None) -> int:
    call.person.needs(call.model, "read")
    asked = understood(call.world.view, call.model, domain)
    count = sum(1 for _ in call.searcher.matching(call.model, asked))
    return min(count, limit) if limit else count


@offered("search_read")
def search_read(
    call: Call, domain: Any = None, fields: Any = None, offset: Any = 0, limit: Any = None, order: Any = None,
    **read_kwargs: Any,
) -> Any:  # fmt: skip
    load = read_kwargs.pop("load", "_classic_read")
    for unknown in read_kwargs:
        raise type_error(f"BaseModel._read_format() got an unexpected keyword argument '{unknown}'")
    wanted = _wanted(call, fields)
    rows = _found(call, domain, offset, limit, order)
    return _told(call, rows, wanted, pairs=load == "_classic_read")


@offered("read", on_records=True)
def read(call: Call, fields: Any = None, load: Any = "_classic_read") -> Any:
    call.person.needs(call.model, "read")
    return _told(call, call.rows(), _wanted(call, fields), pairs=load == "_classic_read")


def _found(call: Call, domain: Any, offset: Any, limit: Any, order: Any) -> Iterable[Row]:
    """The records that a listing tells; with a fault that was ordered, others. Raises OdooError."""
    call.person.needs(call.model, "read")
    world, is_page = call.world, isinstance(limit, int) and limit > 1
    if not is_page:
        return call.searcher.search(call.model, domain, offset, limit, order)
    limit = min(limit, world.page_size or limit)
    rows = list(call.searcher.search(call.model, domain, offset, limit, order))
    take = world.faults.take
    if len(rows) > 1 and take("empty_page"):
        return rows[:1]
    is_whole = "write_date" not in str(domain)
    if rows and is_whole and take("cut_list"):
        return []
    if rows and take("replay_page"):
        return [*rows, *rows]
    if rows and take("reorder_page"):
        return rows[::-1]
    if world.faults.waits("endless_page"):
        asked = understood(world.view, call.model, domain).without_above(world.view, call.model)
        first = list(call.searcher.matching(call.model, asked, ordered(call.model, order)))[:limit]
        return first if first and take("endless_page") else rows
    return rows


def _wanted(call: Call, fields: Any) -> Sequence[str]:
    """The fields to tell, of which there is each. Raises OdooError."""
    given = names(fields)
    if given is None:
        if call.model.unreadable and not call.person.is_admin:
            field, other = call.model.unreadable
            refusal = call.person.refusal(other, "read")
            raise access_error(f"Failed to read field {call.model.name}.{field}\n{refusal.message}")
        return list(call.model.fields)
    for one in given:
        if one not in call.model.fields:
            raise no_field(one, call.model.name)
    return ["id", *(one for one in given if one != "id")]


def _told(call: Call, rows: Iterable[Row], wanted: Sequence[str], *, pairs: bool) -> list[dict[str, Any]]:
    noisy = call.world.faults.take("float_noise")
    view = call.world.view
    tellers = [(name, wire(view, call.model, name, pairs=pairs, noisy=noisy)) for name in wanted]
    told = []
    for row in rows:
        shown = {name: tell(row) for name, tell in tellers}
        odd = odd_ones(row)
        told.append(shown | {name: value for name, value in odd.items() if name in shown} if odd else shown)
    return told


@offered("web_read", on_records=True)
def web_read(call: Call, specification: Any) -> Any:
    call.person.needs(call.model, "read")
    return [_web(call, call.model, row, specification) for row in call.rows()]


@offered("web_search_read")
def web_search_read(
    call: Call,
    domain: Any,
    specification: Any,
    offset: Any = 0,
    limit: Any = None,
    order: Any = None,
    count_limit: Any = None,
) -> Any:
    rows = _found(call, domain, offset, limit, order)
    records = [_web(call, call.model, row, specification) for row in rows]
    return {"length": search_count(call, domain, count_limit), "records": records}


def _web(call: Call, model: Model, row: Row, specification: Any) -> dict[str, Any]:
    """Tell a record in the shape that the web client asks for. Raises OdooError."""
    if not isinstance(specification, dict):
        raise type_error(f"Invalid specification: {specification!r}")
    told: dict[str, Any] = {"id": row["id"]}
    for name, how in specification.items():
        field = model.fields.get(name)
        if field is None:
            raise no_field(name, model.name)
        told[name] = _web_value(call, model, row, name, (how or {}).get("fields"))
    return told


def _web_value(call: Call, model: Model, row: Row, name: str, inner: Any) -> Any:
    field, plain = model.fields[name], wire(call.world.view, model, name, pairs=False)(row)
    if not field.relation or inner is None or plain is False:
        return plain
    other = call.world.view.model(field.relation)
    if field.type == "many2one":
        found = call.world.view.row(field.relation, plain)
        return _web(call, other, found, inner)
    return [_web(call, other, one, inner) for one in call.world.view.rows(field.relation, plain)]


@offered("formatted_read_group", since=19)
def formatted_read_group(  # noqa: PLR0913, PLR0917 - Odoo's own parameters
    call: Call, domain: Any, groupby: Any = (), aggregates: Any = (), having: Any = (), offset: int = 0,
    limit: int | None = None, order: Any = None,
) -> Any:  # fmt: skip
    call.person.needs(call.model, "read")
    if having:
        raise value_error("This simulator knows no having")
    return _grouper(call).formatted(domain, groupby, aggregates, offset, limit, order)


@offered("read_group")
def read_group(  # noqa: PLR0913, PLR0917 - Odoo's own parameters
    call: Call, domain: Any, fields: Any, groupby: Any, offset: int = 0, limit: int | None = None, orderby: Any = None,
    lazy: Any = 1,
) -> Any:  # fmt: skip
    call.person.needs(call.model, "read")
    del orderby
    by = [groupby] if isinstance(groupby, str) else groupby
    return _grouper(call).older(domain, fields, by, lazy=lazy)[offset : offset + limit if limit else None]


def _grouper(call: Call) -> Grouper:
    return Grouper(call.world.view, call.searcher, call.model, noisy=call.world.faults.take("float_noise"))


# -- what there is ------------------------------------------------------------------------------------------------------


@offered("fields_get")
def fields_get(call: Call, allfields: Any = None, attributes: Any = None) -> Any:
    call.person.needs(call.model, "read")
    wanted = names(allfields)
    chosen = {name: field for name, field in call.model.fields.items() if wanted is None or name in wanted}
    return {name: _description(name, field, attributes) for name, field in chosen.items()}


def _description(name: str, field: Field, attributes: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {
        "type": field.type, "string": field.string, "store": field.stored, "name": name, "searchable": field.stored,
        "sortable": field.stored, "readonly": not field.stored, "required": False,
    }  # fmt: skip
    if field.relation:
        whole["relation"] = field.relation
    if field.selection:
        whole["selection"] = [list(one) for one in field.selection]
    shown = sorted(attributes) if attributes else sorted(whole)
    return {one: whole[one] for one in shown if one in whole}


@offered("name_search")
def name_search(
    call: Call, name: str = "", domain: Any = None, operator: str = "ilike", limit: int = _MANY_DIGITS
) -> Any:
    rows = call.searcher.search(call.model, [["display_name", operator, name], *(domain or [])], 0, limit)
    call.person.needs(call.model, "read")
    return [[row["id"], call.world.view.name_of(call.model.name, row["id"])] for row in rows]


@offered("has_access", on_records=True, since=18)
def has_access(call: Call, operation: str) -> bool:
    if operation not in OPERATIONS:
        raise key_error(operation)
    return call.person.may(call.model, operation)


@offered("check_access_rights")
def check_access_rights(call: Call, operation: str, raise_exception: Any = 1) -> bool | None:
    if call.person.may(call.model, operation):
        return None if raise_exception and call.world.version >= 19 else True
    if raise_exception:
        call.person.needs(call.model, operation)
    return False


@offered("context_get", "res.users")
def context_get(call: Call) -> Any:
    return {"lang": call.person.lang, "tz": call.person.tz, "uid": call.person.uid}
