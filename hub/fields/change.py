"""What people and programs fill in, in the transaction of whoever asks: read, kept, and from then on no source changes it.

The record is locked first, so that what a source says at the same moment comes before it or after it, and neither is lost.
"""

from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from sqlalchemy.orm import Session

from hub.errors import UserError
from hub.fields import seen, value
from hub.fields.definitions import Field, Fields
from hub.fields.models import Of
from hub.fields.value import FieldValueError
from hub.identity import parties
from hub.identity.models import Party, PartyKind
from hub.security import audit
from hub.security.policy import Person


class FieldsError(UserError):
    """Values that their fields do not take; `problems` are all of them by name, the message is about the first."""

    def __init__(self, problems: Mapping[str, FieldValueError]) -> None:
        name, first = next(iter(problems.items()))
        super().__init__(f"fields.{name}: {first.text}", error_id="field_value", field=f"fields.{name}")
        self.problems = problems


class Record(Protocol):
    """A row with values of fields, and the names of those that people filled in."""

    public_id: Any
    fields: Any
    fields_here: Any


def of_party(party: Party) -> Of:
    """Return which fields a party has."""
    return Of.COMPANY if party.kind == PartyKind.COMPANY else Of.PERSON


def party(
    session: Session, person: Person, known: Fields, changed: Party, given: Mapping[str, Any], *, region: str
) -> None:
    """Fill in fields of a person or a company.

    Args:
        given: by name, as somebody typed it or a program sent it; nothing takes a value away. What it does not name stays.
        region: ISO 3166 country for telephone numbers without one.

    Raises:
        FieldsError: a field does not take its value, or must be filled.
        UserError: there is no such field for this person (`unknown_field`).
    """
    if not given:
        return
    session.refresh(changed, with_for_update={"key_share": True})  # as `identity.link` takes it
    shown = seen.fields(known, of_party(changed), person.role)
    if other := read(shown, changed.fields, given, region=region):
        parties.say(session, person, changed, other)


def record(  # noqa: PLR0913 - which record, and how it is read
    session: Session,
    person: Person,
    known: Fields,
    of: Of,
    changed: Record,
    given: Mapping[str, Any],
    *,
    region: str,
    currency: str = "",
) -> None:
    """Fill in fields of a lead, call or document; as `party`.

    Args:
        currency: of amounts that say none.
    """
    if not given:
        return
    session.refresh(changed, ["fields", "fields_here"], with_for_update=True)
    shown = seen.fields(known, of, person.role)
    other = read(shown, changed.fields, given, region=region, currency=currency)
    if not other:
        return
    after = {name: one for name, one in changed.fields.items() if name not in other}
    changed.fields = after | {name: one for name, one in other.items() if one is not None}
    changed.fields_here = sorted({*changed.fields_here, *other})
    public_id: UUID = changed.public_id
    audit.record(session, person, f"{of}.fields_changed", str(of), public_id, fields=sorted(other))


def read(
    fields: Mapping[str, Field],
    before: Mapping[str, Any],
    given: Mapping[str, Any],
    *,
    region: str,
    currency: str = "",
) -> dict[str, Any]:
    """Return what becomes of given values, as it is kept, where it is another than before. Pure.

    Raises:
        FieldsError: a field does not take its value, or must be filled.
        UserError: there is no such field.
    """
    for name in given:
        if name not in fields:
            raise UserError(
                f"fields.{name}: there is no such field", error_id="unknown_field", field=f"fields.{name[:60]}"
            )
    made, problems = value.read_all(fields, given, region, currency=currency, before=before)
    after = {**before, **made}
    for name, one in made.items():
        if one is None and is_needed(fields[name], after):
            problems[name] = FieldValueError(name, "it must be filled", "required")
    if problems:
        raise FieldsError({name: problems[name] for name in fields if name in problems})
    return {name: one for name, one in made.items() if one != before.get(name)}


def is_needed(field: Field, values: Mapping[str, Any]) -> bool:
    """Say whether a field must be filled beside other values: a list must not where it has nothing to offer."""
    if not field.required:
        return False
    return not field.options or bool(field.offered(str(values.get(field.parent) or "")))
