"""Read what a mapping made of a contact. An administrator may have written the mapping, so anything may come."""

import re
import unicodedata
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic_core import to_jsonable_python

from hub.errors import RecordError
from hub.identity.names import clean_name
from hub.records.party import Labelled, Party

LONGEST_LINE = 1_000
LONGEST_TEXT = 20_000
LONGEST_LIST = 100  # numbers, addresses or links of one contact
MOST_MORE = 50  # fields that an administrator added
_WEB = re.compile(r"https?://", re.IGNORECASE)
_DAY = re.compile(r"(?:\d{4}|-)-\d{2}-\d{2}")


def _listed(value: Any) -> Any:
    """Take nothing, one and several alike; a plain text is a value without a label."""
    many = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return [{"value": one} if isinstance(one, str) else one for one in many if one not in (None, "", {})]


class _Labelled(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)
    value: str | None = None
    label: str | None = None
    normal: str | None = None


_Many = Annotated[list[_Labelled], BeforeValidator(_listed)]
_Texts = Annotated[list[str], BeforeValidator(lambda value: value or [])]


class PartyFields(BaseModel):
    """What a mapping may make of a person or a company; other fields are kept as they are."""

    model_config = ConfigDict(extra="allow", coerce_numbers_to_str=True)
    remote_id: str = Field(min_length=1)
    kind: str | None = None  # person or company; nothing: it shows from the names
    name: str | None = None
    given: str | None = None
    family: str | None = None
    company: str | None = None
    job_title: str | None = None
    emails: _Many = Field(default_factory=list)
    phones: _Many = Field(default_factory=list)
    addresses: _Many = Field(default_factory=list)
    urls: _Many = Field(default_factory=list)
    tax_id: str | None = None
    tax_country: str | None = None
    birthday: str | None = None
    notes: str | None = None
    photo_url: str | None = None
    groups: _Texts = Field(default_factory=list)
    previous: _Texts = Field(default_factory=list)
    collected: bool | None = None
    updated_at: AwareDatetime | None = None
    rule: dict[str, str] | None = None  # of a field: see `claims`
    made_by: object = None  # which of our own writes made it; `link` looks at it


def said(values: Mapping[str, Any]) -> Party:
    """Return what a record says of a person or a company, fit to be kept and shown.

    Raises:
        RecordError: the mapping made something else of it.
    """
    # What a mapping found nothing for is most of what there can be.
    found = {name: value for name, value in values.items() if value is not None or name == "remote_id"}
    try:
        fields = PartyFields.model_validate(found)
    except ValidationError as error:
        wrong = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors()[:5])
        raise RecordError(f"what the mapping makes of it is no person or company: {wrong}") from error
    given, family = clean_name(fields.given or ""), clean_name(fields.family or "")
    name = clean_name(fields.name or "") or f"{given} {family}".strip()
    company = clean_name(fields.company or "")
    is_company = fields.kind == "company" or (not fields.kind and not name and bool(company))
    return Party(
        remote_id=fields.remote_id,
        is_company=is_company,
        name=(name or company) if is_company else name,
        given=given,
        family=family,
        company="" if is_company else company,
        job_title=line(fields.job_title),
        emails=_labelled(fields.emails),
        phones=_labelled(fields.phones),
        addresses=_labelled(fields.addresses),
        urls=tuple(one for one in _labelled(fields.urls) if _WEB.match(one.value)),
        tax_id=line(fields.tax_id),
        tax_country=line(fields.tax_country).upper()[:2],
        birthday=day[0] if (day := _DAY.fullmatch(line(fields.birthday))) else "",
        notes=_text(fields.notes),
        photo_url=url if (url := line(fields.photo_url)).startswith("https://") else "",
        groups=tuple(dict.fromkeys(line(one) for one in fields.groups[:LONGEST_LIST])),
        previous=tuple(one for one in fields.previous[:LONGEST_LIST] if one and one != fields.remote_id),
        collected=bool(fields.collected),
        updated_at=fields.updated_at,
        rule=fields.rule or {},
        more=_more(fields.model_extra or {}),
    )


def line(value: str | None) -> str:
    """Return one line of text without control and direction characters, as long as anybody reads."""
    if not value:
        return ""
    if value.isprintable():  # nearly every one is
        if value.isascii() and len(value) <= LONGEST_LINE and " " not in value:
            return value
        return " ".join(value[: 2 * LONGEST_LINE].split())[:LONGEST_LINE]
    kept = (" " if unicodedata.category(c) in {"Cc", "Zl", "Zp"} else c for c in value[: 2 * LONGEST_LINE])
    text = "".join(c for c in kept if unicodedata.category(c) not in {"Cf", "Cs"})
    return " ".join(text.split())[:LONGEST_LINE]


def _text(value: str | None) -> str:
    """Return several lines; what turns the direction of everything behind it goes."""
    if not value:
        return ""
    kept = (c for c in value[:LONGEST_TEXT] if c in "\n\t" or unicodedata.category(c) not in {"Cc", "Cf", "Cs"})
    return "".join(kept).strip()


def _labelled(given: list[_Labelled]) -> tuple[Labelled, ...]:
    found: dict[str, Labelled] = {}
    for one in given[:LONGEST_LIST]:
        if value := line(one.value):
            found.setdefault(value, Labelled(value, line(one.label)[:100], line(one.normal)))
    return tuple(found.values())


def _more(extra: Mapping[str, Any]) -> dict[str, Any]:
    if not extra:
        return {}
    named = {name: value for name, value in list(extra.items())[:MOST_MORE] if value not in (None, "", [], {})}
    kept: dict[str, Any] = to_jsonable_python(named, fallback=str)
    return kept
