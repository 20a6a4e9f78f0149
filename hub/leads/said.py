"""Read what a mapping made of a lead. An administrator may have written the mapping, so anything may come."""

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hub.errors import RecordError
from hub.identity.said import line
from hub.records.lead import Agreement, Answer, Lead, Origin

MOST_ANSWERS = 200
MOST_VALUES = 100  # of one answer
LONGEST = 10_000  # characters of an answer
LONGEST_OPTION = 1_000
LONGEST_KEY = 300  # of what is looked up by an index; PostgreSQL takes 2,700 bytes
_TEXTS: Mapping[str, int | None] = {  # of an origin, and how long they are at most
    "platform": None, "form_id": LONGEST_KEY, "form_name": None, "campaign_id": LONGEST_KEY, "campaign_name": None,
    "adset_id": LONGEST_KEY, "adset_name": None, "ad_id": LONGEST_KEY, "ad_name": None, "page_url": None, "referrer": None,
}  # fmt: skip


def _listed(value: Any) -> Any:
    many = value if isinstance(value, list | tuple) else [] if value is None else [value]
    return [one for one in many if one is not None]


def _texts(value: Any) -> Any:
    return {str(k): str(v) for k, v in value.items() if v not in (None, "")} if isinstance(value, dict) else {}


_Many = Annotated[list[str], BeforeValidator(_listed)]
_Named = Annotated[dict[str, str], BeforeValidator(_texts)]


class _Answer(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)
    key: str
    label: str | None = None
    type: str | None = None
    # Made anew for each, for pydantic copies a list that stands here, and that costs more than all else of an answer.
    values: _Many = Field(default_factory=list)
    shown: _Many = Field(default_factory=list)
    options: _Many = Field(default_factory=list)


class _Agreement(BaseModel):
    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)
    key: str
    checked: bool | None = None
    text: str | None = None
    url: str | None = None
    required: bool | None = None
    version: str | None = None


class LeadFields(BaseModel):
    """What a mapping may make of a lead; other fields are left."""

    model_config = ConfigDict(extra="ignore", coerce_numbers_to_str=True)
    remote_id: str = Field(min_length=1)
    created_at: AwareDatetime | None = None
    language: str | None = None
    is_test: bool | None = None
    is_organic: bool | None = None
    platform: str | None = None
    form_id: str | None = None
    form_name: str | None = None
    campaign_id: str | None = None
    campaign_name: str | None = None
    adset_id: str | None = None
    adset_name: str | None = None
    ad_id: str | None = None
    ad_name: str | None = None
    page_url: str | None = None
    referrer: str | None = None
    utm: _Named = Field(default_factory=dict)
    click_ids: _Named = Field(default_factory=dict)
    answers: Annotated[list[_Answer], BeforeValidator(_listed)] = Field(default_factory=list)
    consents: Annotated[list[_Agreement], BeforeValidator(_listed)] = Field(default_factory=list)


def said(values: Mapping[str, Any], *, received_at: datetime) -> Lead:
    """Return the lead that a record is.

    Args:
        received_at: when it came; it counts where the source does not say when it was answered.

    Raises:
        RecordError: the mapping made something else of it.
    """
    try:
        fields = LeadFields.model_validate(values)
    except ValidationError as error:
        wrong = "; ".join(f"{problem['loc'][0]}: {problem['msg']}" for problem in error.errors()[:5])
        raise RecordError(f"what the mapping makes of it is no lead: {wrong}") from error
    return Lead(
        remote_id=fields.remote_id,
        created_at=fields.created_at or received_at,
        origin=_origin(fields),
        answers=tuple(_answer(one) for one in fields.answers[:MOST_ANSWERS]),
        agreements=tuple(_agreement(one) for one in fields.consents[:MOST_ANSWERS]),
        language=line(fields.language)[:20],
        is_test=bool(fields.is_test),
    )


def _origin(fields: LeadFields) -> Origin:
    texts = {name: line(text)[:longest] for name, longest in _TEXTS.items() if (text := getattr(fields, name))}
    return Origin(
        **texts,
        is_organic=fields.is_organic,
        utm={line(name)[:50]: line(value) for name, value in list(fields.utm.items())[:20]},
        clicks={line(name)[:50]: line(value) for name, value in list(fields.click_ids.items())[:20]},
    )


def _answer(given: _Answer) -> Answer:
    return Answer(
        key=given.key[:LONGEST_KEY],
        label=line(given.label),
        type=line(given.type)[:100],
        values=_cut(given.values, LONGEST),
        shown=_cut(given.shown, LONGEST),
        options=_cut(given.options, LONGEST_OPTION),
    )


def _cut(texts: list[str], longest: int) -> tuple[str, ...]:
    return tuple([one[:longest] for one in texts[:MOST_VALUES]])


def _agreement(given: _Agreement) -> Agreement:
    return Agreement(
        key=given.key[:LONGEST_KEY], checked=given.checked, text=(given.text or "")[:LONGEST], url=line(given.url),
        required=bool(given.required), version=line(given.version)[:100],
    )  # fmt: skip
