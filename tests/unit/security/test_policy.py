"""Who may what, written out: a change of policy.py must show here."""

from itertools import product

import pytest

from hub.security.models import Role
from hub.security.policy import Person, Right, Seen, finder, finders, may, may_hear, sees, sees_business, took_part

TABLE = """
right                 agent  manager  admin
use                   yes    yes      yes
dial                  yes    yes      yes
control_own_call      yes    yes      yes
hear_own_recordings   yes    yes      yes
edit_parties          yes    yes      yes
book_meetings         yes    yes      yes
hear_recordings       -      yes      yes
see_all_calls         -      yes      yes
see_insights          -      yes      yes
manage_connections    -      -        yes
manage_users          -      -        yes
see_audit             -      -        yes
see_raw               -      -        yes
see_money             yes    yes      yes
share_any_mail        -      -        yes
manage_privacy        -      -        yes
"""
ROLES = TABLE.split("\n")[1].split()[1:]
ROWS = {line.split()[0]: line.split()[1:] for line in TABLE.strip().split("\n")[1:]}


def someone(role: str, number: int = 1) -> Person:
    return Person(number, None, "noa@example.com", "Noa", role)


def test_the_table_names_every_right_and_every_role() -> None:
    assert set(ROWS) == set(Right)
    assert set(ROLES) == set(Role)


@pytest.mark.parametrize("right", list(Right))
@pytest.mark.parametrize("role", ROLES)
def test_a_role_has_exactly_the_rights_of_the_table(role: str, right: Right) -> None:
    assert may(role, right) == (ROWS[right][ROLES.index(role)] == "yes")


@pytest.mark.parametrize("role", ["", "root", "Admin", "admin "])
def test_an_unknown_role_has_no_right(role: str) -> None:
    assert not any(may(role, right) for right in Right)


@pytest.mark.parametrize(
    ("role", "took_part", "heard"),
    [
        ("agent", True, True),
        ("agent", False, False),
        ("manager", False, True),
        ("admin", False, True),
        ("", True, False),
    ],
)
def test_an_agent_hears_only_recordings_of_own_calls(role: str, took_part: bool, heard: bool) -> None:
    assert may_hear(someone(role), took_part=took_part) == heard


@pytest.mark.parametrize(
    ("answered", "dialled", "part"),
    [(True, False, True), (False, True, True), (True, True, True), (False, False, False)],
)
def test_a_phone_that_only_rang_took_no_part(answered: bool, dialled: bool, part: bool) -> None:
    assert took_part(answered=answered, dialled=dialled) == part


@pytest.mark.parametrize(
    ("visibility", "owner", "seen"),
    [
        ("all", None, Seen.FULL),
        ("all", 2, Seen.FULL),
        ("metadata", 1, Seen.FULL),
        ("metadata", 2, Seen.METADATA),
        ("metadata", None, Seen.METADATA),
        ("owner", 1, Seen.FULL),
        ("owner", 2, Seen.NOTHING),
        ("owner", None, Seen.NOTHING),
        ("of a later version", 2, Seen.NOTHING),
    ],
)
@pytest.mark.parametrize("role", ["agent", "admin"])
def test_content_of_a_private_mailbox_is_its_owners_alone(
    role: str, visibility: str, owner: int | None, seen: Seen
) -> None:
    assert sees(someone(role), visibility=visibility, owner_id=owner) == seen


def test_an_index_names_exactly_those_who_see_the_content() -> None:
    """What a search finds by these names is what `sees` shows in full, to anybody."""
    for visibility, owner, among, reader in product(
        ("all", "metadata", "owner", "of a later version"), (None, 1, 2), ((), (1,), (2, 3)), (0, 1, 2, 3, 12)
    ):
        person = Person(reader, None, "", "", "agent")
        full = sees(person, visibility=visibility, owner_id=owner, among=among) is Seen.FULL
        named = finders(visibility=visibility, owner_id=owner, among=among) & finder(person)
        assert bool(named) is full, (visibility, owner, among, reader)


def test_a_program_is_nobodys_owner() -> None:
    program = Person(0, None, "", "reports", "admin")
    assert sees(program, visibility="owner", owner_id=None) == Seen.NOTHING


@pytest.mark.parametrize(
    ("allowed", "business", "seen"),
    [(None, 1, True), (None, None, True), ({1}, 1, True), ({1}, None, True), ({1}, 2, False), (set(), 1, False)],
)
def test_a_person_sees_the_legal_entities_that_are_theirs(
    allowed: set[int] | None, business: int | None, seen: bool
) -> None:
    assert sees_business(allowed, business) is seen
