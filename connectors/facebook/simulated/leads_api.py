"""Leads of a form or an ad, and test leads.

Source: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/retrieving
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from connectors.facebook.simulated import letterbox
from connectors.facebook.simulated.call import Call, Reply, Route, done
from connectors.facebook.simulated.errors import ApiError, invalid
from connectors.facebook.simulated.paging import page as cut
from connectors.facebook.simulated.things import Ad, Form, Lead
from connectors.facebook.simulated.views import may_see, view

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "GREATER_THAN": lambda told, bound: told > bound,
    "GREATER_THAN_OR_EQUAL": lambda told, bound: told >= bound,
    "LESS_THAN": lambda told, bound: told < bound,
    "LESS_THAN_OR_EQUAL": lambda told, bound: told <= bound,
    "EQUAL": lambda told, bound: told == bound,
}
ONE_TEST_LEAD = 1892058


def of_form(call: Call) -> Reply:
    """Leads of a form, in pages."""
    form: Form = call.node
    call.may_read_leads(call.page_of(form))
    return _listing(call, call.world.listed(form))


def of_ad(call: Call) -> Reply:
    """Leads that one ad brought."""
    ad: Ad = call.node
    may_see(call, "ad", ad)
    form = call.world.forms.get(ad.form_id)
    found = call.world.listed(form) if form else []
    if form:
        call.may_read_leads(call.page_of(form))
    return _listing(call, [one for one in found if one.ad_id == ad.id])


def _listing(call: Call, leads: Sequence[Lead]) -> Reply:
    wanted = _filter(call)
    fields = call.text("fields")
    told = cut(
        call, [one for one in leads if wanted(one)], call.world.place, lambda one: view(call, "lead", one, fields)
    )
    return Reply(told)


def _filter(call: Call) -> Callable[[Lead], bool]:
    """What `filtering` lets through. Raises ApiError."""
    rules = call.value("filtering")
    if rules is None:
        return lambda _lead: True
    if not isinstance(rules, list):
        raise invalid("param filtering must be an array.")
    tests = [_rule(one) for one in rules]
    return lambda lead: all(test(int(lead.created_at)) for test in tests)


def _rule(rule: Any) -> Callable[[float], bool]:
    if not isinstance(rule, dict) or rule.get("field") != "time_created":
        raise invalid("param filtering[0][field] must be one of: time_created.")
    compare = _OPERATORS.get(str(rule.get("operator")))
    bound = str(rule.get("value", ""))
    if compare is None or not bound.isdecimal():
        raise invalid("param filtering[0][operator] or [value] is invalid.")
    return lambda told: compare(told, float(bound))


# -- test leads ------------------------------------------------------------------------------------------------------


def test_leads(call: Call) -> Reply:
    form: Form = call.node
    call.may_read_leads(call.page_of(form))
    found = [one for one in call.world.all_of_form(form.id) if one.is_test and call.world.is_there(one)]
    fields = call.text("fields")
    return Reply(cut(call, found, call.world.place, lambda one: view(call, "lead", one, fields)))


def make_test_lead(call: Call) -> Reply:
    """Make the one test lead that a form may have; it is told of as any other.

    Source: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/testing-troubleshooting
    """
    form: Form = call.node
    call.may_read_leads(call.page_of(form))
    try:
        made = letterbox.test_lead(
            call.world, form, _pairs(call.value("field_data")), _boxes(call.value("custom_disclaimer_responses"))
        )
    except ValueError as error:
        raise ApiError(
            ONE_TEST_LEAD, f"(#{ONE_TEST_LEAD}) {error}", user=("Test lead exists", "Delete it before you create one.")
        ) from None
    return Reply({"id": made.id})


def _pairs(told: Any) -> dict[str, list[str]] | None:
    """Answers as a client sends them. Raises ApiError."""
    if told is None:
        return None
    try:
        return {str(one["name"]): [str(value) for value in one["values"]] for one in told}
    except (TypeError, KeyError):
        raise invalid("param field_data must be an array of names and values.") from None


def _boxes(told: Any) -> dict[str, bool] | None:
    if told is None:
        return None
    try:
        return {str(one["checkbox_key"]): one.get("is_checked") in (True, "1", "true", 1) for one in told}
    except (TypeError, KeyError):
        raise invalid("param custom_disclaimer_responses must be an array of boxes.") from None


def delete(call: Call) -> Reply:
    """Delete a test lead; what people sent, nobody deletes here."""
    lead: Lead = call.node
    may_see(call, "lead", lead)
    if not lead.is_test:
        raise ApiError(10, "(#10) Application does not have permission for this action")
    lead.is_deleted = True
    return done()


def archive(call: Call) -> Reply:
    """Change the status of a form: all of it that can be changed."""
    form: Form = call.node
    call.page_of(form)
    call.needs("pages_manage_ads")
    status = call.wanted("status")
    if status not in ("ACTIVE", "ARCHIVED", "DELETED", "DRAFT"):
        raise invalid("param status must be one of {ACTIVE, ARCHIVED, DELETED, DRAFT}.")
    form.status = status
    return done()


ROUTES: tuple[Route, ...] = (
    Route("GET", "form", "leads", of_form),
    Route("GET", "ad", "leads", of_ad),
    Route("GET", "form", "test_leads", test_leads),
    Route("POST", "form", "test_leads", make_test_lead, writes=True),
    Route("POST", "form", "", archive, writes=True),
    Route("DELETE", "lead", "", delete, writes=True),
)
