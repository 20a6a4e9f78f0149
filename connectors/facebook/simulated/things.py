"""What there is at Facebook: people, pages, lead forms, leads and the ads that brought them.

Field names: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

ADVERTISER = ("ADVERTISE", "ANALYZE", "CREATE_CONTENT", "MANAGE", "MESSAGING", "MODERATE", "VIEW_MONETIZATION_INSIGHTS")
SCOPES = (
    "pages_show_list", "pages_read_engagement", "pages_manage_ads", "pages_manage_metadata", "leads_retrieval",
    "ads_management", "ads_read", "business_management",
)  # fmt: skip


@dataclass
class Person:
    """Somebody with an account; a system user is one that belongs to a business."""

    id: str
    name: str
    is_system: bool = False
    tasks: dict[str, tuple[str, ...]] = field(default_factory=dict)  # by page
    ad_accounts: set[str] = field(default_factory=set)  # where he may advertise, as act_...
    granted: set[str] = field(default_factory=set)  # permissions that the app has of him


@dataclass
class Page:
    """A page, and who may read its leads."""

    id: str
    name: str
    category: str = "Local business"
    tos_accepted: bool = True  # terms of lead ads
    is_customized: bool = False  # somebody uses Leads Access Manager
    app_has_access: bool = True  # our app is assigned there as CRM
    people_without: set[str] = field(default_factory=set)  # not assigned there
    refusal: int = 103  # code with which calls are turned down then
    subscribed: list[str] = field(default_factory=list)  # fields of which our app hears
    quota_leads: int | None = None  # leads that its limit is made of; None: as many as there are


@dataclass(frozen=True, slots=True)
class Option:
    """One choice of a question."""

    key: str
    value: str  # as it is shown


@dataclass(frozen=True, slots=True)
class Question:
    """One question of a form."""

    key: str
    label: str
    type: str = "CUSTOM"
    options: Sequence[Option] = ()
    id: str = ""


@dataclass(frozen=True, slots=True)
class Checkbox:
    """One box of consent below a form."""

    key: str
    text: str
    required: bool = True
    checked_by_default: bool = False


@dataclass
class Form:
    """A lead form. What was published never changes: who edits one gets a copy with an id of its own."""

    id: str
    page_id: str
    name: str
    locale: str
    questions: Sequence[Question]
    checkboxes: Sequence[Checkbox]
    created_at: float
    status: str = "ACTIVE"  # or ARCHIVED, DELETED, DRAFT
    privacy_policy_url: str = "https://garden.example/privacy"
    disclaimer: str = ""  # text above the boxes
    tracking: Mapping[str, str] = field(default_factory=dict)
    legal_id: str = ""
    drift: int = 0  # by how many its count is wrong


@dataclass
class Lead:
    """What somebody sent with a form."""

    id: str
    form_id: str
    page_id: str
    created_at: float
    answers: Mapping[str, Sequence[str] | None]  # by question; None: sent without values
    checked: Mapping[str, bool]
    ad_id: str = ""
    platform: str = "fb"
    is_organic: bool | None = None  # None: not told
    is_test: bool = False
    visible_at: float = 0.0  # from when on Graph shows it
    is_deleted: bool = False
    odd: Mapping[str, Any] = field(default_factory=dict)  # fields that are as no reference says

    def __post_init__(self) -> None:
        moment, number = 10**15 - int(self.created_at * 1000), 10**20 - int(self.id)
        self.place = (f"{moment:020}", f"{number:021}")  # in a listing that begins with the newest
        self.place_by_chance = (hashlib.sha256(self.id.encode()).hexdigest(), self.id)


@dataclass
class AdAccount:
    """Who pays for ads."""

    id: str  # with act_
    name: str
    currency: str
    time_zone: str = "Asia/Jerusalem"


@dataclass
class Campaign:
    id: str
    name: str
    account_id: str  # with act_
    spend: dict[date, Decimal] = field(default_factory=dict)


@dataclass
class AdSet:
    id: str
    name: str
    campaign_id: str


@dataclass
class Ad:
    id: str
    name: str
    adset_id: str
    form_id: str = ""
