"""Which types of events there are. Outside programs choose among them, so a name is never given another meaning.

Of an interaction the type names its kind; a call is told of when it is over, for before that it is not on the timeline.
"""

from collections.abc import Mapping
from types import MappingProxyType

PARTY_CREATED, PARTY_CHANGED, PARTY_ERASED = "party.created", "party.changed", "party.erased"
PARTY_MERGED, PARTY_PARTED = "party.merged", "party.parted"
TASK_CREATED, TASK_DONE, TASK_REOPENED = "task.created", "task.done", "task.reopened"
LEAD_STAGE = "lead.stage"
RULE_FIRED = "rule.fired"  # where a rule says that outside programs are told
# For whoever keeps copies: something may be seen by its owner alone from now on. Nobody outside hears of it.
HIDDEN = "interaction.hidden"
# Of a kind of interaction: a new one, and one that says something else now.
NEW: Mapping[str, str] = MappingProxyType(
    {
        "call": "call.ended",
        "email": "email.created",
        "meeting": "meeting.created",
        "document": "document.created",
        "payment": "payment.created",
        "lead": "lead.created",
        "message": "message.created",
        "note": "note.created",
        "ticket": "ticket.created",
    }
)
CHANGED: Mapping[str, str] = MappingProxyType({kind: f"{kind}.changed" for kind in NEW})
TYPES = (
    *NEW.values(), *CHANGED.values(), LEAD_STAGE, PARTY_CREATED, PARTY_CHANGED, PARTY_MERGED, PARTY_PARTED, PARTY_ERASED,
    TASK_CREATED, TASK_DONE, TASK_REOPENED, RULE_FIRED,
)  # fmt: skip
