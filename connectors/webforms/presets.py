"""What each program posts, as a lead. Their shapes are their own; everything else is the same for all.

Sources: https://www.typeform.com/developers/webhooks/example-payload/, https://tally.so/help/webhooks,
https://developers.google.com/google-ads/webhook/docs/implementation,
https://developers.elementor.com/docs/forms/, https://contactform7.com/docs/
"""

from collections.abc import Callable, Mapping
from typing import Any

from connectors.webforms.lead import Lead, take_id
from connectors.webforms.settings import Preset, Proof, WebFormsSettings
from hub.connector.fields import Fields, flat, is_form, read_form, read_json, text_of
from hub.connector.hook import Hook
from hub.errors import ShapeError

_LONGEST_NUMBER = 100
Read = Callable[[WebFormsSettings, Hook], Lead]


def read(settings: WebFormsSettings, hook: Hook) -> Lead:
    """Return the lead that a call brings.

    Raises:
        ShapeError: it is not what this program sends.
    """
    return _PRESETS.get(settings.preset, _own)(settings, hook)


def is_trapped(settings: WebFormsSettings, hook: Hook) -> bool:
    """Say whether the hidden field was filled in, as only robots do. Programs with forms of their own have their own traps.

    Raises:
        ShapeError: it is not what this program sends.
    """
    name = settings.trap_field
    if not name or settings.preset in {Preset.TYPEFORM, Preset.TALLY, Preset.GOOGLE_ADS}:
        return False
    fields = _fields(hook)
    names = (name, f"fields[{name}][value]", f"fields.{name}.value")
    return any(value.strip() for one in names for value in fields.get(one, ()))


def _fields(hook: Hook) -> Fields:
    return read_form(hook) if is_form(hook) else flat(read_json(hook))


def _own(settings: WebFormsSettings, hook: Hook) -> Lead:
    """Read any fields, those of inner objects too."""
    fields = _fields(hook)
    page_id = take_id(fields, settings.id_field)
    lead = Lead(page_id=hook.headers.get("idempotency-key", "") or page_id)
    if settings.proved_by is Proof.STANDARD:  # the id is signed, and the same when it is sent again
        lead.remote_id = hook.headers.get("webhook-id", "")
    fields.pop(settings.trap_field, None)
    lead.add(fields, agreements=settings.agreements)
    return lead


_ELEMENTOR_TYPES = {"email": "email", "tel": "phone_number", "url": "website"}


def _elementor(settings: WebFormsSettings, hook: Hook) -> Lead:
    """Elementor posts labels as names, or, with its advanced data, `fields[ID][title|value]` and `form[name]`."""
    lead, questions, rest = Lead(), dict[str, dict[str, list[str]]](), Fields()
    for name, values in _fields(hook).items():
        ways = tuple(name.replace("]", "").split("[") if "[" in name else name.split("."))
        match ways:
            case ("fields", key, "raw_value", _):  # of boxes, each by itself
                questions.setdefault(key, {}).setdefault("raw_value", []).extend(values)
            case ("fields", key, what):
                questions.setdefault(key, {})[what] = values
            case ("form", "name" | "id" as what):
                lead.facts[f"form_{what}"] = "".join(values[:1])
            case ("meta", "page_url", "value"):
                lead.origin("page_url", values)
            case ("form" | "meta", *_):
                pass  # its own: browser, time, software
            case _:
                rest[name] = values
    rest.pop(settings.trap_field, None)
    questions.pop(settings.trap_field, None)
    for key, one in questions.items():
        values, label = one.get("raw_value") or one.get("value") or [], "".join(one.get("title", [])[:1])
        kind = "".join(one.get("type", [])[:1])
        if key in settings.agreements or kind == "acceptance":
            lead.agree(key, values, label)
        elif not lead.origin(key, values):
            lead.answer(key, values, label=label, type=_ELEMENTOR_TYPES.get(kind, ""))
    lead.add(rest, agreements=settings.agreements)
    return lead


def _cf7(settings: WebFormsSettings, hook: Hook) -> Lead:
    """Contact Form 7: names of its tags; what begins with `_wpcf7` is its own."""
    fields, lead = _fields(hook), Lead()
    own = {name: values for name, values in fields.items() if name.startswith("_wpcf7")}
    if own.get("_wpcf7"):
        lead.facts["form_id"] = own["_wpcf7"][0]
    rest = {name: values for name, values in fields.items() if name not in own and name != settings.trap_field}
    lead.page_id = take_id(rest, settings.id_field)
    lead.add(rest, agreements=settings.agreements)
    return lead


def _typeform(settings: WebFormsSettings, hook: Hook) -> Lead:
    told = read_json(hook)
    answered = _object(told, "form_response")
    form = _part(answered, "definition")
    questions = {str(one.get("id")): one for one in _objects(form.get("fields"))}
    lead = Lead(remote_id=text_of(answered.get("token") or told.get("event_id")))
    lead.facts |= {
        "form_id": text_of(answered.get("form_id")), "form_name": text_of(form.get("title")),
        "created_at": text_of(answered.get("submitted_at")),
    }  # fmt: skip
    for one in _objects(answered.get("answers")):
        asked = _part(one, "field")
        name = text_of(asked.get("ref") or asked.get("id"))
        title = text_of(questions.get(str(asked.get("id")), {}).get("title"))
        values = _typeform_values(one)
        if name in settings.agreements or asked.get("type") == "legal":
            lead.agree(name, values, title)
        else:
            kind = text_of(asked.get("type"))
            lead.answer(name, values, label=title, type=kind if kind in {"email", "phone_number", "website"} else "")
    hidden = answered.get("hidden")
    lead.add({}, hidden={key: text_of(value) for key, value in hidden.items()} if isinstance(hidden, dict) else {})
    return lead


def _typeform_values(answer: Mapping[str, Any]) -> list[str]:
    value = answer.get(str(answer.get("type")))
    if isinstance(value, dict):  # a choice, several, or something else such as a payment
        several = value.get("labels")
        chosen = several if isinstance(several, list) else [value.get("label")]
        return [text_of(one) for one in [*chosen, value.get("other")] if one] or [text_of(value)]
    return [] if value is None else [text_of(value)]


def _tally(settings: WebFormsSettings, hook: Hook) -> Lead:
    data = _object(read_json(hook), "data")
    lead = Lead(remote_id=text_of(data.get("responseId") or data.get("submissionId")))
    lead.facts |= {
        "form_id": text_of(data.get("formId")), "form_name": text_of(data.get("formName")),
        "created_at": text_of(data.get("createdAt")),
    }  # fmt: skip
    kinds = {"INPUT_EMAIL": "email", "INPUT_PHONE_NUMBER": "phone_number", "INPUT_LINK": "website"}
    asked = _objects(data.get("fields"))
    # Of each box Tally sends besides the question a field that says true or false.
    boxes = {
        f"{text_of(one.get('key'))}_{text_of(option.get('id'))}"
        for one in asked
        for option in _objects(one.get("options"))
    }
    for one in asked:
        key, label, value = text_of(one.get("key")), text_of(one.get("label")), one.get("value")
        names = {text_of(option.get("id")): text_of(option.get("text")) for option in _objects(one.get("options"))}
        values = (
            [text_of(each) for each in value] if isinstance(value, list) else [] if value is None else [text_of(value)]
        )
        shown = [names.get(each, each) for each in values]
        if key in settings.agreements or label in settings.agreements:
            is_box = one.get("type") == "CHECKBOXES" and len(names) == 1
            lead.agree(key, [str(bool(values))] if is_box else shown, label)
        elif key not in boxes and (one.get("type") != "HIDDEN_FIELDS" or not lead.origin(label, values)):
            lead.answer(
                key, values, label=label, type=kinds.get(str(one.get("type")), ""), shown=shown if names else [],
                options=[each for each in values if each in names],
            )  # fmt: skip
    return lead


def _google_ads(settings: WebFormsSettings, hook: Hook) -> Lead:
    told = read_json(hook)
    lead = Lead(remote_id=text_of(told.get("lead_id")))
    columns = told.get("user_column_data")
    if not isinstance(columns, list):
        raise ShapeError("user_column_data is missing")
    for one in _objects(columns):
        name = text_of(one.get("column_id") or one.get("column_name"))
        label, values = text_of(one.get("column_name")), [text_of(one.get("string_value"))]
        if name in settings.agreements:
            lead.agree(name, values, label)
        else:
            lead.answer(name, values, label=label, type=name)
    lead.facts |= {
        "platform": "google", "form_id": _number(told.get("form_id")), "campaign_id": _number(told.get("campaign_id")),
        "adset_id": _number(told.get("adgroup_id")), "ad_id": _number(told.get("creative_id")),
        "is_test": told.get("is_test") is True,
    }  # fmt: skip
    if gclid := text_of(told.get("gcl_id")):
        lead.click_ids["gclid"] = gclid
    return lead


def _number(value: Any) -> str:
    """Return an id; a test has 0 in its place."""
    return "" if value in (None, 0, "0") else text_of(value)[:_LONGEST_NUMBER]


def _object(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    if not isinstance(found, dict):
        raise ShapeError(f"{name} is missing")
    return found


def _part(told: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = told.get(name)
    return found if isinstance(found, dict) else {}


def _objects(value: Any) -> list[dict[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


_PRESETS: Mapping[Preset, Read] = {
    Preset.ELEMENTOR: _elementor, Preset.CF7: _cf7, Preset.TYPEFORM: _typeform, Preset.TALLY: _tally,
    Preset.GOOGLE_ADS: _google_ads,
}  # fmt: skip
