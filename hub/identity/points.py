"""The numbers, addresses and tax id of a record: as they are stored, and as the rules see them."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.identity import rules, tax_id
from hub.identity.callers import PHONE, TAIL
from hub.identity.email import read_email
from hub.identity.models import NumberRule
from hub.identity.parties import EMAIL
from hub.identity.phone import Phone, PhoneContext, read
from hub.records.address import FREE_DOMAINS, match_key
from hub.records.party import Labelled, Party
from hub.security.models import User

Key = tuple[str, str]  # kind and normal form


@dataclass(frozen=True, slots=True)
class Ours:
    """What is our own and identifies no customer."""

    numbers: frozenset[str]
    addresses: frozenset[str]
    domains: frozenset[str]


@dataclass(frozen=True, slots=True)
class Point:
    """A number, address or tax id that points to whoever the record is about. `rule` None: it identifies nobody."""

    kind: str
    value: str
    raw: str
    rule: rules.Identifier | None
    label: str = ""
    tail: str = ""
    possible: bool = False

    @property
    def key(self) -> Key:
        return self.kind, self.value


def ours(session: Session) -> Ours:
    """Return our own numbers and addresses, and the domains behind them."""
    numbers = session.scalars(select(NumberRule.value).where(NumberRule.rule == "own"))
    found = [email for address in session.scalars(select(User.email)) if (email := read_email(address))]
    return Ours(
        frozenset(numbers),
        frozenset(email.address for email in found),
        frozenset(email.domain for email in found) - FREE_DOMAINS,
    )


def points(record: Party, region: str, own: Ours) -> tuple[Point, ...]:
    """Return what a record points with, each value once; our own numbers and addresses of programs are left out."""
    context = PhoneContext(region=region or None, own_numbers=own.numbers)
    found: dict[Key, Point] = {}
    if record.tax_id and (written := _tax_id(record, region)):
        found[written.key] = written
    for phone in record.phones:
        for point in _phones(phone, context):
            found.setdefault(point.key, point)
    for address in (_email(email, own) for email in record.emails):
        if address is not None:
            found.setdefault(address.key, address)
    return tuple(found.values())


def is_colleague(record: Party, own: Ours) -> bool:
    """Say whether a record is about somebody who works here."""
    addresses = (read_email(one.value) for one in record.emails)
    return any(email is not None and email.address in own.addresses for email in addresses)


def _phones(written: Labelled, context: PhoneContext) -> list[Point]:
    """Read one cell; where it cannot be read with our region, the remote's own normal form may help."""
    phones = read(written.value, context).phones
    if not phones and written.normal:
        phones = read(written.normal, context).phones
    return [_phone(phone, written.value) for phone in phones if phone.number not in context.own_numbers]


def _phone(phone: Phone, raw: str) -> Point:
    return Point(
        PHONE,
        phone.key,
        raw,
        rules.phone_identifier(phone),
        label=phone.kind,
        tail=phone.number[-TAIL:],
        possible=not phone.e164,
    )


def _tax_id(record: Party, region: str) -> Point | None:
    """Read the tax id; a person who works somewhere is often written with the company's, so it is not his."""
    found = tax_id.read(record.tax_id, record.tax_country, region)
    if found is None or (record.company and not record.is_company):
        return None
    kind = rules.PartyKind.COMPANY if record.is_company else rules.PartyKind.PERSON
    return Point(
        tax_id.KIND,
        found.key,
        record.tax_id,
        rules.tax_identifier(found, kind),
        tail=found.value,
        possible=not found.is_valid,
    )


def _email(written: Labelled, own: Ours) -> Point | None:
    email = read_email(written.value)
    rule = rules.address_identifier(email, own.domains) if email else None
    if email is None or rule is None:
        return None
    tail = match_key(email.address) or email.address
    return Point(EMAIL, email.address, written.value, rule, label=written.label, tail=tail)
