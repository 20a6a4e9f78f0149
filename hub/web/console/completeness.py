"""Completeness: how many records have a valid value, field by field; the records behind each number; a target per field."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from types import MappingProxyType
from typing import Any

from flask import Blueprint, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import LazyString, format_date, format_decimal, format_percent, get_locale, lazy_gettext
from flask_babel import gettext as _
from sqlalchemy.orm import Session

from hub.errors import ForbiddenError, NotFoundError, UserError
from hub.fields import value as field_value
from hub.fields.models import Of
from hub.insights import behind, completeness, kinds, splits, targets
from hub.insights.behind import Record, Wanted
from hub.insights.completeness import Count, Line, Report
from hub.insights.kinds import KINDS, Eyes
from hub.insights.measures import Measure, State, measures
from hub.insights.splits import EARLIER, HERE, LATER, NOBODY, UNDATED, By, Key
from hub.insights.targets import Rating
from hub.security.policy import Right
from hub.store.base import now
from hub.web import auth, errors, i18n, spreadsheet
from hub.web.auth import needs
from hub.web.console import field_words, money_words
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("completeness", __name__, url_prefix="/insights")
COLUMNS = 8  # parts that stand beside each other; the others are a page further
LARGEST_NUMBER = 2**63 - 1
OWN: Mapping[str, LazyString] = MappingProxyType(
    {
        "name": lazy_gettext("Name"),
        "phone": lazy_gettext("Telephone number"),
        "email": lazy_gettext("E-mail address"),
        "company": lazy_gettext("Company"),
        "job_title": lazy_gettext("Job title"),
        "address": lazy_gettext("Address"),
        "owner": lazy_gettext("Owner"),
        "birthday": lazy_gettext("Birthday"),
        "tax_id": lazy_gettext("Tax number"),
        "urls": lazy_gettext("Website"),
        "campaign_id": lazy_gettext("Campaign"),
        "consents": lazy_gettext("Answer to a consent"),
        "party": lazy_gettext("Customer recognised"),
        "note": lazy_gettext("Note or outcome"),
        "recordings": lazy_gettext("Recording"),
        "due_date": lazy_gettext("Due date"),
        "number": lazy_gettext("Number"),
    }
)
# What is no valid value, where that does not go without saying.
REMARKS: Mapping[tuple[str, str], LazyString] = MappingProxyType(
    {
        (Of.PERSON, "name"): lazy_gettext("An e-mail address or a number instead of a name is not valid."),
        (Of.COMPANY, "name"): lazy_gettext("An e-mail address or a number instead of a name is not valid."),
        (Of.PERSON, "owner"): lazy_gettext("An owner who cannot sign in any more is not valid."),
        (Of.COMPANY, "owner"): lazy_gettext("An owner who cannot sign in any more is not valid."),
        (Of.LEAD, "owner"): lazy_gettext("An owner who cannot sign in any more is not valid."),
        (Of.LEAD, "consents"): lazy_gettext("Yes or no; where the source does not tell, it is not valid."),
        (Of.CALL, "party"): lazy_gettext("Where several customers fit, it is not valid."),
        (Of.CALL, "note"): lazy_gettext("Of answered calls."),
        (Of.CALL, "recordings"): lazy_gettext("Of answered calls; one that was removed when its time was over counts."),
        (Of.DOCUMENT, "due_date"): lazy_gettext("Of invoices, bills and credits that are no drafts."),
        (Of.DOCUMENT, "number"): lazy_gettext("Of what is no draft."),
    }
)
BYS: Mapping[str, LazyString] = MappingProxyType(
    {
        By.SOURCE: lazy_gettext("By source"),
        By.OWNER: lazy_gettext("By owner"),
        By.MONTH: lazy_gettext("By month"),
    }
)
_PARTS: Mapping[str, LazyString] = MappingProxyType(
    {
        HERE: lazy_gettext("Typed here"),
        NOBODY: lazy_gettext("Nobody"),
        LATER: lazy_gettext("Later"),
        EARLIER: lazy_gettext("Earlier"),
        UNDATED: lazy_gettext("Without a date"),
    }
)
EMPTY: Mapping[str, LazyString] = MappingProxyType(
    {
        Of.PERSON: lazy_gettext(
            "There are no people yet. They come with a mailbox, an address book or a telephone system."
        ),
        Of.COMPANY: lazy_gettext("There are no companies yet. They come with an address book or an accounting system."),
        Of.LEAD: lazy_gettext("There are no leads yet. They come with a form or an ad account."),
        Of.CALL: lazy_gettext("There are no calls yet. They come with a telephone system."),
        Of.DOCUMENT: lazy_gettext("There are no documents yet. They come with an accounting system."),
    }
)
MISSING = "missing"
STATES: Mapping[str, tuple[LazyString, frozenset[State]]] = MappingProxyType(
    {
        MISSING: (lazy_gettext("Without a valid value"), frozenset({State.INVALID, State.EMPTY})),
        State.EMPTY: (lazy_gettext("Empty"), frozenset({State.EMPTY})),
        State.INVALID: (lazy_gettext("Not valid"), frozenset({State.INVALID})),
        State.FILLED: (lazy_gettext("Filled"), frozenset({State.FILLED})),
    }
)
RATINGS: Mapping[Rating, tuple[str, str, LazyString]] = MappingProxyType(
    {
        Rating.GREEN: ("ok", "circle-check", lazy_gettext("On target")),
        Rating.AMBER: ("warn", "triangle-alert", lazy_gettext("Close to target")),
        Rating.RED: ("bad", "circle-x", lazy_gettext("Below target")),
    }
)


@blueprint.get("")
@needs(Right.SEE_INSIGHTS)
def home() -> ResponseReturnValue:
    """Go to the first page of Insights."""
    return redirect(url_for(".page"))


@blueprint.get("/completeness")
@needs(Right.SEE_INSIGHTS)
def page() -> ResponseReturnValue:
    """Show how full the records of a kind are."""
    return _page()


@blueprint.post("/completeness/targets")
@needs(Right.MANAGE_CONNECTIONS)
def keep_target() -> ResponseReturnValue:
    """Keep the target of one field, or take it away."""
    form = request.form
    name = typed(form, "field", 100)
    try:
        target = targets.read(typed(form, "green", 10), typed(form, "amber", 10))
        with current_hub().db.write() as session:
            eye = _eyes(session)
            of = _of(eye)
            _measure(of, eye, name)
            targets.keep(session, current_person(), of, name, target, address=auth.address())
    except NotFoundError:
        raise
    except UserError as error:
        return _page(error, name)
    if auth.is_htmx():
        return _page(kept=name)
    return redirect(url_for(".page", **_asked(of), _anchor=f"field-{name}"), 303)


@blueprint.get("/completeness.csv")
@needs(Right.SEE_INSIGHTS)
def export() -> ResponseReturnValue:
    """Hand out the whole table, with all parts of it."""
    with current_hub().db.read() as session:
        completeness.one_moment(session)
        eye = _eyes(session)
        of = _of(eye)
        found = completeness.report(session, eye, of, _by())
    head = [
        _("Records"), _("Field"), _("Name in mappings"), _("Part"), _("Expected of"), _("Filled"), _("Not valid"),
        _("Empty"), _("Percent"), _("Green from"), _("Amber from"), _("Against the target"),
    ]  # fmt: skip
    rows = list(_rows(found))
    return spreadsheet.table(f"completeness-{of}.csv", head, [rows])


@blueprint.get("/completeness/list")
@needs(Right.SEE_INSIGHTS)
def records() -> ResponseReturnValue:
    """List the records behind a number."""
    with current_hub().db.read() as session:
        eye = _eyes(session)
        of, by = _of(eye), _by()
        kind, one = KINDS[of], _measure(of, eye, typed(request.args, "field", 100))
        state = typed(request.args, "state", 20)
        state = state if state in STATES else MISSING
        key, within = None, None
        if by is not None:
            part = splits.of_word(splits.split(session, kind, by, eye), kind, typed(request.args, "key", 50))
            if part is None:
                raise NotFoundError("There is no such part of the records.")
            key, within = part
        wanted = Wanted(STATES[state][1], within, _before())
        found = behind.page(session, eye, kind, one, wanted)
    asked = {**_asked(of), "field": one.name, "key": key.word if key else None}
    return render_template(
        "insights/_records.html" if auth.is_htmx() else "insights/records.html",
        found=found, of=of, measure=one, name=label(one), part=part_name(key) if key else "", state=state,
        states=STATES, asked=asked, is_first=wanted.before is None, page=behind.PAGE, shown=_shown(one), words=field_words,
        titles={record.id: _title(of, record) for record in found.records},
    )  # fmt: skip


def label(one: Measure) -> str:
    """Return what a field is called."""
    return one.field.label(str(get_locale())) if one.field else str(OWN[one.name])


def part_name(key: Key) -> str:
    """Return what a part of the records is called."""
    if (known := _PARTS.get(key.word)) is not None:
        return str(known)
    return key.name or str(format_date(date.fromisoformat(f"{key.word}-01"), "LLLL y"))


# --- the page -----------------------------------------------------------------------------------------------------


def _page(error: UserError | None = None, at: str = "", *, kept: str = "") -> ResponseReturnValue:
    """Show the table; `at` is the field whose target could not be kept, as it was typed."""
    with current_hub().db.read() as session:
        completeness.one_moment(session)
        eye = _eyes(session)
        of = _of(eye)
        found = completeness.report(session, eye, of, _by())
        others = kinds.seen(eye)
    first = _first(len(found.keys))
    text = render_template(
        "insights/_completeness.html" if auth.is_htmx() else "insights/completeness.html",
        report=found, of=of, kinds=others, words=field_words, bys=BYS, asked=_asked(of), label=label,
        part_name=part_name, remarks=REMARKS, rate=rating, counted_at=eye.at, empty=EMPTY[of], counted=format_decimal,
        percent=percent,
        first=first, last=min(first + COLUMNS, len(found.keys)), columns=COLUMNS,
        error=_sentence(error) if error else "", at=at, wrong=error.field if error else "", form=request.form, kept=kept,
    )  # fmt: skip
    return text, 422 if error else 200


def percent(whole: int) -> str:
    """Write a whole percentage."""
    return str(format_percent(Decimal(whole) / 100))


def rating(line: Line, count: Count) -> tuple[str, str, LazyString] | None:
    """Return how some records stand against the target of a field: class, icon and words; None: there is no target."""
    found = line.target.rate(count.filled, count.total) if line.target else None
    return RATINGS[found] if found else None


def _eyes(session: Session) -> Eyes:
    return kinds.eyes(session, current_person(), zone=i18n.time_zone(), at=now())


def _of(eye: Eyes) -> Of:
    asked = typed(request.values, "of", 20)
    of = Of(asked) if asked in set(Of) else Of.PERSON
    if of not in kinds.seen(eye):
        raise ForbiddenError("Your role does not allow this. An administrator can give you another role.")
    return of


def _by() -> By | None:
    asked = typed(request.values, "by", 20)
    return By(asked) if asked in set(By) else None


def _asked(of: Of) -> dict[str, Any]:
    """Return what an address of these pages begins with."""
    return {"of": of, "by": _by()}


def _measure(of: Of, eye: Eyes, name: str) -> Measure:
    found = measures(of, eye).get(name)
    if found is None:
        raise NotFoundError("There is no such field, or it is not for your role.")
    return found


def _first(parts: int) -> int:
    """Return from which part on a page shows them."""
    asked = typed(request.values, "from", 5)
    place = int(asked) if asked.isascii() and asked.isdecimal() else 0
    return place // COLUMNS * COLUMNS if place < parts else 0


def _before() -> int | None:
    asked = typed(request.args, "before", 20)
    return int(asked) if asked.isascii() and asked.isdecimal() and int(asked) <= LARGEST_NUMBER else None


def _sentence(error: UserError) -> str:
    known = {
        "target_percent": _("Write a whole number from 0 to 100."),
        "target_order": _("Amber begins below green, so it cannot be the larger number."),
    }
    return str(known.get(error.error_id) or errors.sentence(error))


# --- as CSV -------------------------------------------------------------------------------------------------------


def _rows(found: Report) -> Iterator[Sequence[Any]]:
    of = field_words.KINDS[found.of]
    for line in found.lines:
        parts = [(_("All"), line.count), *zip(map(part_name, found.keys), line.parts, strict=True)]
        for name, count in parts:
            target, stands = line.target, rating(line, count)
            yield (
                of, label(line.measure), line.measure.name, name, count.total, count.filled, count.invalid, count.empty,
                count.percent if count.total else "", target.green if target else "", target.amber if target else "",
                stands[2] if stands else "",
            )  # fmt: skip


# --- the list -----------------------------------------------------------------------------------------------------


def _title(of: Of, one: Record) -> tuple[str, str]:
    """Return what a record is called, and where it is."""
    shown = one.shown
    if of is Of.CALL:
        name = shown["name"] or shown["number"] or _("Number withheld")
        return str(name), url_for("calls.card", public_id=one.id)
    if of is Of.DOCUMENT:
        return money_words.title(shown["kind"], shown["number"]), url_for("document_page.document", public_id=one.id)
    if of is Of.LEAD:
        return shown["name"] or str(_("Lead")), url_for("leads.lead", public_id=one.id)
    return shown["name"] or str(_("Without a name")), url_for("customers.page", public_id=one.id)


def _shown(one: Measure) -> Any:
    """Return what writes the value of a record for a reader."""
    language = str(get_locale())

    def text(record: Record) -> str:
        if record.value is None:
            return ""
        if one.field is not None:
            return field_value.text(one.field, record.value, language)
        if isinstance(record.value, date):
            return str(format_date(record.value))
        return ", ".join(behind.texts(record.value))

    return text
