"""All tables in one place, so that migrations and tests see the whole database."""

from hub.accounting import models as accounting
from hub.crm import models as crm
from hub.cti import models as cti
from hub.events import models as events
from hub.fields import models as fields
from hub.identity import models as identity
from hub.identity.resolving import models as resolving
from hub.identity.reviewing import models as reviewing
from hub.imports import models as imports
from hub.intake import models as intake
from hub.leads import models as leads
from hub.mail import models as mail
from hub.mapping import models as mapping
from hub.meetings import models as meetings
from hub.messages import models as messages
from hub.notice import models as notice
from hub.outbound import models as outbound
from hub.privacy import models as privacy
from hub.rules import models as rules
from hub.security import models as security
from hub.store import full_text
from hub.tickets import models as tickets
from hub.timeline import models as timeline
from hub.webhooks import models as webhooks
from hub.work import models as work

__all__ = [
    "accounting",
    "crm",
    "cti",
    "events",
    "fields",
    "full_text",
    "identity",
    "imports",
    "intake",
    "leads",
    "mail",
    "mapping",
    "meetings",
    "messages",
    "notice",
    "outbound",
    "privacy",
    "resolving",
    "reviewing",
    "rules",
    "security",
    "tickets",
    "timeline",
    "webhooks",
    "work",
]
