"""What the pages of leads call things. Whole words, so that they can be translated."""

from collections.abc import Mapping
from types import MappingProxyType

from flask_babel import LazyString, lazy_gettext

from hub.leads.answers import NONE, Field
from hub.leads.models import Bucket, Stage

STAGES: Mapping[str, LazyString] = MappingProxyType(
    {
        Stage.RECEIVED: lazy_gettext("New"),
        Stage.CONTACTED: lazy_gettext("Contacted"),
        Stage.REACHED: lazy_gettext("Reached"),
        Stage.QUALIFIED: lazy_gettext("Qualified"),
        Stage.OPPORTUNITY: lazy_gettext("Offer made"),
        Stage.CUSTOMER: lazy_gettext("Customer"),
        Stage.LOST: lazy_gettext("Lost"),
        Stage.INVALID: lazy_gettext("Invalid"),
        Stage.SPAM: lazy_gettext("Spam"),
    }
)
STATES: Mapping[str, LazyString] = MappingProxyType(
    {
        "open": lazy_gettext("Open"),
        "waiting": lazy_gettext("Nobody answered yet"),
        "closed": lazy_gettext("Closed"),
        "all": lazy_gettext("All"),
    }
)
BUCKETS: Mapping[str, LazyString] = MappingProxyType(
    {
        Bucket.PAID: lazy_gettext("Ad"),
        Bucket.ORGANIC: lazy_gettext("Without an ad"),
        Bucket.WEB: lazy_gettext("Own page"),
        Bucket.TEST: lazy_gettext("Test"),
        Bucket.PENDING: lazy_gettext("Not told yet"),
        Bucket.UNATTRIBUTED: lazy_gettext("Origin unknown"),
    }
)
PLATFORMS: Mapping[str, str] = MappingProxyType(
    {"fb": "Facebook", "ig": "Instagram", "web": "Web", "google": "Google", "whatsapp": "WhatsApp"}
)
FIELDS: Mapping[str, LazyString] = MappingProxyType(
    {
        NONE: lazy_gettext("Only an answer"),
        Field.NAME: lazy_gettext("Full name"),
        Field.GIVEN: lazy_gettext("First name"),
        Field.FAMILY: lazy_gettext("Last name"),
        Field.PHONE: lazy_gettext("Phone"),
        Field.EMAIL: lazy_gettext("E-mail"),
        Field.COMPANY: lazy_gettext("Company"),
        Field.JOB_TITLE: lazy_gettext("Job title"),
        Field.WEBSITE: lazy_gettext("Website"),
        Field.STREET: lazy_gettext("Street"),
        Field.CITY: lazy_gettext("City"),
        Field.STATE: lazy_gettext("State"),
        Field.ZIP: lazy_gettext("Postal code"),
        Field.COUNTRY: lazy_gettext("Country"),
        Field.PRIVATE: lazy_gettext("Private, shown masked"),
    }
)
