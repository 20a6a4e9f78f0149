"""What mappings make for fields that administrators defined, read by what the fields are. Pure, besides `load`.

A source never writes over what people said (`fields_here`; of parties, their own claims). What a field does not take sets
the record aside. An entry of a list that is archived is chosen no more by people; of a source it is taken, for
somebody's new telephone number must not wait because a list was tidied up.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import RecordError
from hub.fields import definitions, value
from hub.fields.definitions import Field, Fields
from hub.fields.models import FieldRow, Of
from hub.fields.value import FieldValueError
from hub.identity.rules import PartyKind
from hub.identity.said import said

LONGEST_SHOWN = 60
NOTHING: Mapping[str, Any] = MappingProxyType({})
# What a mapping calls kinds of records that can have fields; of a `party` it shows from its values which of the two it is.
_KINDS: Mapping[str, Of] = MappingProxyType({"lead": Of.LEAD, "call": Of.CALL, "document": Of.DOCUMENT})
_PARTY, _PARTIES = "party", (Of.PERSON, Of.COMPANY)


@dataclass(frozen=True, slots=True)
class _Kind:
    """The fields of one kind of record."""

    names: frozenset[str]  # archived ones too: nothing comes into them, and nothing is kept beside them
    fields: Sequence[tuple[Field, Sequence[str]]]  # in an order that can be read, each with its archived options
    archived: frozenset[str]
    defaults: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Incoming:
    """How values come in, as fields are in this transaction."""

    _kinds: Mapping[Of, _Kind]

    def split(
        self, record: str, values: Mapping[str, Any], *, region: str, record_id: str
    ) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """Part what a mapping made: the rest, and the values of fields as they are kept; None for nothing.

        Args:
            record: what the mapping calls the kind of record.
            region: ISO 3166 country of the account.

        Raises:
            RecordError: a field does not take its value, or it is no person or company.
        """
        of = self._of(record, values)
        kind = self._kinds.get(of) if of is not None else None
        if kind is None or kind.names.isdisjoint(values):
            return values, NOTHING
        currency = values.get("currency") if of is Of.DOCUMENT else ""
        made: dict[str, Any] = {}
        for field, archived in kind.fields:
            if field.name not in values:
                continue
            raw = values[field.name]
            try:
                made[field.name] = value.read(
                    field, raw, region=region, currency=currency if isinstance(currency, str) else "", chosen=made,
                    before=archived,
                )  # fmt: skip
            except FieldValueError as error:
                raise RecordError(f"record {record_id}: field {field.name}: {_why(error, raw)}") from None
        return {name: one for name, one in values.items() if name not in kind.names}, made

    def defaults(self, of: Of) -> Mapping[str, Any]:
        """Return what fields of a new record begin with."""
        return self._kinds[of].defaults if of in self._kinds else NOTHING

    def archived(self, of: Of) -> frozenset[str]:
        """Return the fields of which everything stays as it is."""
        return self._kinds[of].archived if of in self._kinds else frozenset()

    def has(self, of: Of) -> bool:
        """Say whether a kind of record has any fields."""
        return of in self._kinds

    def _of(self, record: str, values: Mapping[str, Any]) -> Of | None:
        if record != _PARTY:
            return _KINDS.get(record)
        if all(of not in self._kinds or self._kinds[of].names.isdisjoint(values) for of in _PARTIES):
            return None
        kind = values.get("kind")  # mostly a mapping says it; else it shows from the names
        is_company = kind == PartyKind.COMPANY if isinstance(kind, str) and kind else said(values).is_company
        return _party(is_company=is_company)


def load(session: Session) -> Incoming | None:
    """Return how values come in; None: nobody defined any field. One query then, else two."""
    return of_fields(definitions.load(session))


def of_fields(fields: Fields) -> Incoming | None:
    """Return the same of fields at hand."""
    kinds = {of: _kind(fields, of) for of in Of if fields.every(of)}
    return Incoming(kinds) if kinds else None


@dataclass(frozen=True, slots=True)
class OfParties:
    """What `identity.link` is told of fields, without knowing them."""

    _incoming: Incoming

    def defaults(self, *, is_company: bool) -> Mapping[str, Any]:
        """Return what fields of a new person or company begin with."""
        return self._incoming.defaults(_party(is_company=is_company))

    def archived(self, *, is_company: bool) -> frozenset[str]:
        """Return the fields of which everything stays as it is."""
        return self._incoming.archived(_party(is_company=is_company))


def of_parties(incoming: Incoming | None) -> OfParties | None:
    """Return what `identity.link` is told; None: there are no fields."""
    return OfParties(incoming) if incoming is not None else None


def _party(*, is_company: bool) -> Of:
    return Of.COMPANY if is_company else Of.PERSON


def mark(session: Session) -> str:
    """Return what changes with every field that somebody defines or changes.

    Of each field, for the last change of all tells nothing of an earlier one that was committed after it.
    """
    rows = session.execute(select(FieldRow.id, FieldRow.changed_at).order_by(FieldRow.id))
    return " ".join(f"{row.id}:{row.changed_at.isoformat()}" for row in rows)


def merged(
    before: Mapping[str, Any],
    here: Collection[str],
    said: Mapping[str, Any],
    defaults: Mapping[str, Any],
    *,
    is_new: bool,
) -> dict[str, Any]:
    """Return the values of a lead, call or document after its source said something. Pure.

    Args:
        here: names that people filled in: they stay.
        said: what the source says now; None: it has nothing there. What it does not name stays.
        defaults: what stands where a new record, or the source, has nothing.
    """
    after = dict(before)
    named = {**dict.fromkeys(defaults), **said} if is_new else said
    for name, one in named.items():
        if name in here or (one is None and name not in said and name in before):
            continue
        if (one if one is not None else (one := defaults.get(name))) is None:
            after.pop(name, None)
        else:
            after[name] = one
    return after


def _kind(fields: Fields, of: Of) -> _Kind:
    shown = fields.of(of)
    every = fields.every(of)
    return _Kind(
        names=frozenset(one.name for one in every),
        fields=[
            (field, [option.value for option in field.options if option.is_archived]) for field in value.in_order(shown)
        ],
        archived=frozenset(one.name for one in every if one.is_archived),
        defaults={name: one.default for name, one in shown.items() if one.default is not None},
    )


def _why(error: FieldValueError, raw: Any) -> str:
    """Return what is wrong, with the value; in quotes, so that failures of one cause stand together."""
    if "'" in error.text:
        return error.text
    written = raw if isinstance(raw, str) else repr(raw)[: 2 * LONGEST_SHOWN]
    shown = written[:LONGEST_SHOWN].replace("'", '"')
    return f"{error.text}: '{shown}'"
