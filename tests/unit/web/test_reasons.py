"""Why a record was not taken, in the reader's language: no sentence of the hub or a connector comes as a surprise."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from flask import Flask
from flask_babel import Babel
from markupsafe import Markup

from hub.web.console import reasons
from hub.web.console.reasons import Part

ROOT = Path(__file__).parents[3]
LABELS = {"field_1": "מספר חוזה"}
# What hands on what somebody else said; each of those is a sentence of its own.
_HANDED_ON = {
    "said.get(error.word, 'this is no number')",
    "_reasons(error)",
    "str(error)",
    "str(value)",
    "found",
    "mapping",
    "message",
}
# What stands for these in a sentence, where a word or a number would be no example.
_SAMPLES = {
    "wrong": "phones.0.value: Field required; tax_id: Input should be a valid string",
    "_wrong(error)": "text: String should have at most 100 characters",
    "error": "the value 'x' is not in the list of values",
    "_why(error, raw)": "this is no number: 'x y'",
    "_kind(value)": "a list",
    "_kind(raw)": "a list",
    "found[0]": "$now",
    "first": "webforms/lead.toml:3:1: field ad_name: depends on itself",
    "what": "document",
    "name": "start",
}
# What a call remembers of itself: the listener tells its log, and asks the exchange instead.
_NO_RECORD = "hub/cti/conversation.py"
# Where values are read: what is raised there becomes the reason of a record. In connectors, all transforms.
_VALUES = ("/transforms.py", "hub/mapping/apply.py", "hub/records/money.py", "hub/fields/masks.py")


@pytest.fixture(autouse=True)
def page() -> Iterator[None]:
    app = Flask(__name__)
    Babel(app)
    with app.test_request_context():
        yield


@cache
def sources() -> dict[str, str]:
    """The hub and the connectors, without simulators: these play the other side."""
    files = sorted([*ROOT.glob("hub/**/*.py"), *ROOT.glob("connectors/**/*.py")])
    return {
        str(one.relative_to(ROOT)): one.read_text()
        for one in files
        if "simulat" not in str(one) and not str(one).endswith(_NO_RECORD)
    }


def samples(node: ast.expr, constants: dict[str, ast.expr]) -> Iterator[str]:
    """Return what the text of an error looks like; what it names is made up."""
    match node:
        case ast.Constant(value=str() | int() as text):
            yield str(text)
        case ast.JoinedStr(values=parts):
            yield "".join(_piece(one, constants) for one in parts)
        case ast.IfExp(body=one, orelse=other):
            yield from (*samples(one, constants), *samples(other, constants))
        case ast.Name(id=name) if name in constants:
            yield from samples(constants[name], constants)
        case _:
            assert ast.unparse(node) in _HANDED_ON, f"give this text an example: {ast.unparse(node)}"


def _piece(node: ast.expr, constants: dict[str, ast.expr]) -> str:
    if not isinstance(node, ast.FormattedValue):
        return next(samples(node, constants))
    if node.conversion == ord("r"):
        return "'x y'"
    said = ast.unparse(node.value)
    if said in constants:
        return next(samples(constants[said], constants), "7")
    return _SAMPLES.get(said, "7")


def raised(names: set[str], *, at: int = 0, within: tuple[str, ...] = ("",)) -> Iterator[tuple[str, str]]:
    """Return the texts that errors of these names are made with, and where; `within`: how paths end."""
    used = re.compile(rf"\b(?:{'|'.join(names)})\(")
    for path, source in sources().items():
        if not path.endswith(within) or used.search(source) is None:
            continue
        tree = ast.parse(source)
        constants = {
            target.id: one.value
            for one in ast.walk(tree)
            if isinstance(one, ast.Assign) and isinstance(one.value, ast.Constant | ast.JoinedStr)
            for target in one.targets
            if isinstance(target, ast.Name)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names and node.args:
                for text in samples(node.args[at], constants):
                    yield f"{path}:{node.lineno}", text


def kinds_of(root: str) -> set[str]:
    """Return an error's name with those of its children."""
    bases = {
        name: set(re.findall(r"\w+", given))
        for source in sources().values()
        for name, given in re.findall(r"^class (\w+)\(([^)]*)\):", source, re.MULTILINE)
    }
    found = {root}
    while more := {name for name, own in bases.items() if own & found} - found:
        found |= more
    return found


def unknown(texts: Iterator[tuple[str, str]]) -> list[str]:
    """Return what nobody knows, as one record says it or as many do together.

    Whoever finds a sentence here says it as `hub.web.console.reasons` knows it, or gives it a pattern there.
    """
    return [
        f"{where}: {said}"
        for where, text in texts
        for said in (text, reasons.general(text))
        if not reasons.is_known(said)
    ]


def test_every_reason_that_a_record_can_be_set_aside_for_has_words() -> None:
    found = [*raised(kinds_of("RecordError"))]
    assert len(found) > 150, "the search itself is broken"
    assert unknown(iter(found)) == []
    assert unknown(raised({"ValueError", "TypeError"}, within=_VALUES)) == []
    assert unknown(raised({"Wrong"}, at=1, within=("hub/fields/reading.py",))) == []
    assert unknown(iter([("python", one) for one in PYTHON])) == []
    assert not reasons.is_known("record 7: somebody wrote something new")


# What the standard library, pydantic and the engine of expressions say.
PYTHON = (
    "this may be thousands or decimals: write 1234 or 1.234", "the number is too large", "the number has too many decimals",
    "Invalid isoformat string: 'soon'", "day is out of range for month", "month must be in 1..12", "year 0 is out of range",
    "time data 'x' does not match format '%d/%m'", "unconverted data remains: 12",
    "T2001: The left side of the + operator must evaluate to a number", "D1011: nested too deep",
    "what the mapping makes of it is no call: direction: Field required; started_at: Input should have timezone info",
    "what the mapping makes of it is no lead: name: String should have at most 100 characters",
    "what the mapping makes of it is no payment: amount: Input should be a finite number",
    "what the mapping makes of it is no document: side: Input should be 'sale' or 'purchase'",
)  # fmt: skip


def test_what_is_wrong_is_said_with_its_field_and_its_value() -> None:
    for text, field, said in (
        ("webforms/lead.toml: field field_1: record 8 12: 'a lot' is no number", "field_1", "<bdi>'a lot'</bdi> is no number."),
        ("record 8: field field_1: this is no number: 'a lot'", "field_1", "This is no number. (<bdi>'a lot'</bdi>)"),
        ("record 8: what the mapping makes of it is no lead: name: Field required", "name", "This must be filled."),
        ("record 8: a series of whole days that recurs within a day", "", "How this meeting comes round again cannot be followed. (<bdi>a series of whole days that recurs within a day</bdi>)"),
        ("einvoice/invoices.toml version 3: field total: record 8: the document has no total", "total", "This must be filled."),
        ("the document has no total", "total", "This must be filled."),
        ("record 8: field field_1: <b>\u202e 'x'", "field_1", "<bdi>&lt;b&gt; 'x'</bdi>"),
    ):  # fmt: skip
        [part] = reasons.parts(text)
        assert (part.field, str(part.text).replace("&#39;", "'")) == (field, said)
    two = "record 8: what the mapping makes of it is no call: direction: Field required; talk_s: Input should be a valid number"
    assert [part.field for part in reasons.parts(two)] == ["direction", "talk_s"]
    unfit = reasons.parts(
        "webforms/lead.toml:3:1: field ad_name: depends on itself; this version of the mapping no longer fits: correct it"
    )
    assert [part.field for part in unfit] == ["", "ad_name"]


def test_what_was_made_of_a_secret_is_not_shown() -> None:
    text = "record 7: field field_1: this is no number: 'geheim'"
    assert [str(one.text) for one in reasons.failing("", text, {"field_1"})] == ["This is no number. (<bdi>***</bdi>)"]
    assert [str(one.text) for one in reasons.failing("token", "'geheim' is no number", {"token"})] == [
        "<bdi>***</bdi> is no number."
    ]
    assert "geheim" in str(reasons.failing("", text, {"token"})[0].text)


def test_a_field_is_called_as_its_administrator_called_it() -> None:
    text = "webforms/lead.toml: field field_1: record 8: 'x' is no number"
    assert reasons.general(text) == "webforms/lead.toml: field field_1: record …: … is no number", (
        "the field keeps its name"
    )
    assert reasons.told(reasons.general(text), LABELS) == Markup(
        '<bdi>מספר חוזה</bdi> <small><bdi dir="ltr">field_1</bdi></small>: <bdi>…</bdi> is no number.'
    )
    assert reasons.joined([Part("", Markup("<b>"))]) == "<b>"
