"""What the administrator says of an exchange: whose phone an extension is, what stands behind endpoints, our own numbers."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phonenumbers import SUPPORTED_REGIONS
from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from hub.cti.directory import Directory, load
from hub.cti.models import EndpointRule, Extension, SeenEndpoint
from hub.errors import NotFoundError, UserError
from hub.identity.models import NumberRule
from hub.identity.phone import PhoneContext, read
from hub.intake.models import Account
from hub.records.telephony import Endpoint, EndpointClass
from hub.security.models import User

KINDS = (EndpointClass.TRUNK, EndpointClass.EXTENSION, EndpointClass.IGNORE)
OWN = "own"
_NUMBER = re.compile(r"[0-9*#]{1,20}")  # what a phone can dial: it is dialled, transferred to, and routed to
_LOGIN = re.compile(r"[0-9A-Za-z*#+_.-]{1,40}")  # an exchange that posts its calls names people by a login too
_PATTERN = re.compile(r"[^\s\x00-\x1f\x7f]{1,120}")
_PREFIX = re.compile(r"[0-9*#]{0,8}")


@dataclass(frozen=True, slots=True)
class Unclassified:
    """An endpoint that the exchange used and the administrator said nothing about, with our guess."""

    name: str
    guess: Endpoint


def extensions(session: Session, account_id: int) -> Sequence[tuple[Extension, User | None]]:
    """Return the phones of an exchange and who uses each, by number."""
    rows = session.execute(
        select(Extension, User)
        .outerjoin(User, Extension.user_id == User.id)
        .where(Extension.account_id == account_id)
        .order_by(Extension.number)
    )
    return [(row[0], row[1]) for row in rows]


def set_extension(
    session: Session, account_id: int, number: str, user_id: int | None = None, device: str = ""
) -> Extension:
    """Add a phone, or say anew whose it is. `device` is a pattern of its channel names; empty: any TECH/<number>.

    A number has letters only where the exchange tells its calls by webhook, and so says what it likes of people.

    Raises:
        UserError: the number or the pattern is not one.
    """
    number, device = number.strip(), device.strip()
    posts = session.scalar(select(Account.hook_token_hash).where(Account.id == account_id))
    if not (_LOGIN if posts else _NUMBER).fullmatch(number):
        raise UserError(
            "An extension is the number that people dial: digits, * and #, such as 101. "
            "The name of its device is given beside it: number 101, device PJSIP/anna*.",
            error_id="bad_extension",
            field="number",
        )
    if device and not _PATTERN.fullmatch(device):
        raise UserError("A device is written like PJSIP/101*.", error_id="bad_pattern", field="device")
    row = session.scalar(select(Extension).where(Extension.account_id == account_id, Extension.number == number))
    if row is None:
        row = Extension(account_id=account_id, number=number)
        session.add(row)
    row.user_id, row.device = user_id, device
    session.flush()
    return row


def remove_extension(session: Session, account_id: int, number: str) -> None:
    """Forget a phone; calls it was part of stay.

    Raises:
        NotFoundError: there is none.
    """
    gone = session.execute(
        delete(Extension).where(Extension.account_id == account_id, Extension.number == number).returning(Extension.id)
    ).first()
    if gone is None:
        raise NotFoundError(f"There is no extension {number}.")


def endpoints(session: Session, account_id: int) -> Sequence[EndpointRule]:
    """Return what was said of the endpoints of an exchange, by pattern."""
    return session.scalars(
        select(EndpointRule).where(EndpointRule.account_id == account_id).order_by(EndpointRule.pattern)
    ).all()


def set_endpoint(
    session: Session,
    account_id: int,
    pattern: str,
    kind: str,
    *,
    region: str = "",
    dial_prefix: str = "",
    match_withheld: bool = False,
) -> EndpointRule:
    """Say what stands behind the endpoints of a pattern, such as PJSIP/trunk*.

    `region` (country of numbers without one), `dial_prefix` (digits before an outside number) and `match_withheld`
    (use a number that its caller withheld) are of trunks only.

    Raises:
        UserError: pattern, kind, country or prefix are none.
    """
    pattern, region, dial_prefix = pattern.strip(), region.strip().upper(), dial_prefix.strip()
    if not _PATTERN.fullmatch(pattern):
        raise UserError("A pattern is written like PJSIP/trunk*.", error_id="bad_pattern", field="pattern")
    if kind not in KINDS:
        raise UserError(f"The kind must be one of: {', '.join(KINDS)}.", error_id="bad_kind", field="kind")
    if region and region not in SUPPORTED_REGIONS:
        raise UserError("The country is a code of two letters such as IL.", error_id="bad_region", field="region")
    if not _PREFIX.fullmatch(dial_prefix):
        raise UserError("A dial prefix has at most 8 digits.", error_id="bad_prefix", field="dial_prefix")
    row = session.scalar(
        select(EndpointRule).where(EndpointRule.account_id == account_id, EndpointRule.pattern == pattern)
    )
    if row is None:
        row = EndpointRule(account_id=account_id, pattern=pattern)
        session.add(row)
    trunk = kind == EndpointClass.TRUNK
    row.kind, row.region, row.dial_prefix = kind, region if trunk else "", dial_prefix if trunk else ""
    row.match_withheld = match_withheld and trunk
    session.flush()
    return row


def remove_endpoint(session: Session, account_id: int, pattern: str) -> None:
    """Forget what was said of a pattern; our guess counts again.

    Raises:
        NotFoundError: nothing was said.
    """
    gone = session.execute(
        delete(EndpointRule)
        .where(EndpointRule.account_id == account_id, EndpointRule.pattern == pattern)
        .returning(EndpointRule.id)
    ).first()
    if gone is None:
        raise NotFoundError(f"There is no endpoint {pattern}.")


def unclassified(
    session: Session, account_id: int, region: str, guess: Callable[[str], Endpoint], *, limit: int = 200
) -> list[Unclassified]:
    """Return the endpoints that the exchange used lately and nobody classified, with our guess; glue left out."""
    directory: Directory = load(session, account_id, region, guess)
    seen = session.scalars(
        select(SeenEndpoint.name)
        .where(SeenEndpoint.account_id == account_id)
        .order_by(SeenEndpoint.seen_at.desc())
        .limit(limit)
    )
    found = [Unclassified(name, guess(name)) for name in seen if not directory.is_classified(name)]
    return sorted((one for one in found if one.guess.kind != EndpointClass.LOCAL), key=lambda one: one.name)


def own_numbers(session: Session) -> list[str]:
    """Return the company's own numbers, which never match a customer."""
    return list(
        session.scalars(select(NumberRule.value).where(NumberRule.rule == OWN).order_by(NumberRule.value)).all()
    )


def add_own_number(session: Session, raw: str, region: str, by_id: int | None = None) -> str:
    """Say that a number is the company's own; returns its normal form.

    Raises:
        UserError: it is not a number.
    """
    reading = read(raw, PhoneContext(region=region))
    if not reading.phones:
        raise UserError("This is not a telephone number.", error_id="bad_number", field="number")
    value = reading.phones[0].number
    row = session.get(NumberRule, value)
    if row is None:
        session.add(NumberRule(value=value, rule=OWN, by_id=by_id))
    else:
        row.rule, row.by_id = OWN, by_id
    session.flush()
    return value


def remove_own_number(session: Session, value: str) -> None:
    """Say that a number is no longer the company's own."""
    session.execute(delete(NumberRule).where(NumberRule.value == value, NumberRule.rule == OWN))
