"""What listings of messages understand: `$filter` and `$orderby` of OData, and the search language of `$search`.

Sources: https://learn.microsoft.com/graph/filter-query-parameter, https://learn.microsoft.com/graph/search-query-parameter,
https://learn.microsoft.com/graph/api/user-list-messages#using-filter-and-orderby-in-the-same-query
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from connectors.microsoft.simulated import attachments, extended, stamps
from connectors.microsoft.simulated.errors import ApiError, bad_request
from connectors.microsoft.simulated.mailbox import Message
from hub.connector.simulated import mime

Test = Callable[[Message], bool]
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[(),:]|[^\s(),:']+(?::\d[^\s(),']*)?)")
_TERM = re.compile(r'\s*(\(|\)|(?:[A-Za-z]+\s*(?::|>=|<=|>|<|=)\s*)?(?:"[^"]*"?|[^\s()"]+))')
_NAMED = re.compile(r"([A-Za-z]+)\s*(:|>=|<=|>|<|=)\s*(.*)", re.DOTALL)
_WORD = re.compile(r"\w+")
_OPERATORS: Mapping[str, Callable[[Any, Any], bool]] = {
    "eq": lambda have, want: have == want,
    "ne": lambda have, want: have != want,
    "gt": lambda have, want: have > want,
    "ge": lambda have, want: have >= want,
    "lt": lambda have, want: have < want,
    "le": lambda have, want: have <= want,
}  # fmt: skip
_FUNCTIONS: Mapping[str, Callable[[str, str], bool]] = {
    "startswith": lambda have, want: have.startswith(want),
    "endswith": lambda have, want: have.endswith(want),
    "contains": lambda have, want: want in have,
}  # fmt: skip
_VALUES: Mapping[str, Callable[[Message], Any]] = {
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
}  # fmt: skip
_TRUTH = {"true": True, "false": False}
_EXACT = frozenset({"conversationId", "parentFolderId"})  # ids; all else is compared whatever the case


def compile_filter(text: str) -> tuple[Test, list[str]]:
    """Read a `$filter`: the test, and the properties it names, in order. Raises ApiError (400)."""
    reader = _Reader(text)
    return reader.whole(), reader.named


def ordered(messages: Sequence[Message], orderby: str, named: Sequence[str] = ()) -> list[Message]:
    """Sort messages, newest first unless `$orderby` says otherwise. Raises ApiError (400).

    Args:
        named: what a `$filter` names: whatever sorts must stand there too, and first.
    """
    keys = [one.split() for one in (orderby or "receivedDateTime desc").split(",")]
    if any(not 1 <= len(one) <= 2 or one[0] not in _VALUES for one in keys):
        raise bad_request(f"The $orderby expression '{orderby}' is not valid.", "ErrorInvalidUrlQuery")
    names = [one[0] for one in keys]
    if orderby and named and list(dict.fromkeys(named))[: len(names)] != names:
        raise bad_request("The restriction or sort order is too complex for this operation.", "InefficientFilter")
    found = list(messages)
    for name, *direction in reversed(keys):
        found.sort(key=_VALUES[name], reverse=direction == ["desc"])
    return found


def since_received(text: str) -> Callable[[Message], bool]:
    """Read the only `$filter` that `delta` of messages takes. Raises ApiError (400)."""
    if not re.fullmatch(r"\s*receivedDateTime\s+(ge|gt)\s+\S+\s*", text):
        raise bad_request("The $filter expression is not supported for change tracking.", "ErrorInvalidUrlQueryFilter")
    return compile_filter(text)[0]


class _Reader:
    """Reads one `$filter` from left to right."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = _TOKEN.findall(text)
        if "".join(text.split()) != "".join("".join(one.split()) for one in self._tokens):
            raise self._wrong()
        self._at = 0
        self.named: list[str] = []

    def whole(self) -> Test:
        test = self._any()
        if self._at != len(self._tokens):
            raise self._wrong()
        return test

    def _wrong(self) -> ApiError:
        return bad_request(f"Invalid filter clause: Syntax error in '{self._text}'.", "BadRequest")

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _next(self, wanted: str = "") -> str:
        token = self._peek()
        if not token or (wanted and token != wanted):
            raise self._wrong()
        self._at += 1
        return token

    def _any(self) -> Test:
        tests = [self._all()]
        while self._peek() == "or":
            self._next()
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda it: any(test(it) for test in tests)

    def _all(self) -> Test:
        tests = [self._single()]
        while self._peek() == "and":
            self._next()
            tests.append(self._single())
        return tests[0] if len(tests) == 1 else lambda it: all(test(it) for test in tests)

    def _single(self) -> Test:
        token = self._next()
        if token == "not":  # noqa: S105 - a word of the language
            negated = self._single()
            return lambda it: not negated(it)
        if token == "(":  # noqa: S105 - a sign of the language
            test = self._any()
            self._next(")")
            return test
        if token in _FUNCTIONS and self._peek() == "(":
            return self._function(token)
        if token.lower().endswith("/any"):
            return self._lambda(token[:-4])
        return self._comparison(token)

    def _function(self, name: str) -> Test:
        self._next("(")
        get = self._property(self._next())
        self._next(",")
        wanted = self._literal(self._next())
        self._next(")")
        compare = _FUNCTIONS[name]
        return lambda it: compare(str(get(it)), str(wanted))

    def _comparison(self, name: str) -> Test:
        get, compare = self._property(name), _OPERATORS.get(self._next())
        if compare is None:
            raise self._wrong()
        wanted = self._literal(self._next(), exact=name in _EXACT)
        chosen = compare

        def test(it: Message) -> bool:
            try:
                return chosen(get(it), wanted)
            except TypeError:
                raise self._wrong() from None

        return test

    def _property(self, name: str) -> Callable[[Message], Any]:
        if name not in _VALUES:
            raise bad_request(f"Invalid filter clause: Could not find a property named '{name}'.", "BadRequest")
        self.named.append(name)
        return _VALUES[name]

    def _literal(self, token: str, *, exact: bool = False) -> Any:
        if token.startswith("'"):
            text = token[1:-1].replace("''", "'")
            return text if exact else text.lower()
        if token in _TRUTH:
            return _TRUTH[token]
        try:
            return int(token) if token.isdecimal() else _moment(token)
        except ValueError:
            raise self._wrong() from None

    def _lambda(self, name: str) -> Test:
        """`categories/any(c:c eq 'Red')` and `singleValueExtendedProperties/Any(ep:ep/id eq '...' and ep/value eq '...')`."""
        self._next("(")
        variable = self._next()
        self._next(":")
        conditions: list[tuple[str, str, str]] = []
        while self._peek() != ")":
            path, operator, value = self._next(), self._next(), self._next()
            conditions.append((path.removeprefix(variable).lstrip("/"), operator, value))
            if self._peek() == "and":
                self._next()
        self._next(")")
        if name == "categories" and len(conditions) == 1:
            wanted = str(self._literal(conditions[0][2]))
            return lambda it: wanted in [one.lower() for one in it.categories]
        if name == "singleValueExtendedProperties":
            return self._extended(conditions)
        raise self._wrong()

    def _extended(self, conditions: list[tuple[str, str, str]]) -> Test:
        found = {path: (operator, value) for path, operator, value in conditions}
        if found.get("id", ("", ""))[0] != "eq":
            raise self._wrong()
        name = extended.read(str(self._literal(found["id"][1], exact=True)))
        operator, text = found.get("value", ("ne", "''"))
        if operator not in ("eq", "ne"):
            raise self._wrong()
        compare, wanted = _OPERATORS[operator], str(self._literal(text))
        # A message without the property is never found.
        return lambda it: name in it.extended and compare(it.extended[name].lower(), wanted)


def _moment(text: str) -> datetime:
    return stamps.read(text if "T" in text else f"{text}T00:00:00Z")


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
    inner = text[1:-1].replace('\\"', '"')
    tokens = _TERM.findall(inner)
    test, at = _either(tokens, 0)
    if at != len(tokens):
        raise bad_request(f"Syntax error in '{text}'.", "BadRequest")
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
    try:
        day = datetime.strptime(f"{value} +0000", "%m/%d/%Y %z") if "/" in value else _moment(value.upper())
    except ValueError:
        raise bad_request(f"'{value}' is no date.", "BadRequest") from None
    after = day + timedelta(days=1) if "t" not in value else day

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
