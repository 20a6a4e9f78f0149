"""What a request may say: the properties of Graph's types, and what kind of value each of them takes.

Graph reads a request by these types before anything else; what does not fit, it refuses.
Sources: https://learn.microsoft.com/graph/api/resources/message, .../event, .../contact, .../subscription and what these name
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.microsoft.simulated.errors import Json, bad_request

TEXT, TRUTH, NUMBER, LONG, ANY = "Edm.String", "Edm.Boolean", "Edm.Int32", "Edm.Int64", "Edm.Untyped"
_BITS = {NUMBER: 31, LONG: 63}


@dataclass(frozen=True, eq=False)
class Type:
    """An entity, a value of several properties, or the parameters of an action."""

    name: str
    properties: Mapping[str, "Kind"]
    needs: tuple[str, ...] = ()  # what must be there, and not empty
    is_action: bool = False  # names are understood whatever their case


@dataclass(frozen=True, eq=False)
class Several:
    """A collection."""

    of: "Kind"


Kind = str | tuple[str, ...] | Type | Several  # a tuple has the values of an enumeration


def read(kind: Kind, value: Any, name: str = "") -> Any:
    """A value as Graph understands it: without annotations, enumerations and parameters as the reference writes them.

    Raises:
        ApiError: 400
    """
    if isinstance(kind, Several):
        if not isinstance(value, list):
            raise _odd(name)
        if None in value:
            raise _odd(name)
        return [read(kind.of, one, name) for one in value]
    if value is None or kind == ANY:
        return value
    if isinstance(kind, Type):
        if not isinstance(value, dict):
            raise _odd(name)
        return _read_object(kind, value)
    if isinstance(kind, tuple):
        found = next((one for one in kind if one.lower() == str(value).lower()), None)
        if found is None:
            raise bad_request(f"Requested value '{value}' was not found: {name}.", "RequestBodyRead")
        return found
    if not _FITS[kind](value):
        raise _odd(name)
    return value


def _read_object(kind: Type, value: Json) -> Json:
    known = {one.lower(): one for one in kind.properties} if kind.is_action else {one: one for one in kind.properties}
    found: Json = {}
    for name, one in value.items():
        if "@" in name:
            if name == "@odata.type":
                found[name] = read(TEXT, one, name)
            continue
        own = known.get(name.lower() if kind.is_action else name)
        if own is None:
            raise bad_request(
                f"The property '{name}' does not exist on type 'microsoft.graph.{kind.name}'.", "RequestBodyRead"
            )
        found[own] = read(kind.properties[own], one, own)
    for name in kind.needs:
        needed = found.get(name)
        if needed is None or needed == [] or (isinstance(needed, str) and not needed.strip()):
            raise bad_request(f"The required property '{name}' is missing.", "ErrorInvalidArgument")
    return found


def _odd(name: str) -> Exception:
    return bad_request(f"Cannot convert a value of the property '{name}' to its type.", "RequestBodyRead")


def _is_whole(bits: int) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, int) and not isinstance(value, bool) and -(2**bits) <= value < 2**bits


_FITS: Mapping[str, Callable[[Any], bool]] = {
    TEXT: lambda value: isinstance(value, str),
    TRUTH: lambda value: isinstance(value, bool),
    **{kind: _is_whole(bits) for kind, bits in _BITS.items()},
}

# -- values -----------------------------------------------------------------------------------------------------------

EMAIL = Type("emailAddress", {"name": TEXT, "address": TEXT})
RECIPIENT = Type("recipient", {"emailAddress": EMAIL})
BODY = Type("itemBody", {"contentType": ("text", "html"), "content": TEXT})
TIME = Type("dateTimeTimeZone", {"dateTime": TEXT, "timeZone": TEXT})
ADDRESS = Type("physicalAddress", dict.fromkeys(("street", "city", "state", "countryOrRegion", "postalCode"), TEXT))
PLACE = Type("location", {
    "displayName": TEXT, "locationEmailAddress": TEXT, "locationUri": TEXT, "uniqueId": TEXT, "address": ADDRESS,
    "coordinates": ANY, "uniqueIdType": ("unknown", "locationStore", "directory", "private", "bing"),
    "locationType": (
        "default", "conferenceRoom", "homeAddress", "businessAddress", "geoCoordinates", "streetAddress", "hotel",
        "restaurant", "localBusiness", "postalAddress",
    ),
})  # fmt: skip
ATTENDEE = Type("attendee", {
    "emailAddress": EMAIL, "type": ("required", "optional", "resource"), "status": ANY, "proposedNewTime": ANY,
})  # fmt: skip
FLAG = Type("followupFlag", {
    "flagStatus": ("notFlagged", "complete", "flagged"), "startDateTime": TIME, "dueDateTime": TIME,
    "completedDateTime": TIME,
})  # fmt: skip
HEADER = Type("internetMessageHeader", {"name": TEXT, "value": TEXT}, needs=("name",))
EXTENDED = Type("singleValueLegacyExtendedProperty", {"id": TEXT, "value": TEXT}, needs=("id",))
# Which days they make, `patterns` checks.
RECURRENCE = Type("patternedRecurrence", {
    "pattern": Type("recurrencePattern", {
        "type": TEXT, "interval": NUMBER, "month": NUMBER, "dayOfMonth": NUMBER, "daysOfWeek": Several(TEXT),
        "firstDayOfWeek": TEXT, "index": TEXT,
    }),
    "range": Type("recurrenceRange", {
        "type": TEXT, "startDate": TEXT, "endDate": TEXT, "recurrenceTimeZone": TEXT, "numberOfOccurrences": NUMBER,
    }),
})  # fmt: skip

# -- entities ---------------------------------------------------------------------------------------------------------

_ITEM: Mapping[str, Kind] = {
    "categories": Several(TEXT), "singleValueExtendedProperties": Several(EXTENDED),
    **dict.fromkeys(("id", "changeKey", "createdDateTime", "lastModifiedDateTime"), ANY),
}  # fmt: skip
_IMPORTANCE = ("low", "normal", "high")
ATTACHMENT = Type("fileAttachment", {
    "name": TEXT, "contentType": TEXT, "contentBytes": TEXT, "contentId": TEXT, "contentLocation": TEXT,
    "isInline": TRUTH, "size": ANY, "id": ANY, "lastModifiedDateTime": ANY,
}, needs=("name", "contentBytes"))  # fmt: skip
MESSAGE = Type("message", {
    **_ITEM, **dict.fromkeys(("toRecipients", "ccRecipients", "bccRecipients", "replyTo"), Several(RECIPIENT)),
    "from": RECIPIENT, "sender": RECIPIENT, "subject": TEXT, "body": BODY, "flag": FLAG, "importance": _IMPORTANCE,
    "inferenceClassification": ("focused", "other"), "internetMessageHeaders": Several(HEADER),
    "internetMessageId": TEXT, "attachments": Several(ATTACHMENT),
    **dict.fromkeys(("isRead", "isReadReceiptRequested", "isDeliveryReceiptRequested"), TRUTH),
    **dict.fromkeys((
        "bodyPreview", "conversationId", "conversationIndex", "hasAttachments", "isDraft", "parentFolderId",
        "receivedDateTime", "sentDateTime", "uniqueBody", "webLink",
    ), ANY),
})  # fmt: skip
EVENT_SET_BY_SERVER = frozenset({
    "id", "bodyPreview", "changeKey", "createdDateTime", "hasAttachments", "iCalUId", "isCancelled", "isDraft",
    "isOrganizer", "lastModifiedDateTime", "onlineMeeting", "onlineMeetingUrl", "organizer", "originalEndTimeZone",
    "originalStart", "originalStartTimeZone", "responseStatus", "seriesMasterId", "type", "webLink",
})  # fmt: skip
EVENT = Type("event", {
    **_ITEM, **dict.fromkeys(EVENT_SET_BY_SERVER, ANY), "attendees": Several(ATTENDEE), "body": BODY, "start": TIME,
    "end": TIME, "location": PLACE, "locations": Several(PLACE), "recurrence": RECURRENCE, "subject": TEXT,
    "transactionId": TEXT, "reminderMinutesBeforeStart": NUMBER, "importance": _IMPORTANCE,
    "sensitivity": ("normal", "personal", "private", "confidential"),
    "showAs": ("free", "tentative", "busy", "oof", "workingElsewhere", "unknown"),
    "onlineMeetingProvider": ("unknown", "skypeForBusiness", "skypeForConsumer", "teamsForBusiness"),
    **dict.fromkeys((
        "allowNewTimeProposals", "hideAttendees", "isAllDay", "isOnlineMeeting", "isReminderOn", "responseRequested",
    ), TRUTH),
})  # fmt: skip
CONTACT_TEXTS = (
    "fileAs", "displayName", "givenName", "initials", "middleName", "nickName", "surname", "title", "yomiGivenName",
    "yomiSurname", "yomiCompanyName", "generation", "jobTitle", "companyName", "department", "officeLocation",
    "profession", "businessHomePage", "assistantName", "manager", "mobilePhone", "spouseName", "personalNotes",
)  # fmt: skip
CONTACT_ADDRESSES = ("homeAddress", "businessAddress", "otherAddress")
CONTACT = Type("contact", {
    **_ITEM, **dict.fromkeys(CONTACT_TEXTS, TEXT), **dict.fromkeys(CONTACT_ADDRESSES, ADDRESS), "birthday": TEXT,
    "emailAddresses": Several(EMAIL), "parentFolderId": ANY, "photo": ANY,
    **dict.fromkeys(("imAddresses", "homePhones", "businessPhones", "children"), Several(TEXT)),
})  # fmt: skip
MAIL_FOLDER = Type("mailFolder", {"displayName": TEXT, "isHidden": TRUTH}, needs=("displayName",))
CONTACT_FOLDER = Type("contactFolder", {"displayName": TEXT, "parentFolderId": ANY}, needs=("displayName",))
CALENDAR = Type("calendar", {"name": TEXT, "color": ANY, "hexColor": ANY}, needs=("name",))
SUBSCRIPTION = Type("subscription", {
    **dict.fromkeys((
        "changeType", "clientState", "encryptionCertificate", "encryptionCertificateId", "expirationDateTime",
        "latestSupportedTlsVersion", "lifecycleNotificationUrl", "notificationQueryOptions", "notificationUrl", "resource",
    ), TEXT),
    "includeResourceData": TRUTH,
})  # fmt: skip
NEW_SUBSCRIPTION = Type(
    "subscription", SUBSCRIPTION.properties, needs=("changeType", "notificationUrl", "resource", "expirationDateTime")
)

# -- parameters of actions ----------------------------------------------------------------------------------------------

MOVE = Type("move", {"destinationId": TEXT}, needs=("destinationId",), is_action=True)
REPLY = Type("reply", {"message": MESSAGE, "comment": TEXT, "toRecipients": Several(RECIPIENT)}, is_action=True)
# The reference itself writes the second one as a text: https://learn.microsoft.com/graph/api/user-sendmail#request
SEND_MAIL = Type("sendMail", {"message": MESSAGE, "saveToSentItems": ("true", "false")}, ("message",), is_action=True)
UPLOAD = Type("createUploadSession", {
    "AttachmentItem": Type("attachmentItem", {
        "attachmentType": ("file", "item", "reference"), "name": TEXT, "size": LONG, "contentType": TEXT,
        "isInline": TRUTH, "contentId": TEXT,
    }, needs=("attachmentType", "name", "size")),
}, needs=("AttachmentItem",), is_action=True)  # fmt: skip
CANCEL = Type("cancel", {"comment": TEXT}, is_action=True)
RESPOND = Type("accept", {"comment": TEXT, "sendResponse": TRUTH, "proposedNewTime": ANY}, is_action=True)
GET_SCHEDULE = Type("getSchedule", {
    "schedules": Several(TEXT), "startTime": TIME, "endTime": TIME, "availabilityViewInterval": NUMBER,
}, needs=("schedules", "startTime", "endTime"), is_action=True)  # fmt: skip
