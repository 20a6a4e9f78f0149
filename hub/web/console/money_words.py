"""What the pages of money call things: kinds of documents, how they stand, ages of debts, what is to be known before speaking."""

from collections.abc import Mapping
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from types import MappingProxyType

from flask_babel import LazyString, format_decimal, format_percent, lazy_gettext, ngettext
from flask_babel import gettext as _
from markupsafe import Markup, escape

from hub.accounting import queries
from hub.accounting.ageing import Row
from hub.accounting.alerts import Alert, Word
from hub.accounting.behaviour import shown
from hub.accounting.panel import Known
from hub.accounting.queries import Document, Payment
from hub.errors import AuthError, DisabledError, GoneError, LimitedError, RejectedError, RetryLaterError, ScopeError
from hub.records.document import CREDITS, DEBTS, DocumentKind, Side, Status
from hub.web.clock import clock
from hub.web.jinja import bidi, money_text

KINDS: Mapping[str, LazyString] = MappingProxyType(
    {
        DocumentKind.QUOTE: lazy_gettext("Quote"),
        DocumentKind.ORDER: lazy_gettext("Order"),
        DocumentKind.DELIVERY_NOTE: lazy_gettext("Delivery note"),
        DocumentKind.RETURN_NOTE: lazy_gettext("Return note"),
        DocumentKind.PROFORMA: lazy_gettext("Proforma invoice"),
        DocumentKind.INVOICE: lazy_gettext("Invoice"),
        DocumentKind.ADVANCE_INVOICE: lazy_gettext("Advance invoice"),
        DocumentKind.INVOICE_RECEIPT: lazy_gettext("Invoice and receipt"),
        DocumentKind.CREDIT_NOTE: lazy_gettext("Credit note"),
        DocumentKind.PURCHASE_ORDER: lazy_gettext("Purchase order"),
        DocumentKind.BILL: lazy_gettext("Supplier's invoice"),
        DocumentKind.VENDOR_CREDIT: lazy_gettext("Supplier's credit note"),
        DocumentKind.UNKNOWN: lazy_gettext("Document of an unknown kind"),
    }
)
SIDES: Mapping[str, LazyString] = MappingProxyType(
    {Side.SALE: lazy_gettext("Sales"), Side.PURCHASE: lazy_gettext("Purchases")}
)
STATUSES: Mapping[str, LazyString] = MappingProxyType(
    {
        Status.DRAFT: lazy_gettext("Draft"),
        Status.OPEN: lazy_gettext("Issued"),
        Status.PARTLY_PAID: lazy_gettext("Partly paid"),
        Status.PAID: lazy_gettext("Paid"),
        Status.DONE: lazy_gettext("Completed"),
        Status.VOID: lazy_gettext("Cancelled"),
        Status.ACCEPTED: lazy_gettext("Accepted"),
        Status.DECLINED: lazy_gettext("Declined by the customer"),
        Status.EXPIRED: lazy_gettext("Expired"),
        Status.CONVERTED: lazy_gettext("Became another document"),
        Status.UNKNOWN: lazy_gettext("Status unknown"),
    }
)
_OF_CREDITS: Mapping[str, LazyString] = MappingProxyType(
    {
        Status.OPEN: lazy_gettext("Not used yet"),
        Status.PARTLY_PAID: lazy_gettext("Partly used"),
        Status.PAID: lazy_gettext("Used up"),
    }
)
# What a list can be asked for beside a status of its source.
FILTERS: Mapping[str, LazyString] = MappingProxyType(
    {queries.OVERDUE: lazy_gettext("Overdue"), queries.UNSETTLED: lazy_gettext("Something is still open"), **STATUSES}
)
PAYMENT_FILTERS: Mapping[str, LazyString] = MappingProxyType(
    {
        queries.UNAPPLIED: lazy_gettext("Settles nothing yet"),
        Status.DRAFT: STATUSES[Status.DRAFT],
        Status.DONE: lazy_gettext("Booked"),
        Status.VOID: STATUSES[Status.VOID],
        Status.UNKNOWN: STATUSES[Status.UNKNOWN],
    }
)
ROWS: Mapping[str, LazyString] = MappingProxyType(
    {
        Row.NOT_DUE: lazy_gettext("Not due yet"),
        Row.DAYS_30: lazy_gettext("1-30 days overdue"),
        Row.DAYS_60: lazy_gettext("31-60 days overdue"),
        Row.DAYS_90: lazy_gettext("61-90 days overdue"),
        Row.OLDER: lazy_gettext("More than 90 days overdue"),
        Row.NO_DUE_DATE: lazy_gettext("Without a due date"),
        Row.UNAPPLIED: lazy_gettext("Payments that settle nothing yet"),
        Row.CREDITS: lazy_gettext("Open credits"),
    }
)
_AGES: Mapping[str, LazyString] = MappingProxyType(
    {
        Row.DAYS_30: lazy_gettext("1-30 days"),
        Row.DAYS_60: lazy_gettext("31-60 days"),
        Row.DAYS_90: lazy_gettext("61-90 days"),
        Row.OLDER: lazy_gettext("more than 90 days"),
    }
)
# What of a document contradicts itself (accounting.said.doubts); what a connector says besides is shown as it is.
_DOUBTS: Mapping[str, LazyString] = MappingProxyType(
    {
        "sum": lazy_gettext("Net and tax do not add up to the total."),
        "due_before_issue": lazy_gettext("It is due before it was issued."),
        "instalments": lazy_gettext("The instalments do not add up to the total."),
        "balance": lazy_gettext("More is open than the document is about."),
    }
)
_PAYMENTS: Mapping[tuple[str, bool], LazyString] = MappingProxyType(
    {
        (Side.SALE, False): lazy_gettext("Payment received"),
        (Side.SALE, True): lazy_gettext("Refund to the customer"),
        (Side.PURCHASE, False): lazy_gettext("Payment to a supplier"),
        (Side.PURCHASE, True): lazy_gettext("Refund from a supplier"),
    }
)
# Why a ledger did not hand something out now, by what happens next; the first that fits.
TROUBLES: Mapping[str, LazyString] = MappingProxyType(
    {
        "gone": lazy_gettext("The ledger has this document no more."),
        "refused": lazy_gettext("The ledger does not hand this out."),
        "auth": lazy_gettext("The ledger does not let us in. An administrator must connect it again."),
        "limited": lazy_gettext("The ledger asked us to be slower. Try again in a minute."),
        "away": lazy_gettext("The ledger cannot be reached now. Try again later."),
    }
)
_FAULTS: tuple[tuple[type[Exception], str], ...] = (
    (GoneError, "gone"), (RejectedError, "refused"), (AuthError, "auth"), (ScopeError, "auth"), (DisabledError, "auth"),
    (LimitedError, "limited"), (RetryLaterError, "away"),
)  # fmt: skip
PAUSED = "paused"  # what accounting.panel says of a connection that somebody paused


def kind(word: str) -> str:
    """Return what a kind of document is called."""
    return str(KINDS.get(word, KINDS[DocumentKind.UNKNOWN]))


def title(word: str, number: str) -> str:
    """Return what a document is called, with its number where it has one."""
    return f"{kind(word)} {number}".strip()


def heading(word: str, number: str) -> Markup:
    """Return the same for a page: the number keeps its own direction."""
    return _headed(kind(word), number)


def payment_heading(one: Payment) -> Markup:
    """Return what a payment is called on a page."""
    return _headed(payment_title(one.side, is_refund=one.is_refund), one.number)


def _headed(name: str, number: str) -> Markup:
    return escape(name) + " " + bidi(number) if number else escape(name)


def payment_title(side: str, number: str = "", *, is_refund: bool = False) -> str:
    """Return what a payment is called."""
    known = _PAYMENTS.get((side, is_refund), _PAYMENTS[Side.SALE, False])
    return f"{known} {number}".strip()


def status(one: Document) -> str:
    """Return how a document stands, in our word; overdue goes before what its source says."""
    if one.is_gone:
        return str(_("No longer in the ledger"))
    if one.is_overdue:
        return str(_("Overdue"))
    if one.kind in CREDITS and one.status in _OF_CREDITS:
        return str(_OF_CREDITS[one.status])
    if one.status == Status.OPEN and one.kind in DEBTS:
        return str(_("Not paid"))
    return str(STATUSES.get(one.status, STATUSES[Status.UNKNOWN]))


def payment_status(one: Payment) -> str:
    """Return how a payment stands, in our word."""
    if one.is_gone:
        return str(_("No longer in the ledger"))
    return str(PAYMENT_FILTERS.get(one.status, STATUSES[Status.UNKNOWN]))


def weight(one: Document | Payment) -> str:
    """Return how bad it is: a colour beside the word."""
    if one.is_struck:
        return ""
    if isinstance(one, Document) and one.is_overdue:
        return "bad"
    return "ok" if one.status in {Status.PAID, Status.DONE} else ""


def warning(word: str) -> str:
    """Return what is odd about a document, in words."""
    known = _DOUBTS.get(word)
    return word if known is None else str(known)


def trouble(error: Exception) -> str:
    """Return the stable word for why a ledger did not hand something out."""
    return next((word for kind, word in _FAULTS if isinstance(error, kind)), "away")


def as_of(moment: datetime | None) -> str:
    """Return how old a figure is: the time of day, with the day where it is not today's."""
    if moment is None:
        return str(_("not read to the end yet"))
    here = clock()
    is_today = moment.astimezone(here.zone).date() == here.now.astimezone(here.zone).date()
    time = here.hour(moment) if is_today else here.written(moment, "short")
    return str(_("as of %(time)s", time=time))


def alert(one: Alert, *, with_business: bool) -> str:
    """Return something to know before speaking, with the age of its figure.

    Args:
        with_business: name the legal entity, because there are several.
    """
    match one.word:
        case Word.UNSURE | Word.READING:
            return doubt(one.account, is_reading=one.word is Word.READING, trouble=one.reason, at=one.as_of)
        case Word.BLOCKED:
            said = _("Blocked in %(account)s", account=one.account)
            return " · ".join([part for part in (said, one.reason) if part] + [as_of(one.as_of)])
        case Word.OVER_LIMIT:
            amount = money_text(one.amount or Decimal(0), one.currency)
            return " · ".join([_("Over the credit limit: %(amount)s is owed", amount=amount), as_of(one.as_of)])
    amount = money_text(one.amount or Decimal(0), one.currency)
    is_first = one.word is Word.FIRST
    said = (
        _("Overdue for the first time: %(amount)s", amount=amount)
        if is_first
        else _("Overdue %(amount)s", amount=amount)
    )
    age = str(_AGES.get(one.worst, "")) if one.worst else ""
    business = one.business if with_business else ""
    return " · ".join([part for part in (said, age, business) if part] + [as_of(one.as_of)])


def doubt(account: str, *, is_reading: bool, trouble: str, at: datetime | None) -> str:
    """Return why what a ledger says may not be all; never that nothing is owed."""
    if at is None or is_reading:
        return str(_("%(account)s is still being read: more may be owed than is known here", account=account))
    if trouble == PAUSED:
        said = _("%(account)s is paused, so its figures are old", account=account)
    elif trouble:
        said = _("%(account)s cannot be read now, so its figures are old", account=account)
    else:
        said = _("%(account)s was not read for long, so its figures are old", account=account)
    return f"{said} · {as_of(at)}"


def ledger(one: Known) -> str:
    """Return how a ledger stands to a customer, and how old that is; what it does not know is never called nothing."""
    if not one.is_sure:
        return doubt(one.account, is_reading=one.is_reading and not one.trouble, trouble=one.trouble, at=one.as_of)
    said = one.account if one.knows else str(_("%(account)s does not know this customer", account=one.account))
    return f"{said} · {as_of(one.as_of)}"


def freshness(one: Known) -> str:
    """Return how old everything is that came from a ledger."""
    if not one.is_sure:
        return doubt(one.account, is_reading=one.is_reading and not one.trouble, trouble=one.trouble, at=one.as_of)
    return f"{one.account} · {as_of(one.as_of)}"


def too_few(settled: int) -> str:
    """Return why there are no figures of how somebody pays."""
    if not settled:
        return str(_("No invoice was paid in the last twelve months, so how they pay is not known."))
    return str(
        ngettext(
            "Only %(num)d invoice was settled in the last twelve months: too few to say how they pay.",
            "Only %(num)d invoices were settled in the last twelve months: too few to say how they pay.",
            settled,
        )
    )


def trend(value: Decimal) -> str:
    """Return whether somebody pays later than before, or sooner."""
    number = days(abs(value))
    if shown(value) > 0:
        return str(_("%(days)s days later than before", days=number))
    return str(_("%(days)s days sooner than before", days=number)) if shown(value) < 0 else str(_("as before"))


def share(value: Decimal) -> str:
    """Return a share of 0 to 1 as people read it."""
    return str(format_percent(value.quantize(Decimal("0.01"), rounding=ROUND_HALF_UP)))


def plain(amount: Decimal) -> str:
    """Return an amount whose currency nobody said."""
    return str(format_decimal(amount))


def days(value: Decimal) -> str:
    """Return a number of days as people read it, with one decimal."""
    return str(format_decimal(shown(value)))
