"""Who a record belongs to: pure decisions on exact identifiers. `link.py` looks up, asks here, and stores.

Identifiers find candidates, a name agrees or objects, a person decides the rest. A wrong merge harms more than a
missed one, so whatever is not clear becomes a list (`Unsure`), never a guess. No answer depends on the order in which
candidates are given.

The thresholds and scores were fitted on a practice set of 5,091 records with shared switchboards, family
telephones, role mailboxes and reused mobiles; they are a start, not a law.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from hub.identity.email import Email
from hub.identity.names import companies_agree, comparable, names_agree
from hub.identity.phone import Phone, PhoneKind, PhoneQuality, PhoneReading, PhoneVerdict
from hub.identity.tax_id import TaxId

# Bands of the score: joined by itself; a person is asked; only shown as related.
CERTAIN = 0.85
POSSIBLE = 0.5

# How far two names must agree, 0 to 1, before an identifier of the kind joins two records.
NAMES_SAME = 0.82
NAMES_NEAR = 0.7
NAMES_SAME_ON_FIXED_LINE = 0.9
NAMES_SAME_ON_ROLE_MAILBOX = 0.92
COMPANIES_SAME = 0.86
# Names of two companies with one tax id that agree less than this object: somebody wrote the id of another one. All true
# pairs of the practice set agree by .6; firm and trade name of one company may be far apart.
COMPANIES_OTHER = 0.4

# Scores of one candidate. Those below CERTAIN ask a person.
SCORE_REMOTE_OR_TAX_ID = 0.99
SCORE_MAIL_AND_MOBILE = 0.97
SCORE_COMPANY = 0.95
SCORE_MAIL_OR_MOBILE = 0.93
SCORE_NO_NAME_ONE_OWNER = 0.9
SCORE_FIXED_LINE = 0.88
SCORE_ROLE_MAILBOX = 0.85
SCORE_NAMES_NEAR = 0.75
SCORE_TAX_ID_OTHER_NAME = 0.7
SCORE_AT_A_LIMIT = 0.6
SCORE_COMPANY_OTHER_NAME = 0.55
SCORE_NO_NAME_SEVERAL_OWNERS = 0.5
SCORE_OTHER_SCRIPT = 0.5  # names of two scripts that do not sound alike do not object either: ask
SCORE_OTHER_NAME = 0.45
SCORE_FIXED_LINE_ALONE = 0.4
SCORE_ROLE_MAILBOX_ALONE = 0.35
SCORE_PERSON_AND_COMPANY = 0.3

# A party of this many source records takes no more by itself; of so many, not even by hand in bulk.
CLUSTER_STOPS_AUTOMATIC = 12
CLUSTER_STOPS = 50


class PartyKind(StrEnum):
    PERSON = "person"
    COMPANY = "company"


class IdentifierKind(StrEnum):
    """What points to a party; the value is in its normal form."""

    REMOTE_ID = "remote_id"  # scope: account and stream
    TAX_ID = "tax_id"  # of a company; scope: country and kind of number
    PERSON_TAX_ID = "person_tax_id"
    EMAIL = "email"
    MOBILE = "mobile"
    FIXED = "fixed"  # fixed lines and whatever is not surely one person's
    DOMAIN = "domain"
    ROLE_MAILBOX = "role_mailbox"
    POSSIBLE_PHONE = "possible_phone"  # unassigned range: found by exact match, never merges


@dataclass(frozen=True, slots=True)
class KindRule:
    """What an identifier kind may do.

    Args:
        priority: 1 is the strongest; when a limit is met the weakest gives way.
        merges: joins two records by itself (for mail and mobile: if the names do not object).
        parties_per_value: one more party makes the value shared; None: sharing is its nature.
        values_per_party: one more is not taken automatically; None: no limit.
    """

    priority: int
    merges: bool
    parties_per_value: int | None
    values_per_party: int | None


KINDS = {
    IdentifierKind.REMOTE_ID: KindRule(1, merges=True, parties_per_value=1, values_per_party=None),
    IdentifierKind.TAX_ID: KindRule(2, merges=True, parties_per_value=1, values_per_party=1),
    IdentifierKind.PERSON_TAX_ID: KindRule(2, merges=True, parties_per_value=1, values_per_party=1),
    IdentifierKind.EMAIL: KindRule(3, merges=True, parties_per_value=3, values_per_party=5),
    IdentifierKind.MOBILE: KindRule(4, merges=True, parties_per_value=3, values_per_party=4),
    IdentifierKind.FIXED: KindRule(5, merges=False, parties_per_value=None, values_per_party=4),
    IdentifierKind.DOMAIN: KindRule(5, merges=False, parties_per_value=1, values_per_party=5),
    IdentifierKind.ROLE_MAILBOX: KindRule(6, merges=False, parties_per_value=None, values_per_party=None),
    IdentifierKind.POSSIBLE_PHONE: KindRule(7, merges=False, parties_per_value=3, values_per_party=4),
}
TAX_IDS = frozenset({IdentifierKind.TAX_ID, IdentifierKind.PERSON_TAX_ID})
PHONES = frozenset({IdentifierKind.MOBILE, IdentifierKind.FIXED, IdentifierKind.POSSIBLE_PHONE})

# Numbers many parties give alike; they identify nobody.
WEAK_PHONES = frozenset(
    {PhoneKind.TOLL_FREE, PhoneKind.SHARED_COST, PhoneKind.PREMIUM, PhoneKind.COMPANY, PhoneKind.VOICEMAIL}
)


class NobodyReason(StrEnum):
    """Why an event stays without a party."""

    UNKNOWN_NUMBER = "unknown_number"  # until somebody names it or a second source knows it
    WITHHELD = "withheld"
    OWN_NUMBER = "own_number"
    EXTENSION = "extension"
    SHORT_CODE = "short_code"
    WEAK_NUMBER = "weak_number"
    NO_NUMBER = "no_number"  # not a number at all
    BLOCKED = "blocked"  # an administrator said that this value identifies nobody


@dataclass(frozen=True, slots=True)
class Identifier:
    """A value that points to a party. Two are the same when kind, scope and value are."""

    kind: IdentifierKind
    value: str
    scope: str = ""  # remote_id: account and stream; tax_id: country and kind of number
    raw: str = field(default="", compare=False)

    @property
    def main_number(self) -> str:
        """The number without its extension: where to look for the company behind a desk."""
        return self.value.partition(";ext=")[0]


@dataclass(frozen=True, slots=True)
class Held:
    """An identifier as a party holds it.

    `valid_to` is when its owner gave it up; `owners` how many parties hold the value now, this one included.
    """

    identifier: Identifier
    shared: bool = False
    blocked: bool = False
    valid_to: datetime | None = None
    owners: int = 1


@dataclass(frozen=True, slots=True)
class Candidate:
    """A party that holds at least one of the record's identifiers, with everything it holds.

    `works_at` is the company it belongs to, `records` how many source records it has.
    """

    party: int
    kind: PartyKind
    name: str
    held: tuple[Held, ...]
    works_at: int | None = None
    records: int = 1


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a record of a person or a company says about who it is.

    `at` is when it was true; an identifier given up before then does not count. `not_same` are parties
    that a person said it is not.
    """

    kind: PartyKind
    name: str
    identifiers: tuple[Identifier, ...]
    at: datetime | None = None
    not_same: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Same:
    """The record belongs to this party. `also` are parties to put into the review queue with it."""

    party: int
    score: float = 1.0
    reasons: tuple[str, ...] = ()
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsure:
    """It may belong to one of these, best first; a person decides."""

    parties: tuple[int, ...]
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class New:
    """Nobody known."""


@dataclass(frozen=True, slots=True)
class Nobody:
    """No party is to be made or attached."""

    reason: NobodyReason


@dataclass(frozen=True, slots=True)
class Scored:
    """What speaks for one candidate."""

    party: int
    score: float
    reason: str


# --- From values to identifiers ---------------------------------------------------------------------------------


def phone_identifier(phone: Phone) -> Identifier | None:
    """Return what a telephone number identifies by; None for numbers that identify nobody."""
    if phone.kind in WEAK_PHONES:
        return None
    if phone.quality is PhoneQuality.POSSIBLE:
        kind = IdentifierKind.POSSIBLE_PHONE
    elif phone.kind in {PhoneKind.MOBILE, PhoneKind.PERSONAL, PhoneKind.PAGER}:
        kind = IdentifierKind.MOBILE
    else:  # North American plans do not tell mobiles from fixed lines: the careful reading
        kind = IdentifierKind.FIXED
    return Identifier(kind, phone.key, raw=phone.raw)


def email_identifiers(email: Email, own_domains: frozenset[str] = frozenset()) -> tuple[Identifier, ...]:
    """Return what an address identifies by: itself, and its company's domain. Ours and programs' identify nobody."""
    domain = email.company_domain
    if email.automatic or any(email.domain == own or email.domain.endswith(f".{own}") for own in own_domains):
        return ()
    kind = IdentifierKind.ROLE_MAILBOX if email.role else IdentifierKind.EMAIL
    found = (Identifier(kind, email.address, raw=email.raw),)
    return (*found, Identifier(IdentifierKind.DOMAIN, domain, raw=email.raw)) if domain else found


def tax_identifier(tax_id: TaxId, kind: PartyKind) -> Identifier | None:
    """Return what a tax id identifies by; None for one that no country's rule vouches for.

    Args:
        tax_id: from `tax_id.read`.
        kind: a person's number and a company's are different things.
    """
    if not tax_id.is_valid:
        return None
    of_kind = IdentifierKind.TAX_ID if kind is PartyKind.COMPANY else IdentifierKind.PERSON_TAX_ID
    return Identifier(of_kind, tax_id.key, scope=tax_id.scope, raw=tax_id.raw)


_NOBODY = {
    PhoneVerdict.WITHHELD: NobodyReason.WITHHELD,
    PhoneVerdict.OWN: NobodyReason.OWN_NUMBER,
    PhoneVerdict.EXTENSION: NobodyReason.EXTENSION,
    PhoneVerdict.SHORT: NobodyReason.SHORT_CODE,
    PhoneVerdict.NO_REGION: NobodyReason.NO_NUMBER,
    PhoneVerdict.INVALID: NobodyReason.NO_NUMBER,
    PhoneVerdict.JUNK: NobodyReason.NO_NUMBER,
}


def caller_identifier(reading: PhoneReading) -> Identifier | Nobody:
    """Return what the other side of a call or text message identifies by, or why by nothing."""
    if not reading.phones:
        return Nobody(_NOBODY[reading.verdict])
    return phone_identifier(reading.phones[0]) or Nobody(NobodyReason.WEAK_NUMBER)


# --- Calls: attach, never make ----------------------------------------------------------------------------------


def resolve_call(
    caller: Identifier | Nobody, candidates: Iterable[Candidate], *, at: datetime, name: str = ""
) -> Same | Unsure | Nobody:
    """Say whose call it is. A call makes no party; it is given to the one owner of its number, or to nobody.

    A fixed line belongs to its company; to a person only where the extension says so or nobody else has it.

    Args:
        caller: from `caller_identifier`.
        candidates: parties that hold the number, and for a fixed line those that hold its main number.
        at: when the call started.
        name: the caller's name where it comes from a directory of people; it can only raise a doubt. A carrier's
            own texts (a town, "mobile") do not belong here.
    """
    if isinstance(caller, Nobody):
        return caller
    known = tuple(candidates)
    owners = {c.party: c for c in known if any(_answers(h, caller, at) for h in c.held)}
    if not owners:
        blocked = any(h.blocked and h.identifier.value == caller.value for c in known for h in c.held)
        return Nobody(NobodyReason.BLOCKED if blocked else NobodyReason.UNKNOWN_NUMBER)
    chosen = _owners_of_line(caller, owners) if caller.kind is IdentifierKind.FIXED else _owners_of_mobile(owners)
    shared = any(h.shared and _answers(h, caller, at) for party in chosen for h in owners[party].held)
    if len(chosen) == 1 and _disagree((owners[chosen[0]].kind, owners[chosen[0]].name), (PartyKind.PERSON, name)):
        return Unsure(tuple(chosen), reasons=(f"{caller.kind} {caller.value}, but the caller is named {name}",))
    # A shared fixed line still is its company's; a shared mobile is nobody's in particular.
    if len(chosen) == 1 and not (shared and caller.kind is not IdentifierKind.FIXED):
        return Same(chosen[0], reasons=(f"{caller.kind} {caller.value}",))
    return Unsure(tuple(chosen), reasons=(f"{caller.kind} {caller.value} belongs to several",))


def _answers(held: Held, caller: Identifier, at: datetime) -> bool:
    same_line = held.identifier.main_number == caller.main_number
    return held.identifier.kind in PHONES and same_line and _usable(held, at)


def _owners_of_mobile(owners: dict[int, Candidate]) -> list[int]:
    """Return who may be calling; of a person and the company it works at, the person."""
    employers = {c.works_at for c in owners.values() if c.kind is PartyKind.PERSON}
    return sorted(party for party in owners if party not in employers)


def _owners_of_line(caller: Identifier, owners: dict[int, Candidate]) -> list[int]:
    exact = {p: c for p, c in owners.items() if any(h.identifier.value == caller.value for h in c.held)}
    if exact and caller.value != caller.main_number:
        return sorted(exact)  # the extension names the desk
    companies = sorted(p for p, c in owners.items() if c.kind is PartyKind.COMPANY)
    return companies or sorted(exact or owners)


# --- Records: join, ask or make -----------------------------------------------------------------------------------


def resolve(evidence: Evidence, candidates: Iterable[Candidate]) -> Same | Unsure | New:
    """Say which known party a record of a person or company belongs to, if any."""
    scored = sorted((score(evidence, c) for c in candidates), key=lambda s: (-s.score, s.party))
    maybe = [s for s in scored if s.score >= POSSIBLE]
    if not maybe:
        return New()
    best, rest = maybe[0], maybe[1:]
    tied = [s for s in rest if s.score == best.score]
    if best.score < CERTAIN or tied:
        return Unsure(tuple(s.party for s in maybe), tuple(s.reason for s in maybe))
    return Same(best.party, best.score, (best.reason,), tuple(s.party for s in rest))


def score(evidence: Evidence, candidate: Candidate) -> Scored:
    """Weigh one candidate, 0 to 1, with the reason in words."""
    wanted = set(evidence.identifiers)
    matching = [h for h in candidate.held if h.identifier in wanted and _usable(h, evidence.at)]
    if veto := _veto(evidence, candidate, matching):
        return Scored(candidate.party, 0.0, veto)
    if any(h.identifier.kind is IdentifierKind.REMOTE_ID for h in matching):  # the record itself, seen again
        return Scored(candidate.party, SCORE_REMOTE_OR_TAX_ID, "same remote id")
    if evidence.kind is not candidate.kind:  # a relation, such as "works at", never a merge
        return Scored(candidate.party, SCORE_PERSON_AND_COMPANY, "a person and a company")
    value, reason = _weigh(evidence, candidate, matching)
    if value >= CERTAIN and (limit := _limit(evidence, candidate)):
        return Scored(candidate.party, SCORE_AT_A_LIMIT, f"{reason}, but {limit}")
    return Scored(candidate.party, value, reason)


def _veto(evidence: Evidence, candidate: Candidate, matching: Sequence[Held]) -> str:
    """Name what makes them two parties whatever else agrees, if anything does."""
    if not matching:
        return "nothing in common"
    if any(h.identifier.kind is IdentifierKind.REMOTE_ID for h in matching):
        return ""
    if candidate.party in evidence.not_same:
        return "a person said: not the same"
    return "different tax ids" if _other_value_of_single(evidence, candidate) else ""


def _usable(held: Held, at: datetime | None) -> bool:
    given_up = held.valid_to is not None and (at is None or held.valid_to <= at)
    return not held.blocked and not given_up


def _other_value_of_single(evidence: Evidence, candidate: Candidate) -> bool:
    """Tell whether both have a tax id of one kind of one country and they differ: two parties, whatever else agrees."""
    theirs: dict[tuple[IdentifierKind, str], set[str]] = {}
    for held in candidate.held:
        if held.identifier.kind in TAX_IDS and held.valid_to is None and not held.blocked:
            theirs.setdefault((held.identifier.kind, held.identifier.scope), set()).add(held.identifier.value)
    mine = [one for one in evidence.identifiers if one.kind in TAX_IDS]
    return any(one.value not in theirs.get((one.kind, one.scope), {one.value}) for one in mine)


def _limit(evidence: Evidence, candidate: Candidate) -> str:
    """Name the limit that joining would break, if any."""
    if candidate.records >= CLUSTER_STOPS_AUTOMATIC:
        return f"it already has {candidate.records} source records"
    held = {h.identifier for h in candidate.held if not h.valid_to}
    scopes = {i.scope for i in evidence.identifiers if i.kind is IdentifierKind.REMOTE_ID}
    if any(i.kind is IdentifierKind.REMOTE_ID and i.scope in scopes for i in held):
        return "the same account has another record of it"
    joined = held | set(evidence.identifiers)
    for kind, rule in KINDS.items():
        most = rule.values_per_party
        if most is not None and sum(i.kind is kind for i in joined) > most:
            return f"it would have more than {most} of {kind}"
    return ""


def _weigh(evidence: Evidence, candidate: Candidate, matching: Sequence[Held]) -> tuple[float, str]:
    kinds = {h.identifier.kind for h in matching}
    if same := [h for h in matching if h.identifier.kind in TAX_IDS]:
        return _weigh_tax_id(evidence, candidate, same[0])
    if evidence.kind is PartyKind.COMPANY:
        return _weigh_company(evidence, candidate, kinds)
    return max(
        _weigh_personal(evidence, candidate, matching),
        _weigh_line(evidence, candidate, matching),
        _weigh_role(evidence, candidate, kinds),
        key=lambda weighed: weighed[0],
    )


def _weigh_tax_id(evidence: Evidence, candidate: Candidate, held: Held) -> tuple[float, str]:
    """Weigh a common tax id: it joins unless the names object, since people mistype and borrow them."""
    one, other = evidence.name, candidate.name
    is_company = evidence.kind is PartyKind.COMPANY
    agreement = companies_agree(one, other) if is_company else names_agree(one, other)
    if agreement < (COMPANIES_SAME if is_company else NAMES_SAME) and not (one and other and comparable(one, other)):
        if held.owners == 1:
            return SCORE_REMOTE_OR_TAX_ID, "same tax id"
        return SCORE_NO_NAME_SEVERAL_OWNERS, "same tax id, several owners, and no names to compare"
    if agreement >= (COMPANIES_OTHER if is_company else NAMES_NEAR):
        return SCORE_REMOTE_OR_TAX_ID, "same tax id"
    return SCORE_TAX_ID_OTHER_NAME, f"same tax id, names differ: {one} / {other}"


def _weigh_company(evidence: Evidence, candidate: Candidate, kinds: set[IdentifierKind]) -> tuple[float, str]:
    what = _words(kinds)
    if kinds <= {IdentifierKind.POSSIBLE_PHONE}:
        return SCORE_COMPANY_OTHER_NAME, f"same {what}"
    if not evidence.name or not candidate.name:
        return SCORE_COMPANY_OTHER_NAME, f"same {what}, one has no name"
    if companies_agree(evidence.name, candidate.name) >= COMPANIES_SAME:
        return SCORE_COMPANY, f"same {what}, names agree"
    return SCORE_COMPANY_OTHER_NAME, f"same {what}, names differ: {evidence.name} / {candidate.name}"


def _weigh_personal(evidence: Evidence, candidate: Candidate, matching: Sequence[Held]) -> tuple[float, str]:
    """Weigh a common personal mailbox or mobile."""
    personal = [h for h in matching if h.identifier.kind in {IdentifierKind.EMAIL, IdentifierKind.MOBILE}]
    if not personal:
        return 0.0, ""
    what = f"same {_words({h.identifier.kind for h in personal})}"
    trusted = [h for h in personal if not h.shared]
    if not evidence.name or not candidate.name:
        if trusted and all(h.owners == 1 for h in trusted):
            return SCORE_NO_NAME_ONE_OWNER, f"{what}, one has no name"
        return SCORE_NO_NAME_SEVERAL_OWNERS, f"{what}, one has no name, several owners"
    if names_agree(evidence.name, candidate.name) >= NAMES_SAME and trusted:
        both = len({h.identifier.kind for h in trusted}) > 1
        return (SCORE_MAIL_AND_MOBILE if both else SCORE_MAIL_OR_MOBILE), f"{what}, names agree"
    return _weigh_other_name(evidence.name, candidate.name, what)


def _weigh_other_name(one: str, other: str, what: str) -> tuple[float, str]:
    agreement = names_agree(one, other)
    if agreement >= NAMES_SAME:
        return SCORE_NAMES_NEAR, f"{what} that several share, names agree"
    if agreement >= NAMES_NEAR:
        return SCORE_NAMES_NEAR, f"{what}, names are near: {one} / {other}"
    if not comparable(one, other):
        return SCORE_OTHER_SCRIPT, f"{what}, names in different scripts: {one} / {other}"
    return SCORE_OTHER_NAME, f"{what}, names differ: {one} / {other}"


def _weigh_line(evidence: Evidence, candidate: Candidate, matching: Sequence[Held]) -> tuple[float, str]:
    """Weigh a shared fixed line, domain or unassigned number: none joins people by itself."""
    lines = [h for h in matching if h.identifier.kind is IdentifierKind.FIXED]
    agree = names_agree(evidence.name, candidate.name) >= NAMES_SAME_ON_FIXED_LINE
    if lines and agree and any(h.owners == 1 and not h.shared for h in lines):
        return SCORE_FIXED_LINE, "same fixed line, names agree"
    if any(h.identifier.kind is IdentifierKind.POSSIBLE_PHONE for h in matching) and agree:
        return SCORE_NAMES_NEAR, "same unassigned number, names agree"
    return (SCORE_FIXED_LINE_ALONE, "same fixed line, domain or unassigned number") if matching else (0.0, "")


def _weigh_role(evidence: Evidence, candidate: Candidate, kinds: set[IdentifierKind]) -> tuple[float, str]:
    if IdentifierKind.ROLE_MAILBOX not in kinds:
        return 0.0, ""
    if names_agree(evidence.name, candidate.name) >= NAMES_SAME_ON_ROLE_MAILBOX:
        return SCORE_ROLE_MAILBOX, "same role mailbox, names agree"
    return SCORE_ROLE_MAILBOX_ALONE, "same role mailbox"


def _words(kinds: set[IdentifierKind]) -> str:
    return " and ".join(sorted(kind.replace("_", " ") for kind in kinds))


# --- When a value loses its power ---------------------------------------------------------------------------------


def becomes_shared(kind: IdentifierKind, owners: Iterable[tuple[PartyKind, str]]) -> bool:
    """Tell whether a value held by these parties (kind, name) is shared: at one owner too many, or if two disagree.

    A person and the company it works at may both hold a value; their names say nothing. Names in different scripts,
    and missing ones, do not disagree.
    """
    most = KINDS[kind].parties_per_value
    if most is None:
        return False  # sharing is its nature, and its rules know that
    held_by = list(owners)
    if len(held_by) > most:
        return True
    return any(_disagree(one, other) for i, one in enumerate(held_by) for other in held_by[i + 1 :])


def _disagree(one: tuple[PartyKind, str], other: tuple[PartyKind, str]) -> bool:
    if one[0] is not other[0] or not one[1] or not other[1] or not comparable(one[1], other[1]):
        return False
    agree = companies_agree if one[0] is PartyKind.COMPANY else names_agree
    return agree(one[1], other[1]) < NAMES_NEAR
