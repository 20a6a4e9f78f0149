"""What both sides of a contact changed, and what of a record that comes in is news: tables."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.flow import MAPPINGS
from hub.identity import in_step
from hub.identity.models import SharedRecord
from hub.identity.transforms import TRANSFORMS
from hub.intake.models import Account, AccountState
from hub.mapping.load import read_toml
from hub.mapping.transforms import Registry
from hub.outbound.canonical import entry_key
from hub.records.party import Labelled, Party

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
KEYS = in_step.keys("IL")
MOBILE, MOBILE_E164, OTHER = "050-234-5678", "+972502345678", "+972523334444"


def record(**fields: Any) -> Party:
    lists: dict[str, Any] = {name: tuple(map(Labelled, fields.pop(name, ()))) for name in in_step.LISTS}
    return Party("people/1", **lists, **fields)


@pytest.mark.parametrize(
    ("base", "before", "after", "wanted"),
    [
        ({"name": "A"}, {"name": "B"}, {"name": "B"}, {"name": "A"}),  # what differed before stays so
        ({"name": "A"}, {"name": "B"}, {"name": "C"}, {"name": "C"}),
        ({"name": "A", "company": "X"}, {"company": "X"}, {}, {"name": "A"}),
        ({"phones": [MOBILE]}, {"phones": [MOBILE_E164]}, {"phones": [MOBILE_E164, OTHER]}, {"phones": [MOBILE, OTHER]}),
        ({"phones": [MOBILE]}, {"phones": [MOBILE_E164, OTHER]}, {"phones": [OTHER]}, {}),
        ({"phones": [MOBILE]}, {}, {"phones": [MOBILE_E164]}, {"phones": [MOBILE]}),  # they have it already
        ({"phones": ["*6050"]}, {"phones": [OTHER]}, {}, {"phones": ["*6050"]}),
        ({"emails": ["Dana@A.example"]}, {"emails": ["dana@a.example"]}, {"emails": []}, {}),
        ({}, {}, {}, {}),
    ],
)  # fmt: skip
def test_only_what_the_hub_changed_is_put_upon_what_the_remote_has(
    base: dict[str, Any], before: dict[str, Any], after: dict[str, Any], wanted: dict[str, Any]
) -> None:
    assert in_step.towards(base, before, after, KEYS) == wanted


FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["A", "B"]),
        "job_title": st.sampled_from(["A", "B"]),
        "phones": st.lists(st.sampled_from([MOBILE_E164, OTHER, "+48221234567"]), unique=True, min_size=1, max_size=3),
    },
)


@given(FIELDS, FIELDS)
def test_nothing_changed_is_nothing_wanted(base: dict[str, Any], ours: dict[str, Any]) -> None:
    assert in_step.towards(base, ours, ours, KEYS) == base


@given(FIELDS, FIELDS, FIELDS)
def test_a_change_is_there_afterwards_and_is_put_there_once(
    base: dict[str, Any], before: dict[str, Any], after: dict[str, Any]
) -> None:
    once = in_step.towards(base, before, after, KEYS)
    assert in_step.towards(once, before, after, KEYS) == once
    for name in in_step.difference(before, after, {}) - {*in_step.LISTS}:
        assert once.get(name) == after.get(name)
    known = {entry_key(one, KEYS["phones"]) for one in once.get("phones", ())}
    had, have = set(before.get("phones", ())), set(after.get("phones", ()))
    assert have - had <= known
    assert not (had - have) & known


def shared(**values: Any) -> SharedRecord:
    theirs = in_step.of_record(record(name="New", phones=[MOBILE]))
    given: dict[str, Any] = {
        "base": theirs, "ours": {"name": "New", "phones": [MOBILE_E164]}, "pushed_hash": in_step.fingerprint(theirs, KEYS),
        "earlier": [in_step.fingerprint(in_step.of_record(record(name="Old", phones=[MOBILE])), KEYS)], "pushed_at": NOON,
    }  # fmt: skip
    return SharedRecord(link_id=1, **{**given, **values})


LATER, SOONER = NOON + timedelta(minutes=1), NOON - timedelta(minutes=1)
OURS = {"name": "New", "phones": [MOBILE_E164]}


@pytest.mark.parametrize(
    ("said", "ours", "news", "waits"),
    [
        (record(name="New", phones=[MOBILE], updated_at=NOON), OURS, set(), set()),  # our own write
        (record(name="New", phones=[MOBILE_E164], updated_at=LATER), OURS, set(), set()),  # spelled otherwise
        (record(name="New", phones=[MOBILE]), {**OURS, "name": "Newer"}, set(), set()),
        (record(name="Old", phones=[MOBILE], updated_at=SOONER), OURS, set(), set()),  # a late answer
        (record(name="Older", phones=[MOBILE], updated_at=SOONER), OURS, set(), set()),  # of before our write
        (record(name="Old", phones=[MOBILE], updated_at=LATER), OURS, {"name"}, set()),  # somebody set it again
        (record(name="Theirs", phones=[MOBILE], updated_at=LATER), OURS, {"name"}, set()),
        (record(name="Theirs", phones=[], updated_at=LATER), OURS, {"name", "phones"}, set()),
        (record(name="Theirs", phones=[], updated_at=LATER), {**OURS, "name": "Newer"}, {"phones"}, {"name"}),
        (record(name="New", job_title="Boss", phones=[MOBILE], updated_at=LATER), OURS, {"job_title"}, set()),
    ],
)
def test_an_echo_is_no_news_and_what_both_changed_waits(
    said: Party, ours: Mapping[str, Any], news: set[str], waits: set[str]
) -> None:
    heard = in_step.hear(shared(), said, ours, fields=in_step.FIELDS, region="IL")
    assert (set(heard.fields), set(heard.waits)) == (news, waits)
    assert heard.kept == set(in_step.FIELDS) - news


def test_fields_that_only_come_in_are_not_kept_in_step() -> None:
    said = record(name="Theirs", job_title="Boss", phones=[MOBILE], updated_at=LATER)
    heard = in_step.hear(shared(), said, OURS, fields={"name"}, region="IL")
    assert (set(heard.fields), set(heard.kept)) == ({"name"}, set())


def test_both_sides_agree_on_what_was_heard_and_on_nothing_else() -> None:
    row = shared()
    said = record(name="Theirs", phones=[], job_title="Boss", updated_at=LATER)
    heard = in_step.hear(row, said, {**OURS, "job_title": "Buyer"}, fields=in_step.FIELDS, region="IL")
    in_step.agree(row, heard, {"name": "Theirs", "job_title": "Buyer"})
    assert row.base == {"name": "Theirs"}
    assert row.ours == {"name": "Theirs"}  # the title waits
    assert row.answered


@pytest.mark.parametrize(
    ("said", "fields"),
    [
        (record(name="Dana", company="Levi"), {"name": "Dana", "company": "Levi"}),
        (record(name="Levi", is_company=True), {"company": "Levi"}),
        (record(name=" ", emails=["a@b.example"]), {"emails": ["a@b.example"]}),
    ],
)
def test_a_company_has_its_name_where_a_person_has_an_employer(said: Party, fields: dict[str, Any]) -> None:
    assert in_step.of_record(said) == fields


@pytest.mark.parametrize(
    ("value", "state", "writes"),
    [
        (True, AccountState.ACTIVE, True), ("true", AccountState.PAUSED, True), ("on", AccountState.ACTIVE, True),
        (False, AccountState.ACTIVE, False), ("false", AccountState.ACTIVE, False), (None, AccountState.ACTIVE, False),
        (True, AccountState.REMOVED, False), ([], AccountState.ACTIVE, False),
    ],
)  # fmt: skip
def test_only_who_asks_for_it_writes(value: Any, state: str, writes: bool) -> None:
    assert in_step.writes(Account(settings={in_step.SETTING: value}, state=state)) is writes


def test_the_mapping_says_which_fields_go_both_ways() -> None:
    text = 'stream = "contacts"\nrecord = "party"\n[fields]\nremote_id = "id"\n'
    text += 'name = { from = "n", direction = "both", conflict = "hub", write = "never_blank" }\n'
    text += 'phones = { from = "p", direction = "both" }\nemails = "e"\nbirthday = { from = "b", direction = "both" }\n'
    found = in_step.policies(read_toml(text, name="x/contacts.toml", registry=Registry(TRANSFORMS)), "IL")
    assert found.keys() == {"name", "phones"}
    assert (found["name"].conflict, found["name"].write, found["name"].key) == ("hub", "never_blank", None)
    assert found["phones"].key is not None


def test_the_shipped_mapping_of_google_lets_all_of_them_go_both_ways() -> None:
    text = (Path(MAPPINGS) / "google/contacts.toml").read_text("utf-8")
    for name in in_step.FIELDS:
        [line] = [one for one in text.splitlines() if one.startswith(f"{name} ")]
        assert 'direction = "both"' in line
