"""What listings of messages understand: `$filter` and `$orderby` of OData, and the search language of `$search`.

Sources: https://learn.microsoft.com/graph/filter-query-parameter, https://learn.microsoft.com/graph/search-query-parameter,
https://learn.microsoft.com/graph/api/user-list-messages#using-filter-and-orderby-in-the-same-query
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from connectors.microsoft.simulated import attachments, stamps
from connectors.microsoft.simulated.errors import bad_request
from connectors.microsoft.simulated.mailbox import Message
from connectors.microsoft.simulated.odata_filter import Filterable
from hub.connector.simulated import mime

Test = Callable[[Message], bool]
_TERM = re.compile(r'\s*(\(|\)|(?:[A-Za-z]+\s*(?::|>=|<=|>|<|=)\s*)?(?:"[^"]*"?|[^\s()"]+))')
_NAMED = re.compile(r"([A-Za-z]+)\s*(:|>=|<=|>|<|=)\s*(.*)", re.DOTALL)
_WORD = re.compile(r"\w+")
_AMERICAN = re.compile(r"([0-9]{1,2})/([0-9]{1,2})/([0-9]{4})")
_DEEPEST = 100  # brackets of a search
FILTERABLE = Filterable[Message](
    values={
        "receivedDateTime": lambda it: it.received.replace(microsecond=0),
        "sentDateTime": lambda it: it.sent.replace(microsecond=0),
        "lastModifiedDateTime": lambda it: it.modified.replace(microsecond=0),
        "createdDateTime": lambda it: it.created.replace(microsecond=0),
        "internetMessageId": lambda it: it.envelope.message_id.lower(),
        "conversationId": lambda it: it.conversation_id,
        "parentFolderId": lambda it: it.folder.id,
        "subject": lambda it: it.envelope.subject.lower(),
        "importance": lambda it: it.importance,
        "inferenceClassification": lambda it: it.inference,
        "isRead": lambda it: it.is_read,
        "isDraft": lambda it: it.is_draft,
        "hasAttachments": attachments.has_files,
        "from/emailAddress/address": lambda it: it.sender,
        "sender/emailAddress/address": lambda it: it.sender,
        "flag/flagStatus": lambda it: it.flag["flagStatus"].lower(),
    },
    properties=lambda it: it.extended,
    lists={"categories": lambda it: [one.lower() for one in it.categories]},
    exact=frozenset({"conversationId", "parentFolderId"}),
)


def ordered(messages: Sequence[Message], orderby: str, named: Sequence[str] = ()) -> list[Message]:
    """Sort messages, newest first unless `$orderby` says otherwise. Raises ApiError (400).

    Args:
        named: what a `$filter` names: whatever sorts must stand there too, and first.
    """
    names = [one[0] for one in FILTERABLE.keys_of(orderby)]
    if orderby and named and list(dict.fromkeys(named))[: len(names)] != names:
        raise bad_request("The restriction or sort order is too complex for this operation.", "InefficientFilter")
    return FILTERABLE.ordered(messages, orderby or "receivedDateTime desc")


def since_received(text: str) -> Test:
    """Read the only `$filter` that `delta` of messages takes. Raises ApiError (400)."""
    if not re.fullmatch(r"\s*receivedDateTime\s+(ge|gt)\s+\S+\s*", text):
        raise bad_request("The $filter expression is not supported for change tracking.", "ErrorInvalidUrlQueryFilter")
    return FILTERABLE.read(text)[0]


# -- search ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Person:
    """A condition on people, kept as data: an OR of hundreds of them becomes one look into a set."""

    fields: frozenset[str]
    value: str

    def __call__(self, it: Message) -> bool:
        return any(one.field in self.fields and _is(one, self.value) for one in it.envelope.people)


_PEOPLE = {
    "from": frozenset({"from"}), "to": frozenset({"to"}), "cc": frozenset({"cc"}), "bcc": frozenset({"bcc"}),
    "recipients": frozenset({"to", "cc", "bcc"}), "participants": frozenset({"from", "to", "cc", "bcc"}),
}  # fmt: skip


def compile_search(text: str) -> Test:
    """Read a `$search`, which stands in double quotes. Raises ApiError (400)."""
    if len(text) < 2 or not (text.startswith('"') and text.endswith('"')):
        raise bad_request(f"Syntax error: character '{text[:1]}' is not valid at position 0 in '{text}'.", "BadRequest")
    tokens: list[str] = _TERM.findall(text[1:-1].replace('\\"', '"'))
    wrong = bad_request(f"Syntax error in '{text}'.", "BadRequest")
    if tokens.count("(") > _DEEPEST:
        raise wrong
    test, at = _either(tokens, 0)
    if at != len(tokens):
        raise wrong
    return test


def _either(tokens: list[str], at: int) -> tuple[Test, int]:
    tests: list[Test] = []
    while True:
        test, at = _together(tokens, at)
        tests.append(test)
        if at >= len(tokens) or tokens[at] != "OR":
            break
        at += 1
    if len(tests) == 1:
        return tests[0], at
    exact = {
        (field, one.value) for one in tests if isinstance(one, _Person) and "@" in one.value for field in one.fields
    }
    others = [one for one in tests if not (isinstance(one, _Person) and "@" in one.value)]

    def found(it: Message) -> bool:
        return any((one.field, one.address) in exact for one in it.envelope.people) or any(test(it) for test in others)

    return found, at


def _together(tokens: list[str], at: int) -> tuple[Test, int]:
    tests: list[Test] = []
    while at < len(tokens) and tokens[at] not in ("OR", ")"):
        if tokens[at] == "AND":
            at += 1
            continue
        negated = tokens[at] == "NOT"
        at += negated
        if at < len(tokens) and tokens[at] == "(":
            test, at = _either(tokens, at + 1)
            at += 1  # the closing bracket
        elif at < len(tokens):
            test = _term(tokens[at])
            at += 1
        else:
            break
        tests.append(_not(test) if negated else test)
    if len(tests) == 1:
        return tests[0], at
    return (lambda it: all(test(it) for test in tests)), at


def _not(test: Test) -> Test:
    return lambda it: not test(it)


def _term(token: str) -> Test:
    match = _NAMED.fullmatch(token)
    name, sign, value = match.groups() if match else ("", "", token)
    value, name = value.strip('"').lower(), name.lower()
    match name:
        case "from" | "to" | "cc" | "bcc" | "recipients" | "participants":
            return _Person(_PEOPLE[name], value)
        case "subject":
            return lambda it: _has_words(it.envelope.subject.lower(), value)
        case "received" | "sent":
            return _dated(name, sign, value)
        case "hasattachment" | "hasattachments":
            return lambda it: attachments.has_files(it) is (value == "true")
        case "attachment":
            return lambda it: any(value in one.name.lower() for one in attachments.attached(it))
        case "":
            return lambda it: _has_words(it.words(), value)
        case "body":
            return lambda it: _has_words(mime.plain_text(mime.parse(it.raw)).lower(), value)
    raise bad_request(f"'{name}' cannot be searched for here.", "BadRequest")


def _dated(name: str, sign: str, value: str) -> Test:
    """`received>=2026-01-31`; days are those of UTC here."""
    american = _AMERICAN.fullmatch(value)
    try:
        written = f"{american[3]}-{american[1]:0>2}-{american[2]:0>2}" if american else value.upper()
        day = stamps.read(written, alone="T" not in written)
        after = day + timedelta(days=1) if "t" not in value else day
    except (ValueError, OverflowError):
        raise bad_request(f"'{value}' is no date.", "BadRequest") from None

    def test(it: Message) -> bool:
        moment = it.received if name == "received" else it.sent
        return {
            ">=": moment >= day, ">": moment >= after, "<": moment < day, "<=": moment < after,
        }.get(sign, day <= moment < after)  # fmt: skip

    return test


def _is(person: mime.Participant, value: str) -> bool:
    if person.address == value or person.address.startswith(value + "@") or person.address.endswith("@" + value):
        return True
    wanted = set(_WORD.findall(value))
    return "@" not in value and bool(wanted) and wanted <= set(_WORD.findall(f"{person.name} {person.address}".lower()))


def _has_words(text: str, value: str) -> bool:
    have = set(_WORD.findall(text))
    return all(word in have for word in _WORD.findall(value))
