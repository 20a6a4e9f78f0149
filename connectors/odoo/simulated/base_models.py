"""Models of Odoo itself: companies, currencies, partners, users, and how it describes its own models."""

from decimal import Decimal
from typing import Any

from connectors.odoo.simulated.schema import (
    Model,
    Row,
    boolean,
    char,
    choice,
    counted,
    date,
    html,
    integer,
    many,
    model,
    moment,
    number,
    one,
    text,
)
from connectors.odoo.simulated.store import View

ZERO = Decimal(0)


def _partner_name(view: View, row: Row) -> str:
    """`Company, Person`, as Odoo shows whoever belongs to somebody."""
    name: str = row["name"] or ""
    parent = view.get("res.partner", row["parent_id"])
    return f"{parent['name']}, {name}" if parent is not None else name


def _owed(view: View, row: Row, kind: str) -> Decimal:
    """What a commercial partner's open lines sum up to, in the currency of the companies."""
    lines = view.related("account.move.line", "partner_id", row["id"])
    open_ones = (one for one in lines if one["account_type"] == kind and one["parent_state"] == "posted")
    return sum((one["amount_residual"] for one in open_ones), ZERO)


def _credit(view: View, row: Row) -> Decimal:
    return _owed(view, row, "asset_receivable")


def _debit(view: View, row: Row) -> Decimal:
    return -_owed(view, row, "liability_payable")


def _commercial_company(view: View, row: Row) -> str | None:
    top = view.get("res.partner", row["commercial_partner_id"])
    found: str | None = top["name"] if top is not None and top["is_company"] else row["company_name"]
    return found


def _company(view: View, row: Row) -> Row | None:
    """The company that a partner is of, else the first there is: whoever asks works for that one."""
    return view.get("res.company", row["company_id"] or next(iter(view.tables["res.company"].ids), None))


def _currency(view: View, row: Row) -> int | None:
    company = _company(view, row)
    return company["currency_id"] if company is not None else None


def _shows_limit(view: View, row: Row) -> bool:
    company = _company(view, row)
    return company is not None and bool(company["account_use_credit_limit"])


def _has_own_limit(_view: View, row: Row) -> bool:
    """Whether its limit is another one than everybody's, which is none here."""
    return bool(row["credit_limit"])


def _children(view: View, row: Row) -> Any:
    return tuple(view.lookup("res.partner", "parent_id", row["id"]))


def _country_code(view: View, row: Row) -> str | None:
    country = view.get("res.country", row["country_id"])
    return country["code"] if country is not None else None


def _rate(view: View, row: Row) -> Decimal:
    """The newest rate of the first company: units of this currency for one of the company's."""
    rates = view.related("res.currency.rate", "currency_id", row["id"])
    newest = max(rates, key=lambda one: (one["name"], one["id"]), default=None)
    return newest["rate"] if newest is not None else Decimal(1)


def _inverse(view: View, row: Row) -> Decimal:
    return 1 / _rate(view, row)


def _model_name(_view: View, row: Row) -> str:
    found: str = row["name"]
    return found


def _of_model(view: View, row: Row) -> str | None:
    described = view.get("ir.model", row["model_id"])
    return described["model"] if described is not None else None


def _currency_name(_view: View, row: Row) -> str:
    found: str = row["name"]
    return found


_ADDRESS = {
    "street": char("Street"), "street2": char("Street2"), "zip": char("Zip"), "city": char("City"),
    "country_id": one("res.country", "Country"), "state_id": one("res.country.state", "State"),
}  # fmt: skip

COMPANY = model(
    "res.company", "Companies",
    {
        "name": char("Company Name"), "active": boolean("Active", default=True), "sequence": integer("Sequence"),
        "parent_id": one("res.company", "Parent Company"), "partner_id": one("res.partner", "Partner"),
        "currency_id": one("res.currency", "Currency"), "vat": char("Tax ID"), "email": char("Email"),
        "phone": char("Phone"), "website": char("Website"), "company_registry": char("Company ID"), **_ADDRESS,
        "account_use_credit_limit": boolean("Sales Credit Limit"),
        "country_code": counted("char", "Country Code", _country_code),
    },
    order="sequence,name",
)  # fmt: skip

CURRENCY = model(
    "res.currency", "Currency",
    {
        "name": char("Currency"), "full_name": char("Name"), "symbol": char("Symbol"),
        "decimal_places": integer("Decimal Places"), "rounding": number("Rounding Factor"),
        "active": boolean("Active", default=True), "position": char("Symbol Position"),
        "rate": counted("float", "Current Rate", _rate), "inverse_rate": counted("float", "Inverse Rate", _inverse),
    },
    order="active desc,name", name_of=_currency_name,
)  # fmt: skip

RATE = model(
    "res.currency.rate", "Currency Rate",
    {
        "name": date("Date"), "rate": number("Technical Rate"), "currency_id": one("res.currency", "Currency"),
        "company_id": one("res.company", "Company"),
    },
    order="name desc,id", name_of=lambda _view, row: str(row["name"]), indexed=("currency_id",),
)  # fmt: skip

COUNTRY = model(
    "res.country", "Country",
    {"name": char("Country Name"), "code": char("Country Code"), "currency_id": one("res.currency", "Currency")},
    order="name",
)  # fmt: skip
STATE = model("res.country.state", "Country state", {"name": char("State Name"), "code": char("State Code")})

_RTC_SESSION = model("discuss.channel.rtc.session", "Mail RTC session", {})
PARTNER = model(
    "res.partner", "Contact",
    {
        "name": char("Name"), "active": boolean("Active", default=True), "is_company": boolean("Is a Company"),
        "type": choice("Address Type", "contact", "invoice", "delivery", "other", default="contact"),
        "parent_id": one("res.partner", "Related Company"), "commercial_partner_id": one("res.partner", "Commercial Entity"),
        "child_ids": counted("one2many", "Contact", _children, "res.partner"),
        "company_id": one("res.company", "Company"), "company_name": char("Company Name"),
        "commercial_company_name": counted("char", "Company Name Entity", _commercial_company), "function": char("Job Position"),
        "email": char("Email"), "phone": char("Phone"), "website": char("Website Link"), "vat": char("Tax ID"),
        "company_registry": char("Company ID"), "ref": char("Reference"), "comment": html("Notes"),
        "lang": char("Language", "en_US"), "tz": char("Timezone"), "category_id": many("res.partner.category", "Tags"),
        "user_id": one("res.users", "Salesperson"), "customer_rank": integer("Customer Rank"),
        "supplier_rank": integer("Supplier Rank"), "credit_limit": number("Credit Limit"),
        "use_partner_credit_limit": counted("boolean", "Partner Limit", _has_own_limit),
        "show_credit_limit": counted("boolean", "Show Credit Limit", _shows_limit),
        "currency_id": counted("many2one", "Currency", _currency, "res.currency"),
        "sale_warn_msg": text("Message for Sales Order"),
        "property_payment_term_id": one("account.payment.term", "Customer Payment Terms"), **_ADDRESS,
        "country_code": counted("char", "Country Code", _country_code),
        "credit": counted("monetary", "Total Receivable", _credit), "debit": counted("monetary", "Total Payable", _debit),
    },
    order="name,id desc", name_of=_partner_name, indexed=("parent_id", "commercial_partner_id"),
    groups=("Contact/Creation", "Purchase/Administrator", "Sales/Administrator", "Sales/User: Own Documents Only"),
    unreadable=("rtc_session_ids", _RTC_SESSION),
)  # fmt: skip
CATEGORY = model("res.partner.category", "Partner Tags", {"name": char("Name")})

USER = model(
    "res.users", "User",
    {
        "name": char("Name"), "login": char("Login"), "email": char("Email"), "active": boolean("Active", default=True),
        "share": boolean("Share User"),
        "partner_id": one("res.partner", "Related Partner"), "company_id": one("res.company", "Company"),
        "company_ids": many("res.company", "Companies"), "lang": char("Language", "en_US"), "tz": char("Timezone"),
    },
    order="name,login",
)  # fmt: skip

API_KEY = model(
    "res.users.apikeys", "Users API Keys",
    {
        "name": char("Description"), "scope": char("Scope"), "user_id": one("res.users", "User"),
        "expiration_date": moment("Expiration Date"),
    },
    owner="user_id",
)  # fmt: skip
ATTACHMENT = model(
    "ir.attachment", "Attachment",
    {
        "name": char("Name"), "mimetype": char("Mime Type"), "file_size": integer("File Size"), "res_model": char("Resource Model"),
        "res_id": integer("Resource ID"), "datas": counted("binary", "File Content (base64)", lambda _view, row: row["_datas"]), "company_id": one("res.company", "Company"),
    },
    order="id desc",
)  # fmt: skip

LANG = model(
    "res.lang", "Languages",
    {
        "name": char("Name"), "code": char("Locale Code"), "iso_code": char("ISO code"), "active": boolean("Active"),
    },
    order="active desc,name",
)  # fmt: skip

MODULE = model(
    "ir.module.module", "Module",
    {
        "name": char("Technical Name"), "shortdesc": char("Module Name"), "latest_version": char("Installed Version"),
        "state": choice("Status", "uninstallable", "uninstalled:Not Installed", "installed", "to upgrade", "to remove"),
    },
    order="name",
)  # fmt: skip

IR_MODEL = model(
    "ir.model", "Models", {"name": char("Model Description"), "model": char("Model"), "modules": char("In Apps")},
    order="model", readable=False, groups=("Access Rights",), name_of=_model_name,
)  # fmt: skip
IR_FIELD = model(
    "ir.model.fields", "Fields",
    {
        "name": char("Field Name"), "model": char("Model Name"), "model_id": one("ir.model", "Model"),
        "field_description": char("Field Label"), "ttype": char("Field Type"), "relation": char("Related Model"),
        "store": boolean("Stored"),
    },
    order="name", readable=False, groups=("Access Rights",),
    name_of=lambda _view, row: f"{row['field_description']} ({row['model']})",
)  # fmt: skip

AUTOMATION = model(
    "base.automation", "Automation Rule",
    {
        "name": char("Automation Rule Name"), "active": boolean("Active", default=True),
        "model_id": one("ir.model", "Model"), "model_name": counted("char", "Model Name", _of_model),
        "trigger": choice(
            "Trigger", "on_create_or_write:On create and edit", "on_unlink:On deletion", "on_create", "on_write",
            "on_archive", "on_unarchive", "on_time:Based on date field", "on_webhook:On webhook",
        ),
        "filter_domain": char("Apply on"), "trigger_field_ids": many("ir.model.fields", "Trigger Fields"),
        "action_server_ids": counted(
            "one2many", "Actions",
            lambda view, row: tuple(view.lookup("ir.actions.server", "base_automation_id", row["id"])),
            "ir.actions.server",
        ),
    },
    order="id", module="base_automation", readable=False,
)  # fmt: skip
ACTION = model(
    "ir.actions.server", "Server Action",
    {
        "name": char("Name"), "model_id": one("ir.model", "Model"),
        "model_name": counted("char", "Model Name", _of_model),
        "state": choice("Type", "webhook:Send Webhook Notification", "object_write:Update Record", "code:Execute Code"),
        "usage": choice("Usage", "ir_actions_server:Server Action", "base_automation:Automation Rule", default="ir_actions_server"),
        "webhook_url": char("Webhook URL"), "webhook_field_ids": many("ir.model.fields", "Webhook Fields"),
        "base_automation_id": one("base.automation", "Automation Rule"), "sequence": integer("Sequence"),
    },
    order="sequence,name", readable=False, indexed=("base_automation_id",),
)  # fmt: skip

PRODUCT = model(
    "product.product", "Product Variant", {"name": char("Name"), "default_code": char("Internal Reference")},
    order="name,id",
)  # fmt: skip
UOM = model("uom.uom", "Product Unit of Measure", {"name": char("Unit")})

MODELS: tuple[Model, ...] = (
    COMPANY, CURRENCY, RATE, COUNTRY, STATE, PARTNER, CATEGORY, USER, API_KEY, ATTACHMENT, LANG, MODULE, IR_MODEL, IR_FIELD, AUTOMATION, ACTION,
    PRODUCT, UOM,
)  # fmt: skip
