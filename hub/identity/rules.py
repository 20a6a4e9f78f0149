"""What identifies whom, and whose a call is: pure decisions on exact identifiers. Records are decided by `partition`.

Identifiers find candidates, a name agrees or objects, a person decides the rest. A wrong answer harms more than none, so
whatever is not clear becomes a list (`Unsure`), never a guess. No answer depends on the order in which candidates are
given.

The thresholds and scores were fitted on a practice set of 5,091 records with shared switchboards, family
telephones, role mailboxes and reused mobiles; they are a start, not a law.
"""

from collections.abc import Iterable
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
    """An identifier as a party holds it; `valid_to` is when its owner gave it up."""

    identifier: Identifier
    shared: bool = False
    blocked: bool = False
    valid_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Candidate:
    """A party that holds a caller's number, with everything it holds; `works_at` is the company it belongs to."""

    party: int
    kind: PartyKind
    name: str
    held: tuple[Held, ...]
    works_at: int | None = None


@dataclass(frozen=True, slots=True)
class Same:
    """The call belongs to this party."""

    party: int
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Unsure:
    """It may belong to one of these, best first; a person decides."""

    parties: tuple[int, ...]
    reasons: tuple[str, ...] = ()


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
    found = address_identifier(email, own_domains)
    if found is None:
        return ()
    domain = email.company_domain
    return (found, Identifier(IdentifierKind.DOMAIN, domain, raw=email.raw)) if domain else (found,)


def address_identifier(email: Email, own_domains: frozenset[str] = frozenset()) -> Identifier | None:
    """Return what an address identifies by itself; None: nobody, for it is ours or a program's."""
    if email.automatic or any(email.domain == own or email.domain.endswith(f".{own}") for own in own_domains):
        return None
    kind = IdentifierKind.ROLE_MAILBOX if email.role else IdentifierKind.EMAIL
    return Identifier(kind, email.address, raw=email.raw)


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
    is_his = not held.blocked and (held.valid_to is None or held.valid_to > at)
    return held.identifier.kind in PHONES and same_line and is_his


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
