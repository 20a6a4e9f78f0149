"""Gmail's search language: a text becomes a test of letters.

Sources: https://support.google.com/mail/answer/7190 and https://developers.google.com/workspace/gmail/api/guides/filtering
`to:` finds only the To header here; whoever also wants copies asks for `cc:` and `bcc:`.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from hub.connector.simulated.mime import Envelope, Participant

PACIFIC = ZoneInfo("America/Los_Angeles")  # dates in a query are midnight there
_TOKEN = re.compile(r'\s*([(){}]|-(?=[^\s])|\+(?=[^\s])|"[^"]*"?|[^\s(){}":]+:|[^\s(){}"]+)')
_WORD = re.compile(r"[\w'.@+-]+")
_PEOPLE = frozenset({"from", "to", "cc", "bcc"})
_AGES = {"d": 1, "m": 30, "y": 365}
_SYSTEM = {
    "inbox": "INBOX", "sent": "SENT", "trash": "TRASH", "spam": "SPAM", "draft": "DRAFT", "drafts": "DRAFT",
    "starred": "STARRED", "unread": "UNREAD", "important": "IMPORTANT", "chats": "CHAT",
}  # fmt: skip


class Letter(Protocol):
    """What a query can ask of a message."""

    @property
    def envelope(self) -> Envelope: ...
    @property
    def labels(self) -> frozenset[str]: ...
    @property
    def at_ms(self) -> int: ...
    @property
    def size(self) -> int: ...
    def words(self) -> str:
        """Subject, people and text, in lower case."""

    def files(self) -> list[str]:
        """Names of attachments, in lower case."""


Test = Callable[[Letter], bool]


@dataclass(frozen=True)
class Query:
    """A search, ready to be asked of many messages."""

    matches: Test
    everywhere: bool  # it names spam, trash or anywhere itself


@dataclass(frozen=True)
class _Person:
    """A condition on an address, kept as data: an OR of hundreds of them becomes one look into a set."""

    field: str
    value: str

    def __call__(self, letter: Letter) -> bool:
        return any(_is(one, self.value) for one in letter.envelope.people if one.field == self.field)


def compile_query(text: str, now: datetime, label_ids: Callable[[str], Iterable[str]]) -> Query:
    """Read a search. `label_ids` finds the labels that bear a name."""
    reader = _Reader(text, now, label_ids)
    test = reader.sequence(closing="", field="")
    return Query(test, reader.everywhere)


def _is(person: Participant, value: str) -> bool:
    if person.address == value or person.address.endswith(("@" + value, "." + value)):
        return True
    have = set(re.findall(r"[\w]+", f"{person.name} {person.address}".lower()))
    wanted = re.findall(r"[\w]+", value)
    return "@" not in value and bool(wanted) and have.issuperset(wanted)


def _either(tests: list[Test]) -> Test:
    if len(tests) == 1:
        return tests[0]
    exact = {(one.field, one.value) for one in tests if isinstance(one, _Person) and "@" in one.value}
    others = [one for one in tests if not (isinstance(one, _Person) and "@" in one.value)]

    def found(letter: Letter) -> bool:
        if exact and any((one.field, one.address) in exact for one in letter.envelope.people):
            return True
        return any(test(letter) for test in others)

    return found


def _all(tests: list[Test]) -> Test:
    return tests[0] if len(tests) == 1 else lambda letter: all(test(letter) for test in tests)


def _not(test: Test) -> Test:
    return lambda letter: not test(letter)


class _Reader:
    """Reads one search from left to right."""

    def __init__(self, text: str, now: datetime, label_ids: Callable[[str], Iterable[str]]) -> None:
        self._tokens: list[str] = [token for token in _TOKEN.findall(text) if token]
        self._at = 0
        self._now = now
        self._label_ids = label_ids
        self.everywhere = False

    def sequence(self, closing: str, field: str) -> Test:
        """Read conditions until a bracket closes. OR binds closer than the space between two conditions."""
        groups: list[list[Test]] = []
        joined = False
        while (token := self._next()) is not None and token != closing:
            if token in (")", "}"):
                continue  # a bracket that nothing opened
            if token in ("OR", "|") and groups:
                joined = True
                continue
            if token == "AND":  # noqa: S105 - a word of the language
                continue
            test = self._condition(token, field)
            if joined or (closing == "}" and groups):
                groups[-1].append(test)
            else:
                groups.append([test])
            joined = False
        if not groups:
            return lambda _letter: True
        return _all([_either(group) for group in groups])

    def _next(self) -> str | None:
        if self._at >= len(self._tokens):
            return None
        self._at += 1
        return self._tokens[self._at - 1]

    def _condition(self, token: str, field: str) -> Test:
        if token == "-":  # noqa: S105 - a sign of the language
            following = self._next()
            return _not(self._condition(following, field)) if following else (lambda _letter: True)
        if token == "+":  # noqa: S105 - a sign of the language
            following = self._next()
            return self._condition(following, field) if following else (lambda _letter: True)
        if token in ("(", "{"):
            return self.sequence(")" if token == "(" else "}", field)  # noqa: S105 - a sign of the language
        if token.endswith(":") and len(token) > 1:
            following = self._next()
            return self._condition(following, token[:-1].lower()) if following else (lambda _letter: True)
        return self._term(field, token.strip('"').lower(), quoted=token.startswith('"'))

    def _term(self, field: str, value: str, *, quoted: bool) -> Test:
        if field in _PEOPLE:
            return _Person(field, value)
        if field in ("in", "is", "label", "category"):
            return self._place(field, value)
        if field in ("after", "before", "newer", "older", "newer_than", "older_than"):
            return self._time(field, value)
        match field:
            case "subject":
                return lambda letter: _has_words(letter.envelope.subject.lower(), value, quoted=quoted)
            case "rfc822msgid":
                return lambda letter: letter.envelope.message_id.strip("<>").lower() == value.strip("<>")
            case "has":
                return lambda letter: bool(letter.files()) if value == "attachment" else False
            case "filename":
                return lambda letter: any(name == value or name.endswith("." + value) for name in letter.files())
            case "larger" | "smaller" | "size":
                return _size(field, value)
        text = f"{field}:{value}" if field else value
        return lambda letter: _has_words(letter.words(), text, quoted=quoted)

    def _place(self, field: str, value: str) -> Test:
        if field == "in" and value == "anywhere":
            self.everywhere = True
            return lambda _letter: True
        if field == "is" and value == "read":
            return lambda letter: "UNREAD" not in letter.labels
        wanted = set(self._label_ids(value))
        if field == "category":
            wanted = {"CATEGORY_" + value.upper()}
        elif value in _SYSTEM:
            wanted = {_SYSTEM[value]}
        if wanted & {"SPAM", "TRASH"}:
            self.everywhere = True
        return lambda letter: bool(wanted & letter.labels)

    def _time(self, field: str, value: str) -> Test:
        later = field.startswith(("after", "newer"))
        if field.endswith("_than"):
            days = int(value[:-1] or "0") * _AGES.get(value[-1:], 1) if value[:-1].isdigit() else 0
            limit = (self._now - timedelta(days=days)).timestamp()
        elif value.isdigit() and len(value) > 8:
            limit = float(value)
        else:
            limit = _midnight(value)
        return lambda letter: (letter.at_ms / 1000 >= limit) is later


def _midnight(value: str) -> float:
    numbers = [int(one) for one in re.findall(r"\d+", value)]
    try:
        year, month, day = numbers if numbers[0] > 31 else (numbers[2], numbers[0], numbers[1])
        return datetime(year, month, day, tzinfo=PACIFIC).timestamp()
    except (ValueError, IndexError):
        return 0.0


def _size(field: str, value: str) -> Test:
    number = re.match(r"(\d+)([km]?)", value)
    limit = int(number[1]) * {"": 1, "k": 1024, "m": 1024 * 1024}[number[2]] if number else 0
    return lambda letter: letter.size < limit if field == "smaller" else letter.size >= limit


def _has_words(text: str, value: str, *, quoted: bool) -> bool:
    if quoted:
        return value in text
    have = set(_WORD.findall(text)) | set(re.findall(r"\w+", text))
    return all(word in have for word in _WORD.findall(value))
