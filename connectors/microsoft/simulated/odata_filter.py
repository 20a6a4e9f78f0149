"""What `$filter` and `$orderby` of OData say, for records of every kind.

Sources: https://learn.microsoft.com/graph/filter-query-parameter and https://learn.microsoft.com/graph/aad-advanced-queries
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from connectors.microsoft.simulated import extended, stamps
from connectors.microsoft.simulated.errors import ApiError, bad_request

T = TypeVar("T")
_TOKEN = re.compile(r"\s*('(?:[^']|'')*'|[(),:]|[^\s(),:']+(?::\d[^\s(),']*)?)")
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
_TRUTH = {"true": True, "false": False}
_DEEPEST = 100  # brackets and negations


@dataclass(frozen=True)
class Filterable(Generic[T]):
    """What may be named of records of one kind. Texts are in lower case but for those of `exact`."""

    values: Mapping[str, Callable[[T], Any]]
    properties: Callable[[T], Mapping[str, str]]  # the extended ones
    lists: Mapping[str, Callable[[T], Iterable[str]]]  # what `any` looks at, such as `emailAddresses/address`
    exact: frozenset[str] = frozenset()  # ids; all else is compared whatever the case
    quoted_moments: frozenset[str] = frozenset()  # moments that are written as texts

    def ordered(self, records: Iterable[T], orderby: str) -> list[T]:
        """Records as `$orderby` sorts them. Raises ApiError (400)."""
        keys = self.keys_of(orderby)
        found = list(records)
        for name, *direction in reversed(keys):
            found.sort(key=self.values[name], reverse=direction == ["desc"])
        return found

    def keys_of(self, orderby: str) -> list[list[str]]:
        """What an `$orderby` names, each with `desc` or `asc` or nothing. Raises ApiError (400)."""
        keys = [one.split() for one in orderby.split(",") if orderby.strip()]
        if any(not one or one[0] not in self.values or one[1:] not in ([], ["asc"], ["desc"]) for one in keys):
            raise bad_request(f"The $orderby expression '{orderby}' is not valid.", "ErrorInvalidUrlQuery")
        return keys

    def read(self, text: str) -> tuple[Callable[[T], bool], list[str]]:
        """Read a `$filter`: the test, and the properties that it names, in order. Raises ApiError (400)."""
        reader = _Reader(self, text)
        return reader.whole(), reader.named

    def found(self, records: Iterable[T], text: str) -> list[T]:
        """The records that a `$filter` leaves; all of them where there is none. Raises ApiError (400)."""
        test = self.read(text)[0] if text else lambda _one: True
        return [one for one in records if test(one)]


class _Reader(Generic[T]):
    """Reads one `$filter` from left to right."""

    def __init__(self, kind: Filterable[T], text: str) -> None:
        self._kind, self._text = kind, text
        self._tokens: list[str] = _TOKEN.findall(text)
        if "".join(text.split()) != "".join("".join(one.split()) for one in self._tokens):
            raise self._wrong()
        if sum(one in ("(", "not") for one in self._tokens) > _DEEPEST:
            raise bad_request(f"The node count limit of '{_DEEPEST}' has been exceeded.", "BadRequest")
        self._at = 0
        self.named: list[str] = []

    def whole(self) -> Callable[[T], bool]:
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

    def _any(self) -> Callable[[T], bool]:
        tests = [self._all()]
        while self._peek() == "or":
            self._next()
            tests.append(self._all())
        return tests[0] if len(tests) == 1 else lambda it: any(test(it) for test in tests)

    def _all(self) -> Callable[[T], bool]:
        tests = [self._single()]
        while self._peek() == "and":
            self._next()
            tests.append(self._single())
        return tests[0] if len(tests) == 1 else lambda it: all(test(it) for test in tests)

    def _single(self) -> Callable[[T], bool]:
        token = self._next()
        if token == "not":  # noqa: S105 - a word of the language
            negated = self._single()
            return lambda it: not negated(it)
        if token == "(":  # noqa: S105 - a sign of the language
            test = self._any()
            self._next(")")
            return test
        if token.lower() in _FUNCTIONS and self._peek() == "(":
            return self._function(token.lower())
        if token.lower().endswith("/any"):
            return self._lambda(token[:-4])
        return self._comparison(token)

    def _function(self, name: str) -> Callable[[T], bool]:
        self._next("(")
        get = self._property(self._next())
        self._next(",")
        wanted = self._literal(self._next())
        self._next(")")
        compare = _FUNCTIONS[name]
        return lambda it: compare(str(get(it)), str(wanted))

    def _comparison(self, name: str) -> Callable[[T], bool]:
        get, compare = self._property(name), self._operator()
        wanted = self._literal(self._next(), name)

        def test(it: T) -> bool:
            try:
                return compare(get(it), wanted)
            except TypeError:
                raise self._wrong() from None

        return test

    def _property(self, name: str) -> Callable[[T], Any]:
        if name not in self._kind.values:
            raise bad_request(f"Invalid filter clause: Could not find a property named '{name}'.", "BadRequest")
        self.named.append(name)
        return self._kind.values[name]

    def _operator(self) -> Callable[[Any, Any], bool]:
        found = _OPERATORS.get(self._next())
        if found is None:
            raise self._wrong()
        return found

    def _literal(self, token: str, name: str = "") -> Any:
        try:
            if token.startswith("'"):
                text = _plain(token)
                if name in self._kind.quoted_moments:
                    return stamps.read(text, alone=True)
                return text if name in self._kind.exact else text.lower()
            if token in _TRUTH:
                return _TRUTH[token]
            return int(token) if token.isdecimal() else stamps.read(token, alone="T" not in token)
        except ValueError:
            raise self._wrong() from None

    def _lambda(self, name: str) -> Callable[[T], bool]:
        """`categories/any(c:c eq 'Red')` and `singleValueExtendedProperties/Any(ep:ep/id eq '...' and ep/value eq '...')`."""
        self.named.append(name)
        self._next("(")
        variable = self._next()
        self._next(":")
        conditions: dict[str, _Condition] = {}
        while self._peek() != ")":
            path = self._next().removeprefix(variable)
            conditions[path] = self._operator(), self._next()
            if self._peek() == "and":
                self._next()
        self._next(")")
        return self._extended(conditions) if name == extended.NAME else self._inside(name, conditions)

    def _inside(self, name: str, conditions: Mapping[str, "_Condition"]) -> Callable[[T], bool]:
        for path, (compare, token) in conditions.items():
            get, wanted = self._kind.lists.get(name + path), _plain(token).lower()
            if get is not None and len(conditions) == 1:
                return lambda it: any(compare(one, wanted) for one in get(it))
        raise self._wrong()

    def _extended(self, conditions: Mapping[str, "_Condition"]) -> Callable[[T], bool]:
        equals, token = conditions.get("/id", (None, ""))
        if equals is not _OPERATORS["eq"] or not conditions.keys() <= {"/id", "/value"}:
            raise self._wrong()
        name = extended.read(_plain(token))
        compare, token = conditions.get("/value", (_OPERATORS["ne"], "''"))
        get, wanted = self._kind.properties, _plain(token).lower()
        # The case of the name matters, and that of the value does not; a record without it is never found.
        return lambda it: name in get(it) and compare(get(it)[name].lower(), wanted)


_Condition = tuple[Callable[[Any, Any], bool], str]


def _plain(token: str) -> str:
    """The text that a literal has between its quotes."""
    return token[1:-1].replace("''", "'") if token.startswith("'") else token
