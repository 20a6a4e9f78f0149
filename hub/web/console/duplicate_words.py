"""Why two customers may be one, in words: each code of a reason with what belongs into its sentence."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from flask_babel import LazyString, lazy_gettext
from markupsafe import Markup, escape

from hub.identity.partition_pairs import Why
from hub.web.jinja import bidi

# What a reason is called by itself, where several pairs have it.
TITLES: Mapping[str, LazyString] = MappingProxyType(
    {
        Why.SAME_RECORD: lazy_gettext("The same source record"),
        Why.SAME_TAX_ID: lazy_gettext("The same tax number"),
        Why.SAME_EMAIL: lazy_gettext("The same e-mail"),
        Why.SIMILAR_EMAIL: lazy_gettext("The same mailbox, written in two ways"),
        Why.SAME_MOBILE: lazy_gettext("The same mobile number"),
        Why.SAME_LINE: lazy_gettext("The same fixed line"),
        Why.SAME_DOMAIN: lazy_gettext("E-mails of the same company"),
        Why.SAME_ROLE_MAILBOX: lazy_gettext("The same mailbox of several people"),
        Why.SAME_UNASSIGNED_NUMBER: lazy_gettext("The same number, which is not a valid one"),
        Why.SAME_COMPANY: lazy_gettext("The same company"),
        Why.SAME_BIRTH_DATE: lazy_gettext("The same birth date"),
        Why.SAME_ADDRESS: lazy_gettext("The same address"),
        Why.NAMES_AGREE: lazy_gettext("Names agree"),
        Why.NAMES_NEAR: lazy_gettext("Names are near"),
        Why.NAMES_DIFFER: lazy_gettext("Names differ"),
        Why.OTHER_SCRIPT: lazy_gettext("Names in two scripts that do not sound alike"),
        Why.NO_NAME: lazy_gettext("One of them has no name"),
        Why.SEVERAL_OWNERS: lazy_gettext("Several people have this number or address"),
        Why.SEVERAL_FIT: lazy_gettext("Several customers fit"),
        Why.LONG_SILENCE: lazy_gettext("A long time between the two: the number may have another owner"),
        Why.PERSON_AND_COMPANY: lazy_gettext("A person and a company"),
        Why.SAID_SAME: lazy_gettext("Somebody said that they are the same"),
        Why.NOT_SAME: lazy_gettext("Somebody said that they are not the same"),
        Why.TWO_TAX_IDS: lazy_gettext("Two different tax numbers"),
        Why.TWO_BIRTH_DATES: lazy_gettext("Two different birth dates"),
        Why.TWO_REMOTE_IDS: lazy_gettext("Two records of one connection"),
        Why.TOO_MANY_RECORDS: lazy_gettext("Together they would have very many source records"),
        Why.TOO_MANY_VALUES: lazy_gettext("Together they would have very many numbers or addresses"),
        Why.NAMES_IN_CONFLICT: lazy_gettext("Their names speak against it"),
        Why.ANSWERS_IN_CONFLICT: lazy_gettext("Answers of people contradict each other"),
    }
)
AGAINST = frozenset({
    Why.NAMES_DIFFER, Why.OTHER_SCRIPT, Why.NO_NAME, Why.SEVERAL_OWNERS, Why.SEVERAL_FIT, Why.LONG_SILENCE,
    Why.PERSON_AND_COMPANY, Why.NOT_SAME, Why.TWO_TAX_IDS, Why.TWO_BIRTH_DATES, Why.TWO_REMOTE_IDS,
    Why.TOO_MANY_RECORDS, Why.TOO_MANY_VALUES, Why.NAMES_IN_CONFLICT, Why.ANSWERS_IN_CONFLICT,
})  # fmt: skip
_PERCENT = lazy_gettext("Names agree by %(percent)s %%")
_NEAR = lazy_gettext("Names are near, by %(percent)s %%")
_SEVERAL = lazy_gettext("%(count)s people have this number or address")
_SLIP = lazy_gettext("%(title)s, but for a slip: %(one)s and %(other)s")
_TWO = lazy_gettext("%(title)s: %(one)s and %(other)s")
_WITH_TWO = frozenset({Why.TWO_TAX_IDS, Why.TWO_BIRTH_DATES})


def title(code: str) -> str | LazyString:
    """Return what a reason is called; of one that is newer than this list, its code."""
    return TITLES.get(code, code)


def reason(code: str, values: Sequence[Any]) -> Markup:
    """Return the sentence of a reason; names and numbers in it keep their direction."""
    if code in {Why.NAMES_AGREE, Why.NAMES_NEAR} and values and (percent := _percent(values[0])):
        return escape(_PERCENT if code == Why.NAMES_AGREE else _NEAR) % {"percent": percent}
    if code == Why.SEVERAL_OWNERS and len(values) == 1:
        return escape(_SEVERAL) % {"count": bidi(values[0], ltr=True)}
    if code in {Why.SAME_TAX_ID, Why.SAME_BIRTH_DATE} | _WITH_TWO and len(values) == len("ab"):
        sentence = _TWO if code in _WITH_TWO else _SLIP
        one, other = (bidi(value, ltr=True) for value in values)
        return escape(sentence) % {"title": title(code), "one": one, "other": other}
    return escape(title(code))


def _percent(agreement: object) -> str:
    """Return how far names agree; empty where that is no number."""
    try:
        return str(round(float(str(agreement)) * 100))
    except (ValueError, OverflowError):
        return ""
