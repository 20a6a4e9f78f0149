"""Activities of contacts that people made, and tasks of ours: what somebody is to do. Since Odoo 17 those that are done are archived; before, they were deleted.

Source: https://github.com/odoo/odoo/blob/19.0/addons/mail/models/mail_activity.py
"""

from collections.abc import Sequence

from connectors.odoo.client import Client, Domain, Row
from connectors.odoo.forms import ACTIVITY, PARTNER
from connectors.odoo.listing import Kind
from connectors.odoo.settings import OdooSettings


def _of_contacts(settings: OdooSettings) -> Domain:
    del settings
    return [["res_model", "=", PARTNER], ["automated", "=", False]]


def _complete(client: Client, rows: Sequence[Row]) -> None:
    """Nothing is missing."""
    del client, rows


def _refused(settings: OdooSettings, row: Row) -> str:
    del settings
    return "" if row.get("res_id") else "nobody"


TASKS = Kind(
    records="tasks",
    title="Activities",
    model=ACTIVITY,
    version=1,
    fields=(
        "summary", "activity_type_id", "date_deadline", "date_done", "active", "res_id", "res_name", "user_id", "write_date",
    ),
    domain=_of_contacts,
    refused=_refused,
    joined=_complete,
    vanishes=True,
)  # fmt: skip
