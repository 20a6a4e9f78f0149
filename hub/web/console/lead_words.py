"""What the pages of leads call things. Whole words, so that they can be translated."""

from collections.abc import Mapping
from types import MappingProxyType

from flask_babel import LazyString, lazy_gettext

from hub.errors import UserError
from hub.leads.answers import NONE, By, Field
from hub.leads.models import Bucket, Feedback, Stage
from hub.web import errors

STAGES: Mapping[str, LazyString] = MappingProxyType(
    {
        Stage.RECEIVED: lazy_gettext("New lead"),
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
FEEDBACK: Mapping[str, LazyString] = MappingProxyType(
    {
        Feedback.WAITING: lazy_gettext("Will be told to the source"),
        Feedback.TOLD: lazy_gettext("Told to the source"),
        Feedback.LATE: lazy_gettext("Too old to be told to the source"),
        Feedback.NO_CONSENT: lazy_gettext("Not told to the source: no consent"),
        Feedback.REFUSED: lazy_gettext("The source refused to be told"),
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
BY: Mapping[str, LazyString] = MappingProxyType(
    {
        By.TYPE: lazy_gettext("the form says so"),
        By.ADMIN: lazy_gettext("you said so"),
        By.WORD: lazy_gettext("by the question's words"),
        By.VALUE: lazy_gettext("guessed from the answer"),
    }
)
# What a rule may ask for.
WANTS: Mapping[str, LazyString] = MappingProxyType(
    {
        "account": lazy_gettext("Connection"),
        "campaign": lazy_gettext("Campaign"),
        "form": lazy_gettext("Form"),
        "platform": lazy_gettext("Came by"),
        "language": lazy_gettext("Language of the form"),
        "region": lazy_gettext("Country of the number"),
    }
)
# What a form, a folder or a calendar is in the other system (hub.connector.stream.Choice).
CHOICE_STATES: Mapping[str, LazyString] = MappingProxyType(
    {
        "active": lazy_gettext("Active"),
        "archived": lazy_gettext("Archived"),
        "deleted": lazy_gettext("Deleted there"),
        "draft": lazy_gettext("Draft"),
    }
)
_FAULTS: Mapping[str, LazyString] = MappingProxyType(
    {
        "rule_name": lazy_gettext("Write a name."),
        "rule_people": lazy_gettext("Choose at least one person."),
    }
)


def sentence(error: UserError) -> str:
    """Return what is wrong, in the person's language as far as we have words for it."""
    known = _FAULTS.get(error.error_id)
    return errors.sentence(error) if known is None else str(known)
