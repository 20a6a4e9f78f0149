"""Our legal entities as an administrator writes them down: names, tax ids, currencies; and from which amounts on people are told."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.accounting import alerts, businesses, twins
from hub.errors import NotFoundError, UserError
from hub.identity.said import line
from hub.records import money
from hub.records.zone import iana
from hub.security.models import Business, Choice

LONGEST_NAME = 200
MOST_CURRENCIES = 20


@dataclass(frozen=True, slots=True)
class Draft:
    """A legal entity as somebody typed it; empty: not said."""

    name: str
    tax_id: str = ""
    currency: str = ""
    region: str = ""  # ISO 3166
    time_zone: str = ""


def listed(session: Session) -> list[Business]:
    """Return our legal entities by name."""
    return list(session.scalars(select(Business).order_by(Business.name)))


def get(session: Session, number: int) -> Business:
    """Return one.

    Raises:
        NotFoundError: there is none.
    """
    business = session.get(Business, number)
    if business is None:
        raise NotFoundError("There is no such legal entity.")
    return business


def write(session: Session, business: Business | None, draft: Draft) -> Business:
    """Add a legal entity, or change one; e-invoices are compared with its tax id from now on.

    Raises:
        UserError: a field of it is wrong, or another one has its name or tax id.
    """
    twins.begin(session)
    name = line(draft.name)[:LONGEST_NAME]
    if not name:
        raise UserError("Write a name.", error_id="business_name", field="name")
    _is_free(session, business, name)
    key = businesses.tax_key(draft.tax_id, draft.region)
    if draft.tax_id.strip() and not key:
        raise UserError("This is no tax number.", error_id="bad_tax_id", field="tax_id")
    for other in listed(session) if key else ():
        if other is not business and businesses.tax_key(other.tax_id, other.region) == key:
            raise UserError("Another one has it already.", error_id="business_twice", field="tax_id")
    currency = draft.currency.strip().upper()
    if currency and not _is_currency(currency):
        raise UserError("Write a currency code, such as ILS.", error_id="bad_currency", field="currency")
    zone = draft.time_zone.strip()
    if zone and not iana(zone):
        raise UserError("There is no such time zone.", error_id="bad_zone", field="time_zone")
    if business is None:
        business = Business(name=name)
        session.add(business)
    business.name, business.tax_id, business.currency = name, line(draft.tax_id), currency
    business.region, business.time_zone = draft.region.strip().upper()[:2], iana(zone) or "" if zone else ""
    session.flush()
    businesses.know_twins(session, business)
    return business


def keep_least(session: Session, given: Mapping[str, str], by: int) -> None:
    """Write down from which overdue amounts on people are alerted, by currency; an empty amount: any.

    Raises:
        UserError: an amount is none.
    """
    kept = {}
    for currency, typed in list(given.items())[:MOST_CURRENCIES]:
        code, text = currency.strip().upper(), typed.strip().replace(",", "").replace(" ", "")
        if not code or not text:
            continue
        try:
            amount = money.quantize(Decimal(text), code)
        except (InvalidOperation, ValueError):
            raise UserError("Write an amount, such as 500.", error_id="bad_amount", field=f"least-{code}") from None
        if amount < 0:
            raise UserError("Write an amount, such as 500.", error_id="bad_amount", field=f"least-{code}")
        kept[code] = str(amount)
    row = session.get(Choice, alerts.CHOICE) or Choice(key=alerts.CHOICE)
    row.value, row.changed_by = {"least": kept}, by
    session.add(row)


def _is_free(session: Session, business: Business | None, name: str) -> None:
    other = session.scalar(select(Business).where(Business.name == name))
    if other is not None and other is not business:
        raise UserError("Another one has it already.", error_id="business_twice", field="name")


def _is_currency(code: str) -> bool:
    try:
        money.exponent(code)
    except ValueError:
        return False
    return True
