"""JSONata expressions behind one small port, with limits that no expression can lift.

An expression sees the record and nothing else: no settings, no secrets, no files, no clock. The limits stop loops and
recursion; inside one built-in function, such as a pattern on a text of a million letters, only its input bounds it. Two engines speak the language:
jsonatapy (Rust, fast, limits inside the engine) does the work; jsonata-python (pure, about a hundred times slower,
no guard against slow regular expressions) is the way out should the first ever fail us. The same corpus of cases
runs on both.

Source of the language: https://docs.jsonata.org/overview
"""

import math
import re
from collections.abc import Callable
from typing import Any, Protocol

import jsonatapy
from jsonata import Jsonata
from jsonata.jexception import JException

from hub.errors import MappingError

# One expression of one record: time in milliseconds, nested calls, length of any list it builds.
TIME_LIMIT_MS = 100
DEPTH_LIMIT = 200
LENGTH_LIMIT = 100_000
LONGEST_EXPRESSION = 4_000
# JSONata's numbers are double floats; above this a whole number silently becomes its neighbour.
LARGEST_EXACT_INTEGER = 2**53
# A pattern's cost is its size times the length of the text; (a{1,100}){1,100} alone is ten thousand states.
REPEATS_LIMIT = 200

# JSONata's codes for what a limit stopped: depth, time, length of a list.
_LIMIT_CODES = frozenset({"D1011", "D1012", "D2014", "D2015", "U1001"})
# Functions that no expression has. With `$eval` gone no name can be made at run time, so reading the text is enough.
_WHY_REFUSED = {
    "eval": "a record must not bring its own expressions",
    "now": "a record mapped again must give the same",
    "millis": "a record mapped again must give the same",
    "random": "a record mapped again must give the same",
    # The limits are not checked inside it: a width of two thousand million ends the process.
    "pad": "use the transform `pad`",
}
_REFUSED = re.compile(rf"\$({'|'.join(_WHY_REFUSED)})\b")
# Counted repetitions in a pattern: {3}, {1,100}.
_REPEATS = re.compile(r"\{(\d{1,9})(?:,(\d{0,9}))?\}")
_CODE = re.compile(r"\b([DSTU]\d{4})\b")

Evaluate = Callable[[Any], Any]


class ExpressionError(MappingError):
    """An expression cannot be compiled, or cannot be evaluated on this record.

    `code` is JSONata's, such as `T0412`, where there is one.
    """

    def __init__(self, message: str, *, code: str = "") -> None:
        super().__init__(message)
        self.code = code


class ExpressionLimitError(ExpressionError):
    """An expression ran too long, too deep or built too much, and was stopped."""


class Engine(Protocol):
    """The port: `prepare` a record once, then evaluate any number of compiled expressions on it, in the same thread."""

    name: str

    def prepare(self, record: Any) -> Any: ...

    def compile(self, source: str) -> Evaluate: ...


class RustEngine:
    """jsonatapy. Its objects belong to the thread that made them, and must be dropped there too.

    So none is kept: an expression is compiled each time it is evaluated, which costs 5 to 10 microseconds, and each
    frame forgets what it held before it is left. An error that travels to another thread carries its frames along,
    and with them whatever they still hold.

    Source: https://github.com/txjmb/jsonata-core (2.2.13); `JsonataExpression is unsendable` is a panic there.
    """

    name = "jsonatapy"

    def prepare(self, record: Any) -> Any:
        """Hand a record over once. The result must be used and forgotten in the same thread."""
        try:
            return jsonatapy.JsonataData(record)
        except BaseException as error:
            raise _translated(error) from error

    def compile(self, source: str) -> Evaluate:
        _compiled(_checked(source))  # a syntax error belongs here, not to the first record

        def evaluate(prepared: Any) -> Any:
            made: Any = None
            try:
                made = _compiled(source)
                return _exact(made.evaluate_with_data(prepared))
            except BaseException as error:
                error.__traceback__ = None  # the engine's own frames hold its objects
                raise _translated(error) from error
            finally:
                del made, prepared

        return evaluate


def _compiled(source: str) -> Any:
    try:
        return jsonatapy.compile(
            source, timeout=TIME_LIMIT_MS, max_stack_depth=DEPTH_LIMIT, max_sequence_length=LENGTH_LIMIT
        )
    except BaseException as error:
        raise _translated(error) from error


def _translated(error: BaseException) -> BaseException:
    """Return the engine's error as ours, and any other as it is."""
    if isinstance(error, ValueError | TypeError | OverflowError):
        return _error(str(error))
    # A panic of the Rust engine is no Exception; uncaught it would end the worker instead of the record.
    if type(error).__name__ == "PanicException":
        return ExpressionError("the expression engine failed on this record; please report it")
    return error


class PythonEngine:
    """jsonata-python. Compiles again for every record, because variables of one evaluation stay for the next."""

    name = "jsonata-python"

    def prepare(self, record: Any) -> Any:
        return record

    def compile(self, source: str) -> Evaluate:
        self._fresh(_checked(source))

        def evaluate(prepared: Any) -> Any:
            try:
                return _exact(_plain(self._fresh(source).evaluate(prepared)))
            except RecursionError as error:
                raise ExpressionLimitError("D1011: nested too deep", code="D1011") from error
            except (JException, ValueError, TypeError, ArithmeticError, LookupError) as error:
                raise _error(_described(error)) from error

        return evaluate

    @staticmethod
    def _fresh(source: str) -> Any:
        try:
            return Jsonata(source, timeout=TIME_LIMIT_MS, stack=DEPTH_LIMIT)
        except (JException, ValueError, RecursionError) as error:
            raise _error(_described(error)) from error


def wrong_at(source: str) -> int:
    """Return at which character an expression cannot be read, counted from 1; 0: it can, or nobody knows.

    The fast engine does not say it, so the other one reads it too: only for a person who writes one.
    """
    if len(source) > LONGEST_EXPRESSION:
        return LONGEST_EXPRESSION + 1
    if found := _REFUSED.search(source):
        return found.start() + 1
    try:
        Jsonata(source, timeout=TIME_LIMIT_MS, stack=DEPTH_LIMIT)
    except JException as error:
        return max(0, min(int(error.location or 0), len(source)))
    except (ValueError, RecursionError, TypeError, IndexError):
        return 0
    return 0


def _described(error: Exception) -> str:
    return f"{error.error}: {error}" if isinstance(error, JException) else str(error)


def _checked(source: str) -> str:
    if len(source) > LONGEST_EXPRESSION:
        raise ExpressionError(f"the expression is longer than {LONGEST_EXPRESSION} characters")
    if found := _REFUSED.search(source):
        raise ExpressionError(f"{found[0]} is not allowed here: {_WHY_REFUSED[found[1]]}")
    repeats = [int(most or least) for least, most in _REPEATS.findall(source)]
    if math.prod(repeat for repeat in repeats if repeat) > REPEATS_LIMIT:
        raise ExpressionError(f"the counted repetitions of its patterns multiply to more than {REPEATS_LIMIT}")
    return source


def _error(message: str) -> ExpressionError:
    found = _CODE.search(message)
    code = found[1] if found else ""
    if code in _LIMIT_CODES:
        return ExpressionLimitError(f"the expression was stopped: {message}", code=code)
    return ExpressionError(message, code=code)


def _exact(value: Any) -> Any:
    """Refuse a number that the engine may have rounded. Identifiers of that size want a plain path."""
    if isinstance(value, int | float) and abs(value) > LARGEST_EXACT_INTEGER:
        raise ExpressionError("the number is too large for an expression; take it by its path instead")
    return value


def _plain(value: Any) -> Any:
    """Turn the engine's own lists and whole floats into plain ones, as the other engine answers."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, float) and value.is_integer() and abs(value) <= LARGEST_EXACT_INTEGER:
        return int(value)
    return value
