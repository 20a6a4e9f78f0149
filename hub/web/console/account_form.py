"""The form of a connection, made of its connector's settings model; and what was typed, made values of it again."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from flask_babel import gettext as _
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from werkzeug.datastructures import MultiDict

from hub.connector.contract import Connector
from hub.intake.accounts import secret_names

SHOWN = 3  # settings that are in sight even if nothing must be typed
_TYPED = "s-"  # before each setting's name in the form, so that no setting collides with the form's own fields
_CLEAR = "clear-"
# What lets us in, under the names that connectors give it: in sight where nothing says that it must be typed, since one
# way in or another must be.
_LETS_IN = frozenset({
    "company", "user", "username", "password", "token", "api_key", "api_token", "certificate", "verify_token",
    "given", "secrets",
})  # fmt: skip
# Said in the description of what nobody types who connects for the first time.
_SELDOM = ("only from the command line", "for tests only", "for a test server", "where links to documents begin")


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the form."""

    name: str
    title: str
    hint: str
    kind: str  # text, password, secret_text, number, check, lines, choice
    value: str
    required: bool
    whole: bool = False  # numbers: no fraction
    options: tuple[str, ...] = ()
    is_set: bool = False  # secrets: there is one
    can_forget: bool = False
    error: str = ""
    focus: bool = False  # the first one at fault
    first: bool = True  # in sight at once; the others are folded under "More settings"


def settings_of(
    connector: Connector[Any],
    values: Mapping[str, Any],
    *,
    set_secrets: Collection[str] = (),
    wrong: str = "",
    error: str = "",
    missing: Collection[str] = (),
) -> list[Setting]:
    """Return the lines of the form; `wrong` names the setting at fault, `error` says why, `missing` must be filled in."""
    secret = secret_names(connector)
    fields = connector.settings.model_fields
    faults = {**dict.fromkeys(missing, _("Fill this in.")), **({wrong.partition(".")[0]: error} if error else {})}
    at_fault = [name for name in fields if faults.get(name)]
    sight = _in_sight(connector)
    return [
        Setting(
            name=_TYPED + name,
            title=_(field.title or name),
            hint=_(field.description) if field.description else "",
            kind=_kind(name, field, is_secret=name in secret),
            value="" if name in secret else _shown(values.get(name, _default(field))),
            required=field.is_required() and name not in set_secrets,
            whole=int in _types(field.annotation),
            options=_options(field.annotation),
            is_set=name in set_secrets,
            can_forget=name in set_secrets and not field.is_required(),
            error=faults.get(name, ""),
            focus=at_fault[:1] == [name],
            first=name in sight or name in set_secrets or name in at_fault,
        )
        for name, field in fields.items()
    ]


def missing(connector: Connector[Any], values: Mapping[str, Any]) -> list[str]:
    """Return the settings that must be filled in and are not."""
    fields = connector.settings.model_fields.items()
    return [name for name, field in fields if field.is_required() and values.get(name, "") in ("", [])]


def _in_sight(connector: Connector[Any]) -> set[str]:
    """Return the settings that whoever connects for the first time looks at."""
    fields = connector.settings.model_fields
    required = {name for name, field in fields.items() if field.is_required()}
    seldom = {
        name for name, field in fields.items() if any(one in (field.description or "").lower() for one in _SELDOM)
    }
    likely = [name for name in fields if name not in seldom]
    is_open = not required & secret_names(connector)  # nothing says which way in is taken
    return required | set(likely[:SHOWN]) | (set(likely) & _LETS_IN if is_open else set())


def typed(connector: Connector[Any], form: MultiDict[str, str], kept: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings as typed; what is as by default is left out.

    `kept` has the secrets to take where nothing was typed: typed before, or MASK for one that is stored.
    """
    secret = secret_names(connector)
    values: dict[str, Any] = {}
    for name, field in connector.settings.model_fields.items():
        text = form.get(_TYPED + name, "").replace("\r\n", "\n").strip()
        if name in secret:
            if text:
                values[name] = text
            elif name in kept:
                values[name] = "" if _CLEAR + _TYPED + name in form else kept[name]
        elif _kind(name, field, is_secret=False) == "check":
            values[name] = _TYPED + name in form
        elif _is_list(field.annotation):
            values[name] = [line.strip() for line in text.split("\n") if line.strip()]
        elif text or field.is_required():
            values[name] = text
        if name in values and name not in secret and _shown(values[name]) == _shown(_default(field)):
            del values[name]
        elif _TYPED + name in form and not text and _is_text(field.annotation) and _shown(_default(field)):
            values[name] = ""  # emptied on purpose
    return values


def _kind(name: str, field: FieldInfo, *, is_secret: bool) -> str:
    types = _types(field.annotation)
    hint = (field.description or "").lower()
    # "One per line", "PEM text" and "JSON file" in the description tell that one line would not do.
    long = any(word in hint for word in ("per line", "each line", "pem", "json file")) or _is_list(field.annotation)
    if is_secret:
        return "secret_text" if long or name.endswith("_key") else "password"
    if bool in types:
        return "check"
    if _options(field.annotation):
        return "choice"
    if int in types or float in types:
        return "number"
    return "lines" if long else "text"


def _types(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) in {Union, UnionType}:
        return tuple(one for one in get_args(annotation) if one is not NoneType)
    return (annotation,)


def _is_text(annotation: Any) -> bool:
    return str in _types(annotation)


def _is_list(annotation: Any) -> bool:
    return any((get_origin(one) or one) in {list, tuple, set, frozenset} for one in _types(annotation))


def _options(annotation: Any) -> tuple[str, ...]:
    """Return what is to be chosen from; the first one is empty where nothing need be chosen."""
    nothing = ("",) if NoneType in get_args(annotation) else ()
    for one in _types(annotation):
        if get_origin(one) is Literal:
            return (*nothing, *(str(value) for value in get_args(one)))
        if isinstance(one, type) and issubclass(one, Enum):
            return (*nothing, *(str(value.value) for value in one))
    return ()


def _default(field: FieldInfo) -> Any:
    value = field.get_default(call_default_factory=True) if not field.is_required() else ""
    return "" if value is PydanticUndefined or value is None or isinstance(value, SecretStr) else value


def _shown(value: Any) -> str:
    """Return the text that stands in the form."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, list | tuple | set | frozenset):
        return "\n".join(str(one) for one in value)
    if isinstance(value, Mapping):
        return "\n".join(f"{key}={one}" for key, one in value.items())
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)
