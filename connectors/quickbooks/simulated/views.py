"""How objects are written in answers."""

from decimal import Decimal
from typing import Any

from connectors.quickbooks.simulated.books import NAMES, Books, Record, Tombstone
from connectors.quickbooks.simulated.digits import noisy
from connectors.quickbooks.simulated.errors import Json

# What noise does to every decimal number of an object.
_AMOUNTS = frozenset({"TotalAmt", "Balance", "HomeTotalAmt", "HomeBalance", "UnappliedAmt", "RemainingCredit"})


def view(books: Books, record: Record) -> Json:
    """One object, whole."""
    fields = dict(record.fields)
    if record.entity in NAMES:
        fields["Balance"] = books.open_balance(record.id)
    if record.entity == "Customer":
        jobs = [books.open_balance(one.id) for one in books.jobs_of(record.id)]
        fields["BalanceWithJobs"] = sum(jobs, fields["Balance"])
    return {**fields, "domain": "QBO", "sparse": False, **_besides(books, record)}


def part(books: Books, record: Record, names: tuple[str, ...]) -> Json:
    """One object with some of its members; the id is always there."""
    whole = view(books, record)
    kept = {name: whole[name] for name in whole if name in names or name == "Id"}
    return {**kept, "domain": "QBO", "sparse": True}


def deleted(books: Books, gone: Tombstone) -> Json:
    """What change data capture tells of an object that is no more."""
    return {
        "domain": "QBO", "status": "Deleted", "Id": gone.id, "MetaData": {"LastUpdatedTime": books.stamp(gone.at)},
    }  # fmt: skip


def _besides(books: Books, record: Record) -> Json:
    return {
        "Id": record.id,
        "SyncToken": str(record.token),
        "MetaData": {
            "CreateTime": books.stamp(record.created_at),
            "LastUpdatedTime": books.stamp(record.updated_at),
        },
    }


def with_noise(told: Json) -> Json:
    """The same object with amounts as binary floats show them."""
    return {
        name: noisy(value) if name in _AMOUNTS and isinstance(value, Decimal) else value for name, value in told.items()
    }


def with_unknown_words(told: Json) -> Json:
    """The same object with members and words that the schema does not know (yet)."""
    extra: dict[str, Any] = {"HubTestMember": {"value": "1"}}
    if "EmailStatus" in told:
        extra["EmailStatus"] = "Scheduled"
    if "Line" in told:
        extra["Line"] = [*told["Line"], {"DetailType": "HologramLineDetail", "HologramLineDetail": {}}]
    return told | extra
