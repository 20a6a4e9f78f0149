"""What Graph tells of each kind of thing: its fields by name, and those that come unasked.

Field names and types: https://github.com/facebook/facebook-business-sdk-codegen (api_specs/specs)
"""

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.facebook.simulated.call import Call
from connectors.facebook.simulated.errors import Json, no_ads, not_there
from connectors.facebook.simulated.fields import Table, Tree, parse, select
from connectors.facebook.simulated.stamps import stamp
from connectors.facebook.simulated.things import (
    Ad,
    AdAccount,
    AdSet,
    Campaign,
    Checkbox,
    Form,
    Lead,
    Page,
    Person,
    Question,
)

AD_FIELDS = ("ad_id", "ad_name", "adset_id", "adset_name", "campaign_id", "campaign_name")


def view(call: Call, kind: str, node: Any, fields: str = "") -> Json:
    """Tell of a thing what `fields` asks for; without it, little. Raises ApiError."""
    table, unasked, name = KINDS[kind]
    wanted: Tree = parse(fields) if fields else {one: {} for one in unasked}
    if kind == "lead" and set(AD_FIELDS) & wanted.keys() and call.world.faults.take("ad_fields_refused"):
        raise no_ads()
    told = select(call, table, node, wanted, name)
    if kind == "lead":
        told |= {field: odd for field, odd in node.odd.items() if field in told}
    return told


# -- pages -----------------------------------------------------------------------------------------------------------


def _access_token(call: Call, page: Page) -> str | None:
    if call.token.kind == "PAGE":
        return call.token.text
    call.needs("pages_show_list")
    return call.world.tokens.of_page(call.token, page.id).text


def has_lead_access(call: Call, page: Page) -> Json:
    """What Facebook itself says of who may read a page's leads."""
    person = call.person
    has_right = "leads_retrieval" in call.token.scopes
    is_shut_out = page.is_customized and not page.app_has_access
    person_shut_out = page.is_customized and call.token.person_id in page.people_without
    told: Json = {
        "page_id": page.id, "user_id": call.token.person_id, "app_has_leads_permission": not is_shut_out,
        "user_has_leads_permission": has_right and not person_shut_out,
        "enabled_lead_access_manager": page.is_customized,
        "is_page_admin": bool(person and "MANAGE" in person.tasks.get(page.id, ())),
    }  # fmt: skip
    reason = _REASONS["app"] if is_shut_out else _REASONS["person"] if person_shut_out else ("", "")
    if not has_right and not reason[0]:
        reason = _REASONS["permission"]
    told["can_access_lead"] = not reason[0]
    if reason[0]:
        told |= {"failure_reason": reason[0], "failure_resolution": reason[1]}
    return told


_REASONS = {
    "app": (
        "The CRM does not have leads access for this Page.",
        "Go to Leads Access in your Business Settings and assign the CRM to the Page.",
    ),
    "person": (
        "The user does not have leads access for this Page.",
        "Ask an admin of the Business to assign you in Leads Access Manager.",
    ),
    "permission": (
        "The user has not granted leads_retrieval permission to the app.",
        "Log in again and grant the leads_retrieval permission.",
    ),
}


def _tasks(call: Call, page: Page) -> list[str] | None:
    person = call.person
    return list(person.tasks.get(page.id, ())) if person else None


PAGE: Table = {
    "id": lambda _call, page: page.id,
    "name": lambda _call, page: page.name,
    "category": lambda _call, page: page.category,
    "link": lambda call, page: f"{call.world.base_url}/{page.id}",
    "access_token": _access_token,
    "tasks": _tasks,
    "has_lead_access": has_lead_access,
    "leadgen_tos_accepted": lambda _call, page: page.tos_accepted,
}


# -- forms -----------------------------------------------------------------------------------------------------------


def _question(question: Question) -> Json:
    told: Json = {
        "id": question.id, "key": question.key, "label": question.label, "type": question.type,
    }  # fmt: skip
    if question.options:
        told["options"] = [{"key": one.key, "value": one.value} for one in question.options]
    return told


def legal_content(form: Form) -> Json:
    """Source: https://developers.facebook.com/docs/graph-api/reference/page/leadgen_forms/ (custom_disclaimer)."""
    told: Json = {
        "id": form.legal_id,
        "privacy_policy": {"url": form.privacy_policy_url, "link_text": form.name},
    }
    if form.checkboxes or form.disclaimer:
        told["custom_disclaimer"] = {
            "title": "",
            "body": {"text": form.disclaimer, "url_entities": []},
            "checkboxes": [_checkbox(number, one) for number, one in enumerate(form.checkboxes)],
        }
    return told


def _checkbox(number: int, box: Checkbox) -> Json:
    return {
        "id": str(number + 1), "key": box.key, "text": box.text, "is_required": box.required,
        "is_checked_by_default": box.checked_by_default,
    }  # fmt: skip


FORM: Table = {
    "id": lambda _call, form: form.id,
    "name": lambda _call, form: form.name,
    "status": lambda _call, form: form.status,
    "locale": lambda _call, form: form.locale,
    "created_time": lambda _call, form: stamp(form.created_at),
    "leads_count": lambda call, form: call.world.counts(form)["leads_count"],
    "organic_leads_count": lambda call, form: call.world.counts(form)["organic_leads_count"],
    "expired_leads_count": lambda call, form: call.world.counts(form)["expired_leads_count"],
    "questions": lambda _call, form: [_question(one) for one in form.questions],
    "legal_content": lambda _call, form: legal_content(form),
    "privacy_policy_url": lambda _call, form: form.privacy_policy_url,
    "tracking_parameters": lambda _call, form: dict(form.tracking) or None,
    "is_optimized_for_quality": lambda _call, _form: False,
    "page_id": lambda _call, form: form.page_id,
    "page": lambda call, form: {"id": form.page_id, "name": call.world.pages[form.page_id].name},
    "follow_up_action_url": lambda _call, _form: "https://garden.example/thanks",
    "allow_organic_lead": lambda _call, _form: True,
}


# -- leads -----------------------------------------------------------------------------------------------------------


def _field_data(call: Call, lead: Lead) -> Any:
    questions = {one.key: one for one in call.world.forms[lead.form_id].questions}
    shows_labels = call.world.answers_by == "label" or call.world.faults.take("option_labels")
    told: list[Json] = []
    for name, values in lead.answers.items():
        options = questions[name].options if name in questions else ()
        if values is None:
            told.append({"name": name})
        else:
            told.append({"name": name, "values": [_chosen(one, options, by_label=shows_labels) for one in values]})
    return told


def _chosen(value: str, options: Sequence[Any], *, by_label: bool) -> str:
    for one in options:
        if value in (one.key, one.value):
            return str(one.value if by_label else one.key)
    return value


def _responses(_call: Call, lead: Lead) -> list[Json] | None:
    told = [{"checkbox_key": key, "is_checked": "1" if is_on else ""} for key, is_on in lead.checked.items()]
    return told or None


def _of_ad(name: str, call: Call, lead: Lead) -> str | None:
    if not lead.ad_id or not call.may_advertise(call.world.account_of_ad(lead.ad_id)):
        return None
    if call.world.faults.waits("ad_fields_withheld"):
        if name == AD_FIELDS[-1]:
            call.world.faults.take("ad_fields_withheld")
        return None
    return call.world.ad_facts(lead.ad_id).get(name)


LEAD: Table = {
    "id": lambda _call, lead: lead.id,
    "created_time": lambda _call, lead: stamp(lead.created_at),
    "field_data": _field_data,
    "custom_disclaimer_responses": _responses,
    "form_id": lambda _call, lead: lead.form_id,
    "is_organic": lambda _call, lead: lead.is_organic,
    "platform": lambda _call, lead: lead.platform or None,
    "ad_id": lambda call, lead: _of_ad("ad_id", call, lead),
    "ad_name": lambda call, lead: _of_ad("ad_name", call, lead),
    "adset_id": lambda call, lead: _of_ad("adset_id", call, lead),
    "adset_name": lambda call, lead: _of_ad("adset_name", call, lead),
    "campaign_id": lambda call, lead: _of_ad("campaign_id", call, lead),
    "campaign_name": lambda call, lead: _of_ad("campaign_name", call, lead),
    "partner_name": lambda _call, _lead: None,
    "post": lambda _call, _lead: None,
    "post_submission_check_result": lambda _call, _lead: None,
    "retailer_item_id": lambda _call, _lead: None,
    "vehicle": lambda _call, _lead: None,
    "home_listing": lambda _call, _lead: None,
}


# -- people and ads --------------------------------------------------------------------------------------------------

PERSON: Table = {"id": lambda _call, person: person.id, "name": lambda _call, person: person.name}
ACCOUNT: Table = {
    "id": lambda _call, account: account.id,
    "account_id": lambda _call, account: account.id.removeprefix("act_"),
    "name": lambda _call, account: account.name,
    "currency": lambda _call, account: account.currency,
    "timezone_name": lambda _call, account: account.time_zone,
    "account_status": lambda _call, _account: 1,
}
CAMPAIGN: Table = {
    "id": lambda _call, one: one.id,
    "name": lambda _call, one: one.name,
    "account_id": lambda _call, one: one.account_id.removeprefix("act_"),
    "status": lambda _call, _one: "ACTIVE",
    "objective": lambda _call, _one: "OUTCOME_LEADS",
}
ADSET: Table = {
    "id": lambda _call, one: one.id,
    "name": lambda _call, one: one.name,
    "campaign_id": lambda _call, one: one.campaign_id,
    "status": lambda _call, _one: "ACTIVE",
}
AD: Table = {
    "id": lambda _call, one: one.id,
    "name": lambda _call, one: one.name,
    "adset_id": lambda _call, one: one.adset_id,
    "campaign_id": lambda call, one: call.world.adsets[one.adset_id].campaign_id,
    "status": lambda _call, _one: "ACTIVE",
}

KINDS: Mapping[str, tuple[Table, Sequence[str], str]] = {
    "page": (PAGE, ("name", "id"), "Page"),
    "form": (FORM, ("id", "name", "status", "locale"), "LeadgenForm"),
    "lead": (LEAD, ("created_time", "id", "field_data"), "LeadGenData"),
    "person": (PERSON, ("name", "id"), "User"),
    "account": (ACCOUNT, ("account_id", "id"), "AdAccount"),
    "campaign": (CAMPAIGN, ("id",), "Campaign"),
    "adset": (ADSET, ("id",), "AdSet"),
    "ad": (AD, ("id",), "Ad"),
}


def may_see(call: Call, kind: str, node: Any) -> None:
    """Raises ApiError: there is no such thing for whoever asks."""
    world = call.world
    match node:
        case Page():
            call.may_manage(node)
        case Form():
            call.page_of(node)
        case Lead():
            call.may_read_leads(world.pages[node.page_id])
            if not world.is_there(node) or world.faults.take("late_lead"):
                raise not_there(node.id, call.verb)
        case Person():
            if node.id != call.token.person_id:
                raise not_there(node.id, call.verb)
        case AdAccount() | Campaign() | AdSet() | Ad():
            if not call.may_advertise(_account(call, node)):
                raise no_ads()
        case _:
            raise not_there(kind, call.verb)


def _account(call: Call, node: Any) -> str:
    if isinstance(node, AdAccount):
        return node.id
    if isinstance(node, Ad):
        return call.world.account_of_ad(node.id)
    campaign = node if isinstance(node, Campaign) else call.world.campaigns[node.campaign_id]
    return campaign.account_id
