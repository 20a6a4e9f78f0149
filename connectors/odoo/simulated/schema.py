"""What a model is made of, as far as this Odoo has it: its fields, their types, and who may read it.

Types and names: `fields_get` of Odoo 19.0, and `odoo/addons/*/models` of https://github.com/odoo/odoo (branch 19.0).
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the store is made of models
    from connectors.odoo.simulated.store import View

Row = dict[str, Any]
"""A record: dates as `date`, moments as naive UTC `datetime`, amounts as Decimal, relations as ids, empty as None."""
Selection = Sequence[tuple[str, str]]
MANY = frozenset({"one2many", "many2many"})
NUMBERS = frozenset({"integer", "float", "monetary"})


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a model."""

    type: str
    string: str = ""
    relation: str = ""
    selection: Selection = ()
    compute: "Callable[[View, Row], Any] | None" = None  # not stored: counted when it is read
    default: Any = None

    @property
    def stored(self) -> bool:
        return self.compute is None


def _name(view: "View", row: Row) -> str | None:
    del view
    found: str | None = row.get("name")
    return found


@dataclass(frozen=True, slots=True)
class Model:
    """One model. `name_of` makes the name that relations to it are shown with."""

    name: str
    title: str
    fields: Mapping[str, Field]
    order: str = "id"
    name_of: "Callable[[View, Row], str | None]" = _name
    module: str = "base"
    indexed: Sequence[str] = ()  # many2one fields by which records are looked up
    readable: bool = True  # for whoever has the read-only accounting group
    groups: Sequence[str] = ("Role / Administrator",)  # named in the refusal
    owner: str = ""  # field that says whose a record is: others do not see it
    unreadable: tuple[str, "Model"] | None = None  # whoever names no fields is refused this one, since of its model

    def new(self, values: Row) -> Row:
        """A record with these values, and defaults for the others."""
        blank = {name: one.default for name, one in self.fields.items() if one.stored}
        return {**blank, **values}


def char(string: str = "", default: str | None = None) -> Field:
    return Field("char", string, default=default)


def text(string: str = "") -> Field:
    return Field("text", string)


def html(string: str = "") -> Field:
    return Field("html", string)


def integer(string: str = "", default: int = 0) -> Field:
    return Field("integer", string, default=default)


def number(string: str = "") -> Field:
    return Field("float", string, default=0)


def money(string: str = "") -> Field:
    return Field("monetary", string, default=0)


def boolean(string: str = "", *, default: bool = False) -> Field:
    return Field("boolean", string, default=default)


def date(string: str = "") -> Field:
    return Field("date", string)


def moment(string: str = "") -> Field:
    return Field("datetime", string)


def choice(string: str, *options: str, default: str | None = None) -> Field:
    """A selection; each option is `key Label`."""
    pairs = tuple((one.partition(":")[0], one.partition(":")[2] or one.title()) for one in options)
    return Field("selection", string, selection=pairs, default=default)


def one(relation: str, string: str = "") -> Field:
    return Field("many2one", string, relation)


def many(relation: str, string: str = "") -> Field:
    return Field("many2many", string, relation, default=())


def counted(
    type_: str, string: str, compute: "Callable[[View, Row], Any]", relation: str = "", selection: Selection = ()
) -> Field:
    """A field that is not stored."""
    return Field(type_, string, relation, selection, compute)


def model(
    name: str,
    title: str,
    fields: Mapping[str, Field],
    *,
    name_of: "Callable[[View, Row], str | None]" = _name,
    **rest: Any,
) -> Model:
    """A model with what every model has besides its own fields."""
    whole = {
        "id": integer("ID"),
        "display_name": counted("char", "Display Name", name_of),
        **fields,
        "create_uid": one("res.users", "Created by"),
        "create_date": moment("Created on"),
        "write_uid": one("res.users", "Last Updated by"),
        "write_date": moment("Last Updated on"),
    }
    return Model(name, title, whole, name_of=name_of, **rest)
