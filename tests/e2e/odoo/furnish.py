"""Run in Odoo's own shell, once: two companies, currencies, terms, and users with keys. Says at its end what it made."""

import json
from typing import Any

admin = env.ref("base.user_admin")  # noqa: F821 - the shell gives it
env = env(user=admin)  # noqa: F821 - as above
COMPANIES = {
    "north": ("North Star Ltd", "IL", "ILS", "IL514123456"),
    "south": ("Południe Sp. z o.o.", "PL", "PLN", "PL5252445767"),
}
RATES = {"EUR": 0.25, "JPY": 40.0, "KWD": 0.0815, "USD": 0.27}  # of one ILS


def currency(code: str) -> Any:
    found = env["res.currency"].with_context(active_test=False).search([("name", "=", code)])
    found.active = True
    return found


companies = {}
first = env.ref("base.main_company")
for key, (name, country, code, vat) in COMPANIES.items():
    values = {"name": name, "currency_id": currency(code).id}
    company = first if key == "north" else env["res.company"].create(values)
    company.write(values)
    admin.company_ids |= company
    env["account.chart.template"].try_loading("generic_coa", company, install_demo=False)
    company.write({"currency_id": currency(code).id})
    # By its partner: a company that is given a country installs the whole country's own accounting.
    company.partner_id.country_id = env.ref(f"base.{country.lower()}")
    company.partner_id.write({"vat": vat, "tz": "Asia/Jerusalem" if key == "north" else "Europe/Warsaw"})
    companies[key] = company
for code, rate in RATES.items():
    for company in companies.values():
        env["res.currency.rate"].create(
            {"name": "2026-01-01", "currency_id": currency(code).id, "company_id": company.id, "rate": rate}
        )
terms = env["account.payment.term"].create(
    {
        "name": "30% now, 70% in 60 days",
        "line_ids": [
            (0, 0, {"value": "percent", "value_amount": 30, "nb_days": 0}),
            (0, 0, {"value": "percent", "value_amount": 70, "nb_days": 60}),
        ],
    }
)


def user(login: str, which: Any, group: str = "account.group_account_readonly") -> Any:
    groups = [env.ref(group).id]
    ids = [company.id for company in which]
    return env["res.users"].with_context(no_reset_password=True).create({
        "name": login, "login": login, "group_ids": [(6, 0, groups)], "company_id": ids[0], "company_ids": [(6, 0, ids)]
    })  # fmt: skip


users = {
    "admin": admin,
    "reader": user("reader", companies.values()),
    "north": user("north", [companies["north"]]),
    "salesman": user("salesman", companies.values(), "sales_team.group_sale_salesman_all_leads"),
}
admin.group_ids |= env.ref("account.group_account_manager") | env.ref("sales_team.group_sale_manager")
admin.group_ids |= env.ref("purchase.group_purchase_manager")
keys = {}
for name, one in users.items():
    keys[name] = env(user=one)["res.users.apikeys"].sudo()._generate("rpc", "tests", None)
env.cr.commit()
print("MADE=" + json.dumps({
    "keys": keys, "logins": {name: one.login for name, one in users.items()},
    "companies": {name: one.id for name, one in companies.items()}, "terms": terms.id,
}))  # fmt: skip
