"""Two records side by side: what they share, what that weighs, and why, in codes that a page turns into words.

What a value weighs depends on who holds it: a mobile of one person joins, one of a family needs whole names, one that
many give identifies nobody. `facts` reads that off the holders' own content, never off what was joined before, so that
the answer cannot depend on the order in which records came.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from enum import IntEnum, StrEnum
from functools import lru_cache
from itertools import pairwise
from typing import NamedTuple

from hub.identity.names import companies_agree, company_key, comparable, names_agree, person_key, spoken_name
from hub.identity.rules import (
    COMPANIES_OTHER,
    COMPANIES_SAME,
    KINDS,
    NAMES_NEAR,
    NAMES_SAME,
    NAMES_SAME_ON_FIXED_LINE,
    NAMES_SAME_ON_ROLE_MAILBOX,
    SCORE_COMPANY,
    SCORE_COMPANY_OTHER_NAME,
    SCORE_FIXED_LINE,
    SCORE_FIXED_LINE_ALONE,
    SCORE_MAIL_AND_MOBILE,
    SCORE_MAIL_OR_MOBILE,
    SCORE_NAMES_NEAR,
    SCORE_NO_NAME_ONE_OWNER,
    SCORE_NO_NAME_SEVERAL_OWNERS,
    SCORE_OTHER_NAME,
    SCORE_OTHER_SCRIPT,
    SCORE_PERSON_AND_COMPANY,
    SCORE_REMOTE_OR_TAX_ID,
    SCORE_ROLE_MAILBOX,
    SCORE_TAX_ID_OTHER_NAME,
    TAX_IDS,
    Identifier,
    IdentifierKind,
)

# Nobody is looked for by a value that more records hold. Of calls only their names count: a good customer calls often.
CROWD = 50
# A number that was silent so long and then has another name has another owner.
REUSED_AFTER = timedelta(days=365)
# Of a record without a name nobody knows that, so it takes longer.
REUSED_UNSEEN_AFTER = timedelta(days=730)
# Names of two scripts that agree less than this object. From here to NAMES_SAME they say nothing.
OTHER_SCRIPT_OBJECTS = 0.5
# Colleagues behind one line or domain are shown as related where they are so few.
RELATED_BY_A_LINE = 3
# People of one company with one name: likely, but two Levis in one office are no wonder.
SCORE_SAME_NAME_SAME_COMPANY = 0.7
# Words of a name, all written out, that make it a whole one.
WHOLE_NAME_WORDS = 2


class RecordKind(StrEnum):
    PERSON = "person"
    COMPANY = "company"
    CALL = "call"  # it joins whoever called, makes nobody and joins nobody together


class Named(IntEnum):
    """How much a record's name says."""

    NOT = 0
    PARTLY = 1  # one word, or initials
    WHOLE = 2


class Why(StrEnum):
    """What speaks for or against two records being one party."""

    SAME_RECORD = "same_record"
    SAME_TAX_ID = "same_tax_id"
    SAME_EMAIL = "same_email"
    SIMILAR_EMAIL = "similar_email"  # but for what providers ignore
    SAME_MOBILE = "same_mobile"
    SAME_LINE = "same_line"
    SAME_DOMAIN = "same_domain"
    SAME_ROLE_MAILBOX = "same_role_mailbox"
    SAME_UNASSIGNED_NUMBER = "same_unassigned_number"
    SAME_COMPANY = "same_company"
    SAME_BIRTH_DATE = "same_birth_date"
    SAME_ADDRESS = "same_address"
    NAMES_AGREE = "names_agree"  # how far, 0 to 1
    NAMES_NEAR = "names_near"  # how far, both names
    NAMES_DIFFER = "names_differ"  # both names
    OTHER_SCRIPT = "other_script"  # both names
    NO_NAME = "no_name"
    SEVERAL_OWNERS = "several_owners"  # how many
    SEVERAL_FIT = "several_fit"
    LONG_SILENCE = "long_silence"  # between the two, so a number may have another owner
    PERSON_AND_COMPANY = "person_and_company"
    SAID_SAME = "said_same"
    # Against, however much speaks for it.
    NOT_SAME = "not_same"  # a person said so
    TWO_TAX_IDS = "two_tax_ids"
    TWO_BIRTH_DATES = "two_birth_dates"
    # Against joining by itself; a person may.
    TWO_REMOTE_IDS = "two_remote_ids"
    TOO_MANY_RECORDS = "too_many_records"  # the limit
    TOO_MANY_VALUES = "too_many_values"  # of which kind, the limit
    NAMES_IN_CONFLICT = "names_in_conflict"  # two names of the two groups
    ANSWERS_IN_CONFLICT = "answers_in_conflict"  # of people


class Reason(NamedTuple):
    """A code and what belongs into its sentence."""

    code: Why
    values: tuple[str, ...] = ()


class Record(NamedTuple):
    """A source record, as far as it says who it is about.

    Args:
        key: names the record wherever and whenever it is met, such as `3:contacts:c_81`.
        company: where a person works.
        observed_at: when it was true.
    """

    key: str
    kind: RecordKind
    name: str = ""
    company: str = ""
    identifiers: tuple[Identifier, ...] = ()
    born: date | None = None
    observed_at: datetime | None = None


class Weighed(NamedTuple):
    """How likely two records are one party, 0 to 1; `agreement` of their names puts equal scores in order."""

    score: float
    agreement: float
    reasons: tuple[Reason, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """Who holds a value: how many people and companies by their names, and since when each where it changed hands."""

    people: int = 0
    companies: int = 0
    crowded: bool = False
    owners: tuple[tuple[datetime, datetime, str], ...] = ()  # first and last seen, name; oldest first

    def owner_at(self, at: datetime | None) -> str | None:
        """Return the name of who had a number that changed hands; None where that cannot be said."""
        if at is None:
            return None
        for first, last, name in self.owners:
            if first <= at <= last:
                return name
        return self.owners[-1][2] if self.owners and at > self.owners[-1][1] else None


NOTHING = Weighed(0.0, 0.0, ())
_SAME = {
    IdentifierKind.REMOTE_ID: Reason(Why.SAME_RECORD),
    IdentifierKind.TAX_ID: Reason(Why.SAME_TAX_ID),
    IdentifierKind.PERSON_TAX_ID: Reason(Why.SAME_TAX_ID),
    IdentifierKind.EMAIL: Reason(Why.SAME_EMAIL),
    IdentifierKind.MOBILE: Reason(Why.SAME_MOBILE),
    IdentifierKind.FIXED: Reason(Why.SAME_LINE),
    IdentifierKind.DOMAIN: Reason(Why.SAME_DOMAIN),
    IdentifierKind.ROLE_MAILBOX: Reason(Why.SAME_ROLE_MAILBOX),
    IdentifierKind.POSSIBLE_PHONE: Reason(Why.SAME_UNASSIGNED_NUMBER),
}
_PERSONAL = frozenset({IdentifierKind.EMAIL, IdentifierKind.MOBILE})
_PRIORITY = {kind: rule.priority for kind, rule in KINDS.items()}


def with_spoken_name(record: Record) -> Record:
    """Return a record without its name where that is none: an address, a number, "unknown"."""
    if not record.name:
        return record
    key = company_key if record.kind is RecordKind.COMPANY else person_key
    return record if spoken_name(record.name) and key(record.name) else record._replace(name="")


# --- Names --------------------------------------------------------------------------------------------------------


@lru_cache(maxsize=50_000)
def named(name: str) -> Named:
    """Say how much a person's name says."""
    words = person_key(name).split()
    if not words:
        return Named.NOT
    written_out = sum(len(word) > 1 for word in words)
    return Named.WHOLE if written_out >= WHOLE_NAME_WORDS and written_out == len(words) else Named.PARTLY


def names_object(one: str, other: str) -> bool:
    """Tell whether two people's names speak against one person; missing ones do not, and of two scripts only far ones."""
    if not one or not other:
        return False
    agreement = names_agree(one, other)
    return agreement < OTHER_SCRIPT_OBJECTS or (agreement < NAMES_NEAR and comparable(one, other))


def companies_object(one: str, other: str) -> bool:
    """Tell whether two companies' names speak against one company; those of two scripts may be translations."""
    return bool(one and other) and companies_agree(one, other) < COMPANIES_OTHER and comparable(one, other)


# --- What a value is worth ----------------------------------------------------------------------------------------


def facts(holders: Sequence[Record]) -> Facts:
    """Say who holds a value, from what its holders say of themselves."""
    if len(holders) == 1:
        return Facts(people=1)
    if len(holders) > CROWD and _is_crowd(holders):
        return Facts(crowded=True)
    people = {one.name for one in holders if one.kind is not RecordKind.COMPANY and one.name}
    companies = {one.name for one in holders if one.kind is RecordKind.COMPANY}
    companies = companies - {""} or companies  # one without a name may be any of the others
    owners = _one_each(people)
    return Facts(
        people=len(owners),
        companies=len(companies) if len(companies) < 2 else len(_companies(companies)),
        owners=_in_turn(owners, holders) if len(owners) > 1 else (),
    )


def _is_crowd(holders: Iterable[Record]) -> bool:
    cards, callers = 0, set()
    for one in holders:
        if one.kind is RecordKind.CALL:
            callers.add(one.name)
        else:
            cards += 1
    return max(cards, len(callers)) > CROWD


def _one_each(names: Iterable[str]) -> list[str]:
    """Return one name for each person that these names can be told apart into, the fullest ones."""
    owners: list[str] = []
    for name in sorted(names, key=lambda n: (-named(n), -len(n), n)):
        if not any(not names_object(name, owner) for owner in owners):
            owners.append(name)
    return owners


def _companies(names: Iterable[str]) -> list[str]:
    found: list[str] = []
    for name in sorted(names, key=lambda n: (-len(n), n)):
        if not any(companies_agree(name, other) >= COMPANIES_SAME for other in found):
            found.append(name)
    return found


def _in_turn(owners: Sequence[str], holders: Sequence[Record]) -> tuple[tuple[datetime, datetime, str], ...]:
    """Return who held a value when, if they held it one after the other with a long silence between."""
    seen: list[tuple[datetime, datetime, str]] = []
    for owner in owners:
        times = [h.observed_at for h in holders if h.name and h.observed_at and not names_object(h.name, owner)]
        if not times:
            return ()
        seen.append((min(times), max(times), owner))
    seen.sort()
    apart = all(later[0] - earlier[1] >= REUSED_AFTER for earlier, later in pairwise(seen))
    return tuple(seen) if apart else ()


# --- What two records weigh ---------------------------------------------------------------------------------------


def weigh(one: Record, other: Record, shared: Sequence[tuple[Identifier, Facts]]) -> Weighed:
    """Weigh two records that share values which are no crowd's."""
    kinds = {identifier.kind for identifier, _ in shared}
    if IdentifierKind.REMOTE_ID in kinds:  # the record itself, seen again
        return Weighed(SCORE_REMOTE_OR_TAX_ID, 1.0, (_SAME[IdentifierKind.REMOTE_ID],))
    if {one.kind, other.kind} == {RecordKind.PERSON, RecordKind.COMPANY}:
        return Weighed(SCORE_PERSON_AND_COMPANY, 0.0, (*_what(kinds), Reason(Why.PERSON_AND_COMPANY)))
    if RecordKind.COMPANY in {one.kind, other.kind}:
        company, second = (one, other) if one.kind is RecordKind.COMPANY else (other, one)
        if second.kind is RecordKind.CALL:
            return _call_and_company(second, company, shared, kinds)
        return _companies_weighed(one, other, shared, kinds)
    if kinds & TAX_IDS:
        return _tax_id(one, other, shared, kinds)
    return _people(one, other, shared, kinds)


def _what(kinds: Iterable[IdentifierKind]) -> tuple[Reason, ...]:
    return tuple(_SAME[kind] for kind in sorted(kinds, key=lambda kind: (_PRIORITY[kind], kind)))


def _alike(one: Record, other: Record, agreement: float) -> Reason:
    if agreement >= NAMES_SAME:
        return Reason(Why.NAMES_AGREE, (f"{agreement:.2f}",))
    first, second = sorted((one.name, other.name))
    if agreement >= NAMES_NEAR:
        return Reason(Why.NAMES_NEAR, (f"{agreement:.2f}", first, second))
    if not first:
        return Reason(Why.NO_NAME)
    return Reason(Why.NAMES_DIFFER if comparable(first, second) else Why.OTHER_SCRIPT, (first, second))


def _tax_id(
    one: Record, other: Record, shared: Sequence[tuple[Identifier, Facts]], kinds: set[IdentifierKind]
) -> Weighed:
    """Weigh a common tax id: it joins unless the names object, since people mistype and borrow them."""
    is_company = one.kind is RecordKind.COMPANY
    agree, objects = (companies_agree, companies_object) if is_company else (names_agree, names_object)
    agreement = agree(one.name, other.name)
    reasons = (*_what(kinds), _alike(one, other, agreement))
    if objects(one.name, other.name):
        return Weighed(SCORE_TAX_ID_OTHER_NAME, agreement, reasons)
    owners = max(f.companies if is_company else f.people for i, f in shared if i.kind in TAX_IDS)
    if owners > 1 and agreement < NAMES_NEAR:
        return Weighed(SCORE_NO_NAME_SEVERAL_OWNERS, agreement, (*reasons, _several(owners)))
    return Weighed(SCORE_REMOTE_OR_TAX_ID, agreement, reasons)


def _several(owners: int) -> Reason:
    return Reason(Why.SEVERAL_OWNERS, (str(owners),))


def _companies_weighed(
    one: Record, other: Record, shared: Sequence[tuple[Identifier, Facts]], kinds: set[IdentifierKind]
) -> Weighed:
    if IdentifierKind.TAX_ID in kinds:
        return _tax_id(one, other, shared, kinds)
    agreement = companies_agree(one.name, other.name)
    reasons = (*_what(kinds), _alike(one, other, agreement))
    if agreement >= COMPANIES_SAME and not kinds <= {IdentifierKind.POSSIBLE_PHONE}:
        return Weighed(SCORE_COMPANY, agreement, reasons)
    if companies_object(one.name, other.name):
        return Weighed(SCORE_OTHER_NAME, agreement, reasons)  # neighbours, a shared bookkeeper
    return Weighed(SCORE_COMPANY_OTHER_NAME, agreement, reasons)


def _call_and_company(
    call: Record, company: Record, shared: Sequence[tuple[Identifier, Facts]], kinds: set[IdentifierKind]
) -> Weighed:
    """Weigh a call from a number of a company: without a name it is the company's, with a person's he works there."""
    what = _what(kinds)
    if not call.name or companies_agree(call.name, company.name) >= COMPANIES_SAME:
        several = max(f.companies for _, f in shared)
        mobiles = max((f.people for i, f in shared if i.kind is IdentifierKind.MOBILE), default=0)
        if several + mobiles > 1 and not call.name:
            return Weighed(SCORE_NO_NAME_SEVERAL_OWNERS, 0.0, (*what, _several(several + mobiles)))
        return Weighed(SCORE_NO_NAME_ONE_OWNER, 0.0, (*what, Reason(Why.NO_NAME)))
    return Weighed(SCORE_FIXED_LINE_ALONE, 0.0, (*what, Reason(Why.PERSON_AND_COMPANY)))


def _people(
    one: Record, other: Record, shared: Sequence[tuple[Identifier, Facts]], kinds: set[IdentifierKind]
) -> Weighed:
    agreement = names_agree(one.name, other.name)
    personal = [(i, f) for i, f in shared if i.kind in _PERSONAL]
    if not personal and one.name and other.name and agreement < NAMES_SAME:
        few = min(f.people for _, f in shared) <= RELATED_BY_A_LINE
        return Weighed(SCORE_FIXED_LINE_ALONE, agreement, _what(kinds)) if few else NOTHING
    weighed = [_personal(one, other, agreement, personal)] if personal else []
    if len(personal) < len(shared):
        weighed.append(_weak(one, other, agreement, shared))
    best = max(weighed, key=lambda pair: pair[0])
    reasons = (*_what(kinds), _alike(one, other, agreement), *best[1])
    return Weighed(best[0], agreement, reasons)


_Score = tuple[float, tuple[Reason, ...]]


def _personal(one: Record, other: Record, agreement: float, shared: Sequence[tuple[Identifier, Facts]]) -> _Score:
    """Weigh a common personal mailbox or mobile."""
    owners = min(f.people for _, f in shared)
    doubt = (_several(owners),) if owners > 1 else ()
    everybodys = owners > max(KINDS[i.kind].parties_per_value or 0 for i, _ in shared)
    if not one.name or not other.name:
        return (SCORE_OTHER_NAME, doubt) if everybodys else _without_name(one, other, shared, doubt)
    if agreement >= NAMES_SAME:
        both = len({i.kind for i, _ in shared}) > 1
        whole = named(one.name) is named(other.name) is Named.WHOLE
        if (owners > 1 and not whole) or (everybodys and not both):
            return SCORE_NAMES_NEAR, doubt
        return (SCORE_MAIL_AND_MOBILE if both else SCORE_MAIL_OR_MOBILE), ()
    if agreement >= NAMES_NEAR:
        return (SCORE_OTHER_NAME if everybodys else SCORE_NAMES_NEAR), doubt
    known_apart = everybodys or names_object(one.name, other.name)
    return (SCORE_OTHER_NAME if known_apart else SCORE_OTHER_SCRIPT), doubt


def _without_name(
    one: Record, other: Record, shared: Sequence[tuple[Identifier, Facts]], doubt: tuple[Reason, ...]
) -> _Score:
    """Weigh a record without a name: it is its value's one owner's, or that one's who had it at the time."""
    if one.observed_at and other.observed_at and abs(one.observed_at - other.observed_at) >= REUSED_UNSEEN_AFTER:
        return SCORE_NO_NAME_SEVERAL_OWNERS, (*doubt, Reason(Why.LONG_SILENCE))
    if not doubt:
        # A company's number too: then it is not clear that a person calls.
        companies = min(f.companies for _, f in shared)
        return (
            (SCORE_NO_NAME_SEVERAL_OWNERS, (_several(companies + 1),)) if companies else (SCORE_NO_NAME_ONE_OWNER, ())
        )
    nameless, with_name = (one, other) if not one.name else (other, one)
    if with_name.name and len(shared) == 1:
        owner = shared[0][1].owner_at(nameless.observed_at)
        if owner is not None:
            his = not names_object(owner, with_name.name)
            return (SCORE_NO_NAME_ONE_OWNER if his else SCORE_OTHER_NAME), doubt
    return SCORE_NO_NAME_SEVERAL_OWNERS, doubt


def _weak(one: Record, other: Record, agreement: float, shared: Sequence[tuple[Identifier, Facts]]) -> _Score:
    """Weigh what many have in common by nature, lines, domains and role mailboxes, where the names agree."""
    kinds = {i.kind for i, _ in shared}
    if not one.name or not other.name:
        return _line_without_name(one, other, shared)
    whole = named(one.name) is named(other.name) is Named.WHOLE
    colleagues = bool(one.company and other.company) and companies_agree(one.company, other.company) >= COMPANIES_SAME
    together = (Reason(Why.SAME_COMPANY),) if colleagues else ()
    lines = [f for i, f in shared if i.kind is IdentifierKind.FIXED]
    if agreement >= NAMES_SAME_ON_FIXED_LINE and lines:
        alone = min(f.people for f in lines) == 1
        if alone or (whole and (colleagues or IdentifierKind.DOMAIN in kinds)):
            return SCORE_FIXED_LINE, together
        return SCORE_NAMES_NEAR, together
    if agreement >= NAMES_SAME_ON_ROLE_MAILBOX and IdentifierKind.ROLE_MAILBOX in kinds:
        return (SCORE_ROLE_MAILBOX if whole else SCORE_NAMES_NEAR), together
    if agreement >= NAMES_SAME_ON_FIXED_LINE and IdentifierKind.POSSIBLE_PHONE in kinds:
        return SCORE_NAMES_NEAR, together
    return SCORE_SAME_NAME_SAME_COMPANY, together  # a line, a domain or a mailbox


def _line_without_name(one: Record, other: Record, shared: Sequence[tuple[Identifier, Facts]]) -> _Score:
    """Weigh calls from a fixed line: a company's, even of one that has no card, is no person's but for his desk."""
    lines = [(i, f) for i, f in shared if i.kind is IdentifierKind.FIXED]
    if not lines or RecordKind.CALL not in {one.kind, other.kind}:
        return SCORE_FIXED_LINE_ALONE, ()
    calls = one.kind is other.kind
    employed = any(r.company or any(i.kind is IdentifierKind.DOMAIN for i in r.identifiers) for r in (one, other))
    for identifier, known in lines:
        desk = identifier.value != identifier.main_number
        if calls and known.people + known.companies <= 1:
            return SCORE_NO_NAME_ONE_OWNER, ()
        if not calls and known.people == 1 and (desk or not (known.companies or employed)):
            return SCORE_NO_NAME_ONE_OWNER, ()
    return SCORE_FIXED_LINE_ALONE, ()


def canonical(record: Record) -> tuple[object, ...]:
    """Return what puts records in one order whoever lists them: their content, and the key for those that are alike."""
    key = company_key(record.name) if record.kind is RecordKind.COMPANY else person_key(record.name)
    values = sorted((i.kind, i.scope, i.value) for i in record.identifiers)
    return record.kind, key, record.name, record.company, values, str(record.born), str(record.observed_at), record.key
