"""Read a rule as somebody writes it, in a form or a program: what comes out can be kept. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any
from uuid import UUID

from hub.errors import UserError
from hub.fields.definitions import Fields
from hub.fields.models import Type
from hub.rules.grammar import (
    EVERYBODY,
    HAS,
    MOMENTS,
    NO,
    NO_VALUES,
    ONE_VALUE,
    OPERATORS,
    OWNER,
    PLACE,
    PLACES,
    YES,
    Action,
    Condition,
    Do,
    Kind,
    Known,
    Operator,
    TaskIs,
    Unit,
    When,
    day,
    known,
    number,
    settable,
)

MOST_CONDITIONS, MOST_ACTIONS, MOST_VALUES = 20, 10, 50
LONGEST_NAME, LONGEST_VALUE, LONGEST_TEXT = 200, 200, 500
MOST_HOURS, MOST_DAYS, MOST_PER_HOUR = 24 * 90, 3650, 10_000
_MOST = MappingProxyType({Unit.HOURS: MOST_HOURS, Unit.DAYS: MOST_DAYS})


@dataclass(frozen=True, slots=True)
class Draft:
    """A rule as somebody writes it: read, and fit to be kept."""

    name: str
    when: When
    after: int = 0
    conditions: tuple[Condition, ...] = ()
    actions: tuple[Action, ...] = ()
    per_hour: int = 100


class DraftError(UserError):
    """A rule cannot be kept like this; `field` is the row at fault, such as `c-0-value`, `values` what its words name."""

    def __init__(self, message: str, error_id: str, field: str, **values: object) -> None:
        super().__init__(message, error_id=error_id, field=field)
        self.values = values


def read(given: Mapping[str, Any], fields: Fields) -> Draft:
    """Return a rule as it is kept.

    Args:
        given: name, asks, after, conditions, actions and per_hour, as JSON can say them; of any shape.

    Raises:
        DraftError: something of it cannot be.
    """
    name = _line(given.get("name"))
    if not name:
        raise DraftError("Give the rule a name.", "rule_name", "name")
    if len(name) > LONGEST_NAME:
        raise DraftError(f"A name has at most {LONGEST_NAME} characters.", "rule_name_long", "name", most=LONGEST_NAME)
    when = _word(When, given.get("asks"), "rule_when", "asks")
    unit = MOMENTS[when].unit
    after = _whole(given.get("after"), "after", _MOST[unit]) if unit else 0
    per_hour = _whole(given.get("per_hour") or 100, "per_hour", MOST_PER_HOUR)
    conditions = _some(given.get("conditions"), MOST_CONDITIONS, "conditions")
    actions = _some(given.get("actions"), MOST_ACTIONS, "actions")
    if not actions:
        raise DraftError("Say what the rule does.", "rule_no_action", "actions")
    may_ask = known(when, fields)
    return Draft(
        name,
        when,
        after,
        tuple(_condition(one, may_ask, f"c-{at}") for at, one in enumerate(conditions)),
        tuple(_action(one, fields, f"a-{at}") for at, one in enumerate(actions)),
        per_hour,
    )


def _line(given: Any) -> str:
    return " ".join("" if given is None else str(given).replace("\0", "").split())


def _some(given: Any, most: int, what: str) -> list[Mapping[str, Any]]:
    rows = [one for one in given if isinstance(one, Mapping)] if isinstance(given, list | tuple) else []
    if len(rows) > most:
        raise DraftError(f"There are at most {most} {what}.", "rule_too_many", what, most=most)
    return rows


def _word(kind: Any, given: Any, error_id: str, where: str) -> Any:
    try:
        return kind(str(given))
    except ValueError:
        raise DraftError("Choose one of the list.", error_id, where) from None


def _whole(given: Any, where: str, most: int, *, least: int = 1) -> int:
    found = number(given if given is not None else "")
    if found is None or found != found.to_integral_value() or not least <= found <= most:
        raise DraftError(f"Write a whole number from {least} to {most}.", "rule_whole", where, least=least, most=most)
    return int(found)


def _condition(given: Mapping[str, Any], may_ask: Mapping[str, Known], where: str) -> Condition:
    one = may_ask.get(str(given.get("field") or ""))
    if one is None:
        raise DraftError("Choose a field.", "rule_field", f"{where}-field")
    operator = _word(Operator, given.get("operator"), "rule_operator", f"{where}-operator")
    if operator not in OPERATORS[one.kind]:
        raise DraftError("This field cannot be asked that.", "rule_operator", f"{where}-operator")
    if operator in NO_VALUES:
        return Condition(one.name, operator)
    values = _values(given.get("values"), f"{where}-value")
    if operator in ONE_VALUE and len(values) > 1:
        raise DraftError("Write one value.", "rule_one_value", f"{where}-value")
    for value in values:
        _must_fit(one, value, f"{where}-value")
    return Condition(one.name, operator, values)


def _values(given: Any, where: str) -> tuple[str, ...]:
    raw = given if isinstance(given, list | tuple) else [given]
    values = tuple(dict.fromkeys(text for one in raw if (text := _line(one))))
    if not values:
        raise DraftError("Write what it is compared with.", "rule_value", where)
    if len(values) > MOST_VALUES or any(len(one) > LONGEST_VALUE for one in values):
        raise DraftError(
            f"At most {MOST_VALUES} values of {LONGEST_VALUE} characters.", "rule_values", where, most=MOST_VALUES,
            longest=LONGEST_VALUE,
        )  # fmt: skip
    return values


def _must_fit(one: Known, value: str, where: str) -> None:
    match one.kind:
        case Kind.NUMBER if number(value) is None:
            raise DraftError("This is no number.", "rule_number", where)
        case Kind.DAY if day(value) is None:
            raise DraftError("This is no day, such as 2026-11-24.", "rule_day", where)
        case Kind.YES_NO if value not in {YES, NO}:
            raise DraftError("Choose one of the list.", "rule_value", where)
        case Kind.CHOICE | Kind.CHOICES if value not in one.options:
            raise DraftError("Choose one of the list.", "rule_value", where)


def _action(given: Mapping[str, Any], fields: Fields, where: str) -> Action:
    do = _word(Do, given.get("do"), "rule_do", f"{where}-do")
    has = HAS[do]
    found: dict[str, Any] = {}
    if "to" in has:
        found["to"] = _people(given.get("to"), do, f"{where}-to")
    if "text" in has:
        found["text"] = _text(given.get("text"), f"{where}-text")
    if do is Do.TASK:
        found["kind"] = str(_word(TaskIs, given.get("kind"), "rule_task", f"{where}-kind"))
        hours = given.get("hours")
        found["hours"] = _whole(24 if hours is None else hours, f"{where}-hours", MOST_HOURS, least=0)
    if do is Do.FIELD:
        found |= _filling(given, fields, where)
    if do is Do.WEBHOOK:
        found["endpoint"] = _id(given.get("endpoint") or "", f"{where}-endpoint")
    return Action(do, **found)


def _people(given: Any, do: Do, where: str) -> tuple[str, ...]:
    raw = given if isinstance(given, list | tuple) else [given]
    some = tuple(dict.fromkeys(str(one) for one in raw if one))
    if not some:
        raise DraftError("Choose a colleague.", "rule_to", where)
    if len(some) > (MOST_VALUES if do in {Do.MAIL, Do.NOTICE} else 1):
        raise DraftError("Choose one colleague.", "rule_to_one", where)
    words = set() if do is Do.ASSIGN else {OWNER, EVERYBODY}
    return tuple(one if one in words else _id(one, where) for one in some)


def _id(given: Any, where: str) -> str:
    try:
        return str(UUID(str(given))) if given else ""
    except ValueError:
        raise DraftError("Choose one of the list.", "rule_value", where) from None


def _text(given: Any, where: str) -> str:
    text = _line(given)
    if not text:
        raise DraftError("Write what it says.", "rule_text", where)
    if len(text) > LONGEST_TEXT:
        raise DraftError(f"At most {LONGEST_TEXT} characters.", "rule_text_long", where, most=LONGEST_TEXT)
    unknown = next((name for name in PLACE.findall(text) if name not in PLACES), None)
    if unknown is not None:
        raise DraftError(f"There is nothing called {{{unknown[:40]}}}.", "rule_place", where, name=unknown[:40])
    return text


def _filling(given: Mapping[str, Any], fields: Fields, where: str) -> dict[str, Any]:
    one = settable(fields).get(str(given.get("field") or ""))
    if one is None:
        raise DraftError("Choose a field.", "rule_field", f"{where}-field")
    value = given.get("value")
    if one.type is Type.BOOLEAN:
        if value not in {YES, NO}:
            raise DraftError("Choose one of the list.", "rule_value", f"{where}-value")
    elif value not in {option.value for option in one.options if not option.is_archived}:
        raise DraftError("Choose one of the list.", "rule_value", f"{where}-value")
    return {"field": one.name, "value": value}
