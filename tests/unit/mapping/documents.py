"""Mappings made up by Hypothesis: every setting, odd names, keys and values in every script."""

from typing import Any

from hypothesis import strategies as st

from hub.mapping.load import content, read_document
from hub.mapping.transforms import Registry

REGISTRY = Registry()
# Neither database nor TOML holds a surrogate; NUL is refused before anything is kept.
TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
ODD = st.sampled_from(
    ['a."b.c"', 'x."q\\"r"', 'lines.-1."[0]"', '"שם"."العدد"', "zażółć.łan", '"\U0001f600".emoji', '" "']
)
PATHS = st.one_of(st.sampled_from(["id", "a.b", "lines.0.sku"]), ODD)
SCALARS = st.one_of(
    TEXTS, st.integers(-(2**60), 2**60), st.booleans(), st.floats(allow_nan=False, allow_infinity=False)
)
VALUES = st.dictionaries(TEXTS, SCALARS, max_size=3)
CALLS = st.sampled_from(
    [
        "trim",
        {"name": "replace", "old": 'a"\n', "new": "\\"},
        {"name": "split", "separator": ";", "part": -1, "each": True},
        {"name": "lookup", "values": {"a.b": 1, "": "x", "ש": [1, "two"]}},
    ]
)
NAMES = st.sampled_from(["remote_id", "name", "email", "a.b", "phone_2", "Z"])


@st.composite
def rules(draw: st.DrawFn) -> dict[str, Any]:
    rule: dict[str, Any] = {}
    if draw(st.booleans()):
        rule["from"] = draw(PATHS)
        rule |= draw(st.fixed_dictionaries({}, optional={"direction": st.sampled_from(["out", "both"])}))
    elif draw(st.booleans()):
        rule["expr"] = draw(st.sampled_from(["$trim(name) & '\\n'", 'a ? "b" : `c d`']))
    else:
        rule["default"] = draw(st.one_of(TEXTS, st.integers(), st.booleans()))
    if draw(st.booleans()):
        rule["transform"] = draw(st.lists(CALLS, min_size=1, max_size=3))
    if draw(st.booleans()):
        rule["values"] = draw(VALUES)
        rule |= draw(st.fixed_dictionaries({}, optional={"unmapped": st.sampled_from(["pass", "default"])}))
    more = {
        "required": st.just(True),
        "type": st.sampled_from(["text", "list", "datetime"]),
        "conflict": st.sampled_from(["source", "hub", "manual"]),
        "write": st.sampled_from(["if_empty", "never_blank"]),
    }
    return {**rule, **draw(st.fixed_dictionaries({}, optional=more))}


@st.composite
def documents(draw: st.DrawFn) -> dict[str, Any]:
    """A mapping that can be read, as `content` writes it."""
    fields = draw(st.dictionaries(NAMES, rules(), min_size=1, max_size=4))
    if draw(st.booleans()):
        lists = draw(st.dictionaries(TEXTS, VALUES, min_size=1, max_size=2))
        fields["state"] = {"from": "state", "depends_on": "country", "values": lists}
        fields["country"] = {"from": "country"}
    given = {"stream": "contacts", "record": "party", "version": draw(st.integers(1, 9)), "fields": fields}
    return content(read_document(given, name="acme/contacts.toml", registry=REGISTRY).document)
