import datetime as dt
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.identity.email import read_email
from hub.identity.phone import PhoneContext, normalise, read
from hub.identity.rules import (
    Candidate,
    Held,
    Identifier,
    IdentifierKind,
    Nobody,
    NobodyReason,
    PartyKind,
    Same,
    Unsure,
    becomes_shared,
    caller_identifier,
    email_identifiers,
    phone_identifier,
    resolve_call,
    tax_identifier,
)
from hub.identity.tax_id import TaxId
from hub.identity.tax_id import read as read_tax_id

NOW = dt.datetime(2026, 11, 22, tzinfo=dt.UTC)
PERSON, COMPANY = PartyKind.PERSON, PartyKind.COMPANY

MOBILE = Identifier(IdentifierKind.MOBILE, "+972502345678")
OTHER_MOBILE = Identifier(IdentifierKind.MOBILE, "+972527654321")
LINE = Identifier(IdentifierKind.FIXED, "+97236123456")
DESK = Identifier(IdentifierKind.FIXED, "+97236123456;ext=12")
MAIL = Identifier(IdentifierKind.EMAIL, "dana@levi.example")
ROLE = Identifier(IdentifierKind.ROLE_MAILBOX, "info@levi.example")
DOMAIN = Identifier(IdentifierKind.DOMAIN, "levi.example")
UNASSIGNED = Identifier(IdentifierKind.POSSIBLE_PHONE, "+972501234567")


def party(
    number: int, name: str = "", *holds: Identifier | Held, kind: PartyKind = PERSON, works_at: int | None = None
) -> Candidate:
    held = tuple(one if isinstance(one, Held) else Held(one) for one in holds)
    return Candidate(number, kind, name, held, works_at=works_at)


def call(caller: Identifier | Nobody, *candidates: Candidate) -> Same | Unsure | Nobody:
    answers = {resolve_call(caller, order, at=NOW) for order in permutations(candidates)}
    assert len(answers) == 1, "the order of candidates decided"
    return answers.pop()


# --- Calls ---


def test_a_call_belongs_to_the_one_owner_of_its_mobile() -> None:
    answer = call(MOBILE, party(1, "Dana Levi", MOBILE), party(2, "Noa", OTHER_MOBILE))
    assert isinstance(answer, Same)
    assert answer.party == 1


def test_a_call_from_an_unknown_number_makes_nobody() -> None:
    assert call(MOBILE) == Nobody(NobodyReason.UNKNOWN_NUMBER)
    assert call(MOBILE, party(1, "Dana", OTHER_MOBILE)) == Nobody(NobodyReason.UNKNOWN_NUMBER)


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        ("anonymous", NobodyReason.WITHHELD),
        ("03-7654321", NobodyReason.OWN_NUMBER),
        ("201", NobodyReason.EXTENSION),
        ("*2700", NobodyReason.SHORT_CODE),
        ("1-800-123456", NobodyReason.WEAK_NUMBER),
        ("1-700-501-234", NobodyReason.WEAK_NUMBER),
        ("050-23456788", NobodyReason.NO_NUMBER),
        ("", NobodyReason.NO_NUMBER),
    ],
)
def test_a_caller_id_that_identifies_nobody_says_why(raw: str, reason: NobodyReason) -> None:
    context = PhoneContext(region="IL", own_numbers=frozenset({"+97237654321"}))
    caller = caller_identifier(read(raw, context))
    assert call(caller, party(1, "Dana", MOBILE)) == Nobody(reason)


def test_several_owners_are_a_list_never_a_guess() -> None:
    answer = call(MOBILE, party(2, "Noa Levi", MOBILE), party(1, "Dana Levi", MOBILE))
    assert isinstance(answer, Unsure)
    assert answer.parties == (1, 2)


def test_a_shared_mobile_is_a_list_even_with_one_owner_left() -> None:
    answer = call(MOBILE, party(1, "Dana", Held(MOBILE, shared=True)))
    assert isinstance(answer, Unsure)
    assert answer.parties == (1,)


def test_a_blocked_number_belongs_to_nobody() -> None:
    assert call(MOBILE, party(1, "Dana", Held(MOBILE, blocked=True))) == Nobody(NobodyReason.BLOCKED)


def test_a_number_given_up_belongs_to_its_new_owner() -> None:
    old = party(1, "Dana", Held(MOBILE, valid_to=NOW - dt.timedelta(days=1)))
    new = party(2, "Noa", MOBILE)
    answer = call(MOBILE, old, new)
    assert isinstance(answer, Same)
    assert answer.party == 2
    assert call(MOBILE, old) == Nobody(NobodyReason.UNKNOWN_NUMBER)
    earlier = resolve_call(MOBILE, [old], at=NOW - dt.timedelta(days=2))
    assert isinstance(earlier, Same)  # the call of that time stays with the owner of that time


@pytest.mark.parametrize(
    ("caller", "candidates", "expected"),
    [
        # the company has the line, whoever else wrote it down
        (LINE, [party(1, "Levi Ltd", LINE, kind=COMPANY), party(2, "Dana", LINE)], 1),
        (LINE, [party(1, "Levi Ltd", LINE, kind=COMPANY), party(2, "Dana", DESK)], 1),
        # with the extension it is the person at that desk
        (DESK, [party(1, "Levi Ltd", LINE, kind=COMPANY), party(2, "Dana", DESK)], 2),
        # an extension nobody has is still the company's
        (DESK, [party(1, "Levi Ltd", LINE, kind=COMPANY), party(2, "Noa", LINE)], 1),
        # no company: a person only when nobody else has it
        (LINE, [party(2, "Dana", LINE)], 2),
        (LINE, [party(2, "Dana", LINE), party(3, "Noa", LINE)], (2, 3)),
        # two companies in one building
        (LINE, [party(1, "Levi Ltd", LINE, kind=COMPANY), party(4, "Cohen Ltd", LINE, kind=COMPANY)], (1, 4)),
        # sharing is in the nature of a switchboard
        (LINE, [party(1, "Levi Ltd", Held(LINE, shared=True), kind=COMPANY)], 1),
        # a mobile that a person and the person's company both gave
        (MOBILE, [party(1, "Levi Ltd", MOBILE, kind=COMPANY), party(2, "Dana", MOBILE, works_at=1)], 2),
        (MOBILE, [party(1, "Levi Ltd", MOBILE, kind=COMPANY), party(2, "Dana", MOBILE)], (1, 2)),
        # our tables do not know the range yet, our customer has it all the same
        (UNASSIGNED, [party(2, "Dana", UNASSIGNED)], 2),
    ],
)
def test_whose_call_it_is(caller: Identifier, candidates: list[Candidate], expected: int | tuple[int, ...]) -> None:
    answer = call(caller, *candidates)
    assert isinstance(answer, Same | Unsure)
    assert (answer.party if isinstance(answer, Same) else answer.parties) == expected


def test_a_name_from_the_directory_can_only_raise_a_doubt() -> None:
    dana = party(1, "Dana Levi", MOBILE)
    for name in ("", "Levi Dana", "D. Levi", "דנה לוי"):
        assert isinstance(resolve_call(MOBILE, [dana], at=NOW, name=name), Same)
    assert isinstance(resolve_call(MOBILE, [dana], at=NOW, name="Noa Cohen"), Unsure)
    both = [dana, party(2, "Noa Cohen", MOBILE)]
    assert isinstance(resolve_call(MOBILE, both, at=NOW, name="Dana Levi"), Unsure)
    assert isinstance(resolve_call(LINE, [party(3, "Levi Ltd", LINE, kind=COMPANY)], at=NOW, name="Noa Cohen"), Same)


# --- When a value loses its power ---


@pytest.mark.parametrize(
    ("kind", "owners", "shared"),
    [
        (IdentifierKind.MOBILE, [(PERSON, "Dana Levi")], False),
        (IdentifierKind.MOBILE, [(PERSON, "Dana Levi"), (PERSON, "Levi, Dana")], False),
        (IdentifierKind.MOBILE, [(PERSON, "Dana Levi"), (PERSON, "Noa Cohen")], True),
        (IdentifierKind.MOBILE, [(PERSON, "Dana Levi"), (PERSON, "")], False),
        (IdentifierKind.MOBILE, [(PERSON, "Dana Levi"), (PERSON, "דנה לוי")], False),
        (IdentifierKind.MOBILE, [(PERSON, "Dana Levi"), (COMPANY, "Cohen Ltd")], False),
        (IdentifierKind.MOBILE, [(PERSON, "Dana Levi")] * 3, False),
        (IdentifierKind.MOBILE, [(PERSON, "Dana Levi")] * 4, True),
        (IdentifierKind.EMAIL, [(PERSON, "")] * 4, True),
        (IdentifierKind.DOMAIN, [(COMPANY, "Levi Ltd"), (COMPANY, "Levi GmbH")], True),
        (IdentifierKind.FIXED, [(PERSON, "Dana Levi"), (PERSON, "Noa Cohen")] * 50, False),
        (IdentifierKind.ROLE_MAILBOX, [(PERSON, "Dana Levi"), (PERSON, "Noa Cohen")], False),
    ],
)
def test_when_a_value_is_shared(kind: IdentifierKind, owners: list[tuple[PartyKind, str]], shared: bool) -> None:
    assert becomes_shared(kind, owners) is shared
    assert becomes_shared(kind, reversed(owners)) is shared


# --- From values ---


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("050-2345678", MOBILE),
        ("03-6123456", LINE),
        ("03-6123456 x12", DESK),
        ("050-123-4567", UNASSIGNED),
        ("1-800-123456", None),
        ("+1 212 555 0100", Identifier(IdentifierKind.FIXED, "+12125550100")),
    ],
)
def test_what_a_number_identifies_by(raw: str, expected: Identifier | None) -> None:
    [phone] = normalise(raw, PhoneContext(region="IL"))
    assert phone_identifier(phone) == expected


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("dana@levi.co.il", {(IdentifierKind.EMAIL, "dana@levi.co.il"), (IdentifierKind.DOMAIN, "levi.co.il")}),
        ("info@levi.co.il", {(IdentifierKind.ROLE_MAILBOX, "info@levi.co.il"), (IdentifierKind.DOMAIN, "levi.co.il")}),
        ("dana@gmail.com", {(IdentifierKind.EMAIL, "dana@gmail.com")}),
        ("agent@mail.ours.example", set()),
        ("noreply@levi.co.il", set()),
    ],
)
def test_what_an_address_identifies_by(raw: str, expected: set[tuple[IdentifierKind, str]]) -> None:
    email = read_email(raw)
    assert email is not None
    found = email_identifiers(email, own_domains=frozenset({"ours.example"}))
    assert {(identifier.kind, identifier.value) for identifier in found} == expected


def test_a_tax_id_identifies_where_its_country_vouches_for_it_and_a_persons_is_another_kind() -> None:
    of_company, of_person = (tax_identifier(valid_tax_id("526-104-08-28"), kind) for kind in (COMPANY, PERSON))
    assert of_company == Identifier(IdentifierKind.TAX_ID, "PL5261040828", "PL")
    assert of_person == Identifier(IdentifierKind.PERSON_TAX_ID, "PL5261040828", "PL")
    assert tax_identifier(valid_tax_id("44051401359"), PERSON) == Identifier(
        IdentifierKind.PERSON_TAX_ID, "PL44051401359", "PL/pesel"
    )
    assert tax_identifier(valid_tax_id("526-104-08-29"), COMPANY) is None


def valid_tax_id(raw: str) -> TaxId:
    found = read_tax_id(raw, "PL")
    assert found is not None
    return found


# --- Whatever comes ---

HELD = st.builds(
    Held, st.sampled_from([MOBILE, LINE, DESK, UNASSIGNED]), st.booleans(), st.booleans(), st.sampled_from([None, NOW])
)
NAMES = st.sampled_from(["", "Dana Levi", "Levi, Dana", "Noa Levi", "דנה לוי", "Levi Ltd"])
CANDIDATES = st.lists(
    st.builds(Candidate, st.integers(1, 9), st.sampled_from(PartyKind), NAMES, st.lists(HELD, max_size=4).map(tuple)),
    max_size=4,
    unique_by=lambda candidate: candidate.party,
)


@given(CANDIDATES, st.randoms(use_true_random=False))
def test_the_order_of_candidates_never_decides(candidates: list[Candidate], random: object) -> None:
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    for identifier in (MOBILE, LINE, DESK):
        assert resolve_call(identifier, candidates, at=NOW) == resolve_call(identifier, shuffled, at=NOW)
