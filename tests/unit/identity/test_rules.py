import datetime as dt
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.identity.email import read_email
from hub.identity.phone import PhoneContext, normalise, read
from hub.identity.rules import (
    CERTAIN,
    CLUSTER_STOPS_AUTOMATIC,
    KINDS,
    POSSIBLE,
    SCORE_AT_A_LIMIT,
    SCORE_MAIL_AND_MOBILE,
    SCORE_PERSON_AND_COMPANY,
    Candidate,
    Evidence,
    Held,
    Identifier,
    IdentifierKind,
    New,
    Nobody,
    NobodyReason,
    PartyKind,
    Same,
    Unsure,
    becomes_shared,
    caller_identifier,
    email_identifiers,
    phone_identifier,
    resolve,
    resolve_call,
    score,
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


def tax(value: str, scope: str = "IL") -> Identifier:
    return Identifier(IdentifierKind.TAX_ID, value, scope)


def own_tax(value: str) -> Identifier:
    return Identifier(IdentifierKind.PERSON_TAX_ID, value, "IL")


def remote(value: str, scope: str = "crm/contacts") -> Identifier:
    return Identifier(IdentifierKind.REMOTE_ID, value, scope)


def party(
    number: int, name: str = "", *holds: Identifier | Held, kind: PartyKind = PERSON, works_at: int | None = None
) -> Candidate:
    held = tuple(one if isinstance(one, Held) else Held(one) for one in holds)
    return Candidate(number, kind, name, held, works_at=works_at)


def person(name: str, *identifiers: Identifier, **more: object) -> Evidence:
    return Evidence(PERSON, name, identifiers, **more)  # type: ignore[arg-type]


def company(name: str, *identifiers: Identifier) -> Evidence:
    return Evidence(COMPANY, name, identifiers)


def call(caller: Identifier | Nobody, *candidates: Candidate) -> Same | Unsure | Nobody:
    answers = {resolve_call(caller, order, at=NOW) for order in permutations(candidates)}
    assert len(answers) == 1, "the order of candidates decided"
    return answers.pop()


def whose(evidence: Evidence, *candidates: Candidate) -> int | tuple[int, ...] | None:
    """Return the party it is, the parties it may be, or None for a new one."""
    answers = {resolve(evidence, order) for order in permutations(candidates)}
    assert len(answers) == 1, "the order of candidates decided"
    match answers.pop():
        case Same(party=number):
            return number
        case Unsure(parties=numbers):
            return numbers
        case New():
            return None


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


# --- Records ---


def test_the_same_record_again_is_its_party_whatever_it_says_now() -> None:
    known = party(1, "Dana Levi", remote("7"), tax("511"))
    assert whose(person("Somebody Else", remote("7"), tax("999")), known) == 1
    assert whose(Evidence(COMPANY, "X", (remote("7"),), not_same=frozenset({1})), known) == 1


@pytest.mark.parametrize(
    ("evidence", "candidate", "expected"),
    [
        (person("Dana Levi", MAIL), party(1, "Levi Dana", MAIL), 1),
        (person("Dana Levi", MOBILE), party(1, "D. Levi", MOBILE), 1),
        (person("", MOBILE), party(1, "Dana", MOBILE), 1),
        (person("Dana", MAIL), party(1, "", MAIL), 1),
        (person("Dana Levi", MOBILE), party(1, "Noa Levi", MOBILE), None),  # a family's mobile: related, no more
        (person("Dana Levi", MOBILE), party(1, "דנה לוי", MOBILE), 1),
        (
            person("Dana Levi", MOBILE),
            party(1, "משה כהן", MOBILE),
            (1,),
        ),  # what is heard in two scripts is no proof: ask
        (person("Dana Levi", LINE), party(1, "דנה לוי", LINE), 1),
        (person("Dana Levi", Identifier(IdentifierKind.MOBILE, "+1")), party(1, "Dana Levi", MOBILE), None),
        (person("Dana Levi", MOBILE), party(1, "Dana Levi", Held(MOBILE, shared=True)), (1,)),
        (person("", MOBILE), party(1, "Dana", Held(MOBILE, owners=2)), (1,)),
        (person("Dana", MAIL), party(1, "Dana", Held(MAIL, blocked=True)), None),
        (person("Dana", MAIL), party(1, "Dana", Held(MAIL, valid_to=NOW)), None),
        # what is shared by nature joins people only with the same name, and a line only with one owner
        (person("Dana Levi", LINE), party(1, "Dana Levi", LINE), 1),
        (person("Dana Levi", LINE), party(1, "Noa Levi", LINE), None),
        (person("Dana Levi", LINE), party(1, "Dana Levi", Held(LINE, owners=2)), None),
        (person("Dana Levi", ROLE), party(1, "Dana Levi", ROLE), 1),
        (person("Dana Levi", ROLE), party(1, "Noa Levi", ROLE), None),
        (person("Dana Levi", DOMAIN), party(1, "Noa Levi", DOMAIN), None),
        # an unassigned number never joins, it asks
        (person("Dana Levi", UNASSIGNED), party(1, "Dana Levi", UNASSIGNED), (1,)),
        (person("", UNASSIGNED), party(1, "Dana Levi", UNASSIGNED), None),
        # companies
        (company("Levi Ltd", tax("511")), party(1, "LEVI TRADE GROUP", tax("511"), kind=COMPANY), 1),
        (company("Levi Ltd", tax("511")), party(1, "", tax("511"), kind=COMPANY), 1),
        (company("Levi Ltd", tax("511")), party(1, "לוי בע״מ", tax("511"), kind=COMPANY), 1),
        (company("Levi Ltd", tax("511")), party(1, "", Held(tax("511"), owners=2), kind=COMPANY), (1,)),
        (company("Levi Ltd", tax("511")), party(1, "לוי בע״מ", Held(tax("511"), owners=2), kind=COMPANY), 1),
        (company("Levi Ltd", tax("511")), party(1, "אור בע״מ", Held(tax("511"), owners=2), kind=COMPANY), (1,)),
        (company("Levi Ltd", LINE), party(1, "לוי בע״מ", LINE, kind=COMPANY), 1),
        (company("Levi Ltd", tax("511")), party(1, "Nordwind Ltd", tax("511"), kind=COMPANY), (1,)),  # mistyped
        (company("Levi Ltd", tax("511"), MAIL), party(1, "Levi", tax("511"), tax("999"), MAIL, kind=COMPANY), (1,)),
        (person("Dana Levi", own_tax("511")), party(1, "Levi Dana", own_tax("511")), 1),
        (person("Dana Levi", own_tax("511")), party(1, "Noa Cohen", own_tax("511")), (1,)),
        (person("Dana Levi", own_tax("511"), MAIL), party(1, "Dana Levi", own_tax("999"), MAIL), None),
        (company("Levi", tax("511"), MAIL), party(1, "Levi", Held(tax("9"), blocked=True), MAIL, kind=COMPANY), (1,)),
        (company("Levi Ltd", LINE), party(1, "Levi GmbH", LINE, kind=COMPANY), 1),
        (company("Levi Ltd", DOMAIN), party(1, "Cohen Ltd", DOMAIN, kind=COMPANY), (1,)),
        (company("Levi Ltd", MAIL, tax("511")), party(1, "Levi Ltd", MAIL, tax("999"), kind=COMPANY), None),
        (company("Levi Ltd", MAIL, tax("511")), party(1, "Levi Ltd", MAIL, tax("511", "PL"), kind=COMPANY), (1,)),
        # a person and a company never merge
        (person("Levi", MAIL), party(1, "Levi", MAIL, kind=COMPANY), None),
        (company("Levi", MOBILE), party(1, "Levi", MOBILE), None),
        # a person's word stands
        (person("Dana Levi", MAIL, not_same=frozenset({1})), party(1, "Dana Levi", MAIL), None),
    ],
)
def test_whose_record_it_is(evidence: Evidence, candidate: Candidate, expected: int | tuple[int, ...] | None) -> None:
    assert whose(evidence, candidate) == expected


def test_a_record_without_anything_known_is_new() -> None:
    assert whose(person("Dana Levi", MAIL)) is None
    assert whose(person("Dana Levi", MAIL), party(1, "Dana Levi", OTHER_MOBILE)) is None


def test_mail_and_mobile_together_weigh_more_than_one() -> None:
    both = score(person("Dana Levi", MAIL, MOBILE), party(1, "Dana Levi", MAIL, MOBILE))
    assert both.score == SCORE_MAIL_AND_MOBILE
    assert both.reason == "same email and mobile, names agree"


def test_the_best_of_two_is_joined_and_the_other_goes_to_the_queue() -> None:
    answer = resolve(
        person("Dana Levi", MAIL, MOBILE), [party(2, "Dana Levi", MAIL), party(1, "Dana Levi", MAIL, MOBILE)]
    )
    assert isinstance(answer, Same)
    assert (answer.party, answer.also) == (1, (2,))


def test_two_equally_good_ones_are_asked_about() -> None:
    assert whose(person("Dana Levi", MAIL), party(1, "Dana Levi", MAIL), party(2, "Dana Levi", MAIL)) == (1, 2)


def test_a_person_and_a_company_are_only_related() -> None:
    assert (
        score(person("Levi", MAIL), party(1, "Levi", MAIL, kind=COMPANY)).score == SCORE_PERSON_AND_COMPANY < POSSIBLE
    )


def test_reasons_are_words_for_the_reviewer() -> None:
    answer = resolve(person("Dana Levi", MOBILE), [party(1, "משה כהן", MOBILE)])
    assert isinstance(answer, Unsure)
    assert answer.reasons == ("same mobile, names in different scripts: Dana Levi / משה כהן",)


# --- Limits ---


def test_another_record_of_the_same_account_is_never_joined_by_itself() -> None:
    known = party(1, "Dana Levi", MAIL, remote("7"))
    assert whose(person("Dana Levi", MAIL, remote("8")), known) == (1,)
    assert whose(person("Dana Levi", MAIL, remote("8", "erp/partners")), known) == 1


@pytest.mark.parametrize("kind", [kind for kind, rule in KINDS.items() if rule.values_per_party])
def test_a_limit_of_values_is_never_exceeded_by_itself(kind: IdentifierKind) -> None:
    most = KINDS[kind].values_per_party
    assert most is not None
    full = party(1, "Dana Levi", *[Identifier(kind, f"v{i}", scope=f"s{i}") for i in range(most - 1)], MAIL, MOBILE)
    one_more = [Identifier(kind, f"w{i}", scope=f"t{i}") for i in range(2)]
    found = score(person("Dana Levi", MAIL, MOBILE, *one_more), full)
    assert found.score == SCORE_AT_A_LIMIT < CERTAIN
    assert "more than" in found.reason


def test_a_large_cluster_takes_no_more_by_itself() -> None:
    large = Candidate(1, PERSON, "Dana Levi", (Held(MAIL),), records=CLUSTER_STOPS_AUTOMATIC)
    assert whose(person("Dana Levi", MAIL), large) == (1,)


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

IDENTIFIERS = st.sampled_from([MOBILE, OTHER_MOBILE, LINE, DESK, MAIL, ROLE, DOMAIN, UNASSIGNED, tax("1"), tax("2")])
NAMES = st.sampled_from(["", "Dana Levi", "Levi, Dana", "Noa Levi", "דנה לוי", "Levi Ltd"])
HELD = st.builds(
    Held,
    IDENTIFIERS,
    shared=st.booleans(),
    blocked=st.booleans(),
    valid_to=st.sampled_from([None, NOW]),
    owners=st.integers(1, 3),
)
CANDIDATES = st.lists(
    st.builds(Candidate, st.integers(1, 9), st.sampled_from(PartyKind), NAMES, st.lists(HELD, max_size=4).map(tuple)),
    max_size=4,
    unique_by=lambda candidate: candidate.party,
)
EVIDENCE = st.builds(Evidence, st.sampled_from(PartyKind), NAMES, st.lists(IDENTIFIERS, max_size=4).map(tuple))


@given(EVIDENCE, CANDIDATES, st.randoms(use_true_random=False))
def test_the_order_of_candidates_never_decides(evidence: Evidence, candidates: list[Candidate], random: object) -> None:
    shuffled = list(candidates)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert resolve(evidence, candidates) == resolve(evidence, shuffled)
    for identifier in (MOBILE, LINE, DESK):
        assert resolve_call(identifier, candidates, at=NOW) == resolve_call(identifier, shuffled, at=NOW)


@given(EVIDENCE, CANDIDATES)
def test_nothing_is_joined_without_a_common_usable_identifier(evidence: Evidence, candidates: list[Candidate]) -> None:
    answer = resolve(evidence, candidates)
    if isinstance(answer, Same):
        chosen = next(c for c in candidates if c.party == answer.party)
        common = [h for h in chosen.held if h.identifier in evidence.identifiers and not h.blocked and not h.valid_to]
        assert common
        assert chosen.kind is evidence.kind
        assert answer.score >= CERTAIN
