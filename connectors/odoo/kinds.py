"""Which kinds of records are read."""

from connectors.odoo import activities, ledger, masters, sales
from connectors.odoo.listing import Kind
from connectors.odoo.settings import OdooSettings


def wanted(settings: OdooSettings) -> tuple[Kind, ...]:
    """Return what the settings want to be read, in the order in which one needs the other."""
    listed = (
        (masters.COMPANIES, True),
        (masters.CONTACTS, settings.contacts),
        (activities.TASKS, settings.tasks),
        (sales.ORDERS, settings.quotes or settings.orders),
        (sales.PURCHASES, settings.purchases),
        (sales.DELIVERIES, settings.deliveries),
        (ledger.INVOICES, True),
        (ledger.PAYMENTS, True),
        (ledger.ALLOCATIONS, True),
    )
    return tuple(kind for kind, is_wanted in listed if is_wanted)
