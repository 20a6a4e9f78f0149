"""What the mapping of leads cannot say in a path: what was answered, what was agreed to, where it came from.

A form's questions say what an answer is, by type, whatever their keys: those of hand-made forms are in any script, those
that programs made are arbitrary. Everything that was answered is kept, in the form's order, also what no question knows.
Sources: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving,
https://developers.facebook.com/docs/graph-api/reference/page/leadgen_forms
"""

import hashlib
import json
import unicodedata
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

# What Meta's testing page sends in place of answers.
TEST_TEXT, TEST_EMAIL = "<test lead: dummy data for", "test@meta.com"
_PLATFORMS = {"facebook": "fb", "instagram": "ig"}
_UTM = ("source", "medium", "campaign", "term", "content")
_CLICKS = ("gclid", "fbclid", "fbp", "fbc")
# What makes a form another one; its name does not, and may change.
_TEXT = ("id", "locale", "questions", "legal_content", "privacy_policy_url")
_OWN = "CUSTOM"  # the type of a question that the advertiser worded

Json = Mapping[str, Any]


def answers(payload: Any) -> list[dict[str, Any]]:
    """Return what was answered, each with its question, as far as the form tells."""
    given = _given(payload)
    questions = _questions(payload)
    order = {id(question): place for place, question in enumerate(questions)}
    found = [(_question(str(one.get("name") or ""), questions), one) for one in given]
    found.sort(
        key=lambda pair: order.get(id(pair[0]), len(order))
    )  # stable: what no question knows stays last, as it came
    return [_answer(question, one) for question, one in found]


def consents(payload: Any) -> list[dict[str, Any]]:
    """Return every box of consent, ticked or not; None: nothing was said about it, which is no consent."""
    form = _dict(_dict(payload).get("form"))
    legal = _dict(form.get("legal_content"))
    disclaimer = _dict(legal.get("custom_disclaimer"))
    url = _text(form.get("privacy_policy_url")) or _text(_dict(legal.get("privacy_policy")).get("url"))
    responses = {
        _text(one.get("checkbox_key")): one for one in _dicts(_lead(payload).get("custom_disclaimer_responses"))
    }
    responses.pop("", None)
    above = [_text(disclaimer.get("title")), _body(disclaimer.get("body"))]
    same = {"url": url, "version": _version(form)}
    found = []
    for box in _dicts(disclaimer.get("checkboxes")):
        key = _text(box.get("key")) or _text(box.get("id"))
        text = "\n".join(part for part in (*above, _text(box.get("text"))) if part)
        checked = _checked(responses.pop(key, {}).get("is_checked"))
        found.append({"key": key, "text": text, "required": box.get("is_required") is True, "checked": checked, **same})
    # A response whose box the form does not show us: what was agreed to is not known, that something was is.
    found += [
        {"key": key, "text": "", "required": False, "checked": _checked(one.get("is_checked")), **same}
        for key, one in responses.items()
    ]
    return found


def is_test(payload: Any) -> bool:
    """Say whether nobody sent it: Meta lists it as a test, or its testing page made the answers."""
    if _dict(payload).get("test") is True:
        return True
    values = [value for one in _given(payload) for value in _values(one)]
    return any(value.startswith(TEST_TEXT) or value.strip().lower() == TEST_EMAIL for value in values)


def organic(payload: Any) -> bool | None:
    """Say whether no advertisement brought it; None: Meta does not say, so it is not known."""
    told = _lead(payload).get("is_organic")
    return told if isinstance(told, bool) else None


def platform(payload: Any) -> str:
    """Return `fb` or `ig`; of what Meta may add, its own word."""
    told = _text(_lead(payload).get("platform")).strip().lower()
    return _PLATFORMS.get(told, told)


def language(payload: Any) -> str:
    """Return the language of a form, such as `he` of HE_IL."""
    told = _text(_dict(_dict(payload).get("form")).get("locale"))
    return told.replace("-", "_").partition("_")[0].lower()


def created(payload: Any) -> datetime | None:
    """Return when it was sent; None where that cannot be read: then it counts from when it came."""
    told = _lead(payload).get("created_time")
    try:
        if isinstance(told, str) and not told.isdecimal():
            moment = datetime.fromisoformat(told)
            return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
        return datetime.fromtimestamp(int(told), UTC) if told else None
    except (ValueError, TypeError, OverflowError, OSError):
        return None


def utm(payload: Any) -> dict[str, str]:
    """Return the marks of a campaign that the form carries along, without `utm_`."""
    told = _tracking(payload)
    return {name: told[f"utm_{name}"] for name in _UTM if told.get(f"utm_{name}")}


def click_ids(payload: Any) -> dict[str, str]:
    """Return the marks of a click that the form carries along."""
    told = _tracking(payload)
    return {name: value for name in _CLICKS if (value := told.get(name) or told.get(f"_{name}"))}


def page_url(payload: Any) -> str:
    """Return the page that a form carries along; mostly there is none."""
    told = _tracking(payload)
    return told.get("page_url") or told.get("landing_page") or ""


TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "facebook_answers": answers,
        "facebook_click_ids": click_ids,
        "facebook_consents": consents,
        "facebook_created": created,
        "facebook_is_test": is_test,
        "facebook_language": language,
        "facebook_organic": organic,
        "facebook_page_url": page_url,
        "facebook_platform": platform,
        "facebook_utm": utm,
    }
)


# --- answers ------------------------------------------------------------------------------------------------------


def _answer(question: Json, given: Json) -> dict[str, Any]:
    values = _values(given)
    options = {_text(one.get("key")): _text(one.get("value")) for one in _dicts(question.get("options"))}
    chosen = [_chosen(value, options) for value in values]
    name = str(given.get("name") or "")
    return {
        "key": name,
        "type": _text(question.get("type")).upper(),
        "label": _text(question.get("label")) or name,
        "values": values,
        # The key of a choice stands for what the person saw; what is no key is what the person saw.
        "shown": [options.get(key) or value for key, value in zip(chosen, values, strict=True)],
        "options": [key for key in chosen if key],
    }


def _chosen(value: str, options: Mapping[str, str]) -> str:
    """Return the key of the choice that a value is, be it told by its key or as it was shown; empty: it is none."""
    if not value or value in options:
        return value
    wanted = _loose(value)
    return next((key for key, shown in options.items() if wanted in (_loose(key), _loose(shown))), "")


def _question(name: str, questions: Sequence[Json]) -> Json:
    """Return the question of an answer; by its key as it is, then without regard to case and composition, then by its type."""
    wanted = _loose(name)
    tests: Sequence[Callable[[Json], bool]] = (
        lambda one: _text(one.get("key")) == name,
        lambda one: bool(wanted) and _loose(_text(one.get("key"))) == wanted,
        # Questions that Meta itself words may come without a key: their type is their name.
        lambda one: not one.get("key") and _loose(_text(one.get("type"))) == wanted != _loose(_OWN),
        lambda one: bool(name) and _text(one.get("id")) == name,
    )
    return next((one for test in tests for one in questions if test(one)), {})


def _given(payload: Any) -> list[Json]:
    return _dicts(_lead(payload).get("field_data"))


def _questions(payload: Any) -> list[Json]:
    return _dicts(_dict(_dict(payload).get("form")).get("questions"))


def _values(given: Json) -> list[str]:
    """Return the values as they were sent; of an answer without values, none."""
    told = given.get("values")
    listed = told if isinstance(told, list) else [] if told is None else [told]
    return [one if isinstance(one, str) else json.dumps(one, ensure_ascii=False) for one in listed if one is not None]


def _tracking(payload: Any) -> dict[str, str]:
    """Return what a form carries along: as it was set up, and as the lead brought it."""
    told = _dict(_dict(payload).get("form")).get("tracking_parameters")
    pairs: Iterator[tuple[Any, Any]] = iter(told.items()) if isinstance(told, dict) else _pairs(told)
    found = {key.lower(): value for key, value in pairs if isinstance(key, str) and isinstance(value, str)}
    for one in _given(payload):
        name, values = str(one.get("name") or "").lower(), _values(one)
        if values and (name.startswith("utm_") or name.lstrip("_") in _CLICKS or name in found):
            found[name] = values[0]
    return found


def _pairs(told: Any) -> Iterator[tuple[Any, Any]]:
    for one in _dicts(told):
        yield one.get("key") or one.get("name"), one.get("value")


# --- consents -----------------------------------------------------------------------------------------------------


def _checked(told: Any) -> bool | None:
    """Read `1` or nothing, which Meta writes as text; anything else says neither yes nor no."""
    if isinstance(told, bool):
        return told
    return {"1": True, "true": True, "": False, "0": False, "false": False}.get(told) if isinstance(told, str) else None


def _body(told: Any) -> str:
    """Return the text above the boxes, which was seen as text and as an object."""
    return _text(told) or _text(_dict(told).get("text"))


def _version(form: Json) -> str:
    """Return a hash of what was shown; two forms that say the same to the same people are one."""
    written = json.dumps({name: form.get(name) for name in _TEXT}, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(written.encode()).hexdigest()


# --- shapes -------------------------------------------------------------------------------------------------------


def _lead(payload: Any) -> Json:
    return _dict(_dict(payload).get("lead"))


def _dict(value: Any) -> Json:
    return value if isinstance(value, dict) else {}


def _dicts(value: Any) -> list[Json]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _loose(text: str) -> str:
    """Return a key for comparing only; what was written is kept as it is."""
    return unicodedata.normalize("NFC", text).casefold()
