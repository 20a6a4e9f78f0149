"""What a rule says and what it did, in sentences. What it names is looked up once for a page."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask_babel import ngettext
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.fields import definitions
from hub.fields.definitions import Fields
from hub.rules import grammar
from hub.rules.grammar import FIELDS, About, Do, Kind, Known, Operator, When
from hub.security.models import User
from hub.web.console import rules_words
from hub.webhooks import endpoints

SHOWN = 5  # names of colleagues in one sentence


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence of our words and of others', which a page keeps apart: they may run the other way.

    Attributes:
        lead: whose field it is, or what is done.
        words: ours, such as what is asked; empty: none.
        parts: texts, values and names of others.
        found: what a condition found; empty: it says that itself.
    """

    lead: str
    words: str = ""
    parts: Sequence[str] = ()
    found: str = ""
    is_done: bool = True


@dataclass(frozen=True, slots=True)
class Naming:
    """What rules name: fields, everybody who ever worked here, and webhook endpoints, each by its id."""

    fields: Fields
    people: Mapping[str, str]
    endpoints: Mapping[str, str]

    def known(self, asks: str) -> Mapping[str, Known]:
        """Return the fields that a `when` may ask for."""
        return grammar.known(When(asks), self.fields)

    def conditions(self, asks: str, rows: Sequence[Mapping[str, Any]]) -> Sequence[Sentence]:
        """Return conditions in words; of those of a firing also what was found, where they do not say it themselves."""
        known = self.known(asks)
        return [_condition(one, known) for one in rows]

    def action(self, one: Mapping[str, Any]) -> Sentence:
        """Return an action in words."""
        do = Do(one["do"])
        parts = [str(one.get("text", "")), *self._more(do, one)]
        return Sentence(str(rules_words.DOS[do]), "", [part for part in parts if part])

    def _more(self, do: Do, one: Mapping[str, Any]) -> Sequence[str]:
        if do is Do.FIELD:
            return [self.filling(one["field"], one["value"])]
        if do is Do.WEBHOOK:
            return [self.endpoints.get(one["endpoint"], "")]
        kind = [str(rules_words.TASKS[one["kind"]])] if do is Do.TASK else []
        return [*kind, _several([str(rules_words.TO.get(who) or self.people.get(who, who)) for who in one["to"]])]

    def filling(self, name: str, value: str) -> str:
        """Return a customer's field and what it is filled with."""
        field = grammar.settable(self.fields).get(name)
        if field is None:
            return f"{name}: {value}"
        one = Known(f"{About.CUSTOMER}.{FIELDS}.{name}", Kind.CHOICE, (), field)
        return f"{rules_words.field_label(one.name, {one.name: one})}: {rules_words.option(field, value)}"

    def done(self, one: Mapping[str, Any]) -> Sentence:
        """Return what was done, or could not be, in words."""
        do = Do(one["do"])
        if error := one.get("error"):
            why = rules_words.NOT_DONE.get(error, rules_words.NOT_DONE["mistake"])
            return Sentence(str(rules_words.DOS[do]), str(why), is_done=False)
        parts = [self.filling(one["field"], one["value"])] if do is Do.FIELD else [_several(one.get("to", ()))]
        return Sentence(str(rules_words.DONE[do]), "", [part for part in parts if part])


def naming(session: Session) -> Naming:
    """Look up what rules name."""
    people = session.execute(select(User.public_id, User.name)).all()
    targets = {str(one.public_id): one.name for one in endpoints.listed(session)}
    return Naming(definitions.load(session), {str(row.public_id): row.name for row in people}, targets)


def _condition(one: Mapping[str, Any], known: Mapping[str, Known]) -> Sentence:
    field = known.get(one["field"])
    says_itself = one["operator"] == Operator.IS and len(one["values"]) == 1
    return Sentence(
        rules_words.field(one["field"], known),
        rules_words.operator(one["operator"], field.kind if field else None),
        [rules_words.value(one["field"], value, known) for value in one["values"]],
        rules_words.found(one["field"], one["found"], known)
        if one.get("found") is not None and not says_itself
        else "",
    )


def _several(names: Sequence[str]) -> str:
    if len(names) <= SHOWN:
        return ", ".join(names)
    rest = len(names) - SHOWN
    return f"{', '.join(names[:SHOWN])} {ngettext('and %(num)d more', 'and %(num)d more', rest)}"
