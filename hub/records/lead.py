"""A lead as every source hands it over: what somebody answered, what was agreed to, and where it came from."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

RECORD = "lead"  # what streams and mappings call one


@dataclass(frozen=True, slots=True)
class Answer:
    """One question of a form with what was answered. Nothing in it can be trusted: a stranger wrote it."""

    key: str  # the form's own name of the question, in any script
    label: str = ""  # as whoever answered saw it
    type: str = ""  # the source's word for what is asked, such as FULL_NAME; empty: it has none
    values: tuple[str, ...] = ()  # as sent
    shown: tuple[str, ...] = ()  # as whoever answered saw them; empty: as sent
    options: tuple[str, ...] = ()  # keys of the options that were chosen, where there were some


@dataclass(frozen=True, slots=True)
class Agreement:
    """A box that was to be ticked. Nothing said is no agreement."""

    key: str
    checked: bool | None  # None: the source does not say
    text: str = ""  # as shown
    url: str = ""  # of the privacy policy
    required: bool = False
    version: str = ""  # of the form that showed it, such as a hash of its definition


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a lead came from. Campaigns, ad sets and ads by their ids: names change."""

    platform: str = ""  # fb, ig, web, google, whatsapp
    form_id: str = ""
    form_name: str = ""
    campaign_id: str = ""
    campaign_name: str = ""
    adset_id: str = ""
    adset_name: str = ""
    ad_id: str = ""
    ad_name: str = ""
    is_organic: bool | None = None  # None: the source does not say
    page_url: str = ""
    referrer: str = ""
    utm: Mapping[str, str] = field(default_factory=dict)  # source, medium, campaign, term, content
    clicks: Mapping[str, str] = field(default_factory=dict)  # gclid, fbclid, ...


@dataclass(frozen=True, slots=True)
class Lead:
    """Somebody who left word that they want something."""

    remote_id: str
    created_at: datetime
    origin: Origin
    answers: tuple[Answer, ...] = ()
    agreements: tuple[Agreement, ...] = ()
    language: str = ""  # of the form, such as `he`
    is_test: bool = False
