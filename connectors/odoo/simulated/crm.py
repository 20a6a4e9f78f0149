"""Odoo as a CRM: messages, activities, leads, and `load`, which makes or changes records by their external ids.

Recorded from Odoo 19.0: `load` answers `{"ids": [7] | false, "messages": [...], "nextrow": 0}` with status 200 whatever happened; the
external id of a record that is deleted goes with it; `action_feedback` archives an activity and leaves a message each time.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

from connectors.odoo.simulated.calls import Call, offered
from connectors.odoo.simulated.crm_models import ACTIVITY, ACTIVITY_TYPE, DATA, MESSAGE
from connectors.odoo.simulated.errors import OdooError, type_error
from connectors.odoo.simulated.schema import Field, Row
from connectors.odoo.simulated.store import Transaction
from connectors.odoo.simulated.trade import Trade
from connectors.odoo.simulated.values import read

# What every Odoo has by these names.
_KNOWN = {"mail.mt_note": "Note", "mail.mt_comment": "Discussions", "base.model_res_partner": "res.partner"}
_TODO = "mail.mail_activity_data_todo"


@offered("load")
def load(call: Call, fields: Any, data: Any) -> Any:
    """Make or change records; whatever is refused, none of them is written."""
    if not isinstance(fields, list) or not isinstance(data, list) or fields[:1] != ["id"]:
        raise type_error("This simulator loads records with external ids only")
    try:
        with call.world.lock, call.world.transaction(call.person.uid) as tx:
            ids = [_load(call, tx, fields, row) for row in data]
    except OdooError as error:
        return {"ids": False, "messages": [{"type": "error", "record": 0, "message": error.message}], "nextrow": 0}
    return {"ids": ids, "messages": [], "nextrow": 0}


def _load(call: Call, tx: Transaction, names: Sequence[str], row: Sequence[Any]) -> int:
    given = dict(zip(names[1:], row[1:], strict=True))
    values = {name: value for told, text_ in given.items() for name, value in _value(call, tx, told, text_)}
    place = f"{call.model.name}:{row[0]}"
    known = [tx.row(DATA.name, one)["res_id"] for one in tx.lookup(DATA.name, "name", place)]
    if known and tx.get(call.model.name, known[0]) is not None:
        call.person.needs(call.model, "write")
        if not (call.context.get("noupdate") and call.context.get("mode") == "update"):
            tx.write(call.model.name, known[0], **values)
        return int(known[0])
    call.person.needs(call.model, "create")
    made = _made(call, tx, values)
    tx.create(DATA.name, name=place, model=call.model.name, res_id=made)
    return made


def _made(call: Call, tx: Transaction, values: Row) -> int:
    if call.model is MESSAGE or call.model is ACTIVITY:
        partner = tx.row("res.partner", values["res_id"], call.person.uid)
        values |= {"res_name": partner["name"]} if call.model is ACTIVITY else {}
    if call.model.name == "res.partner":
        made: int = Trade(call.world, tx).add_partner(values.pop("name"), **values)
        return made
    if call.model.name == "crm.lead":
        _tell_partner(call, tx, values)
    return tx.create(call.model.name, **values)


def _tell_partner(call: Call, tx: Transaction, values: Row) -> None:
    """What a lead says of its partner is written into the partner; without a salesperson it is whoever writes it."""
    if "user_id" not in values:
        values["user_id"] = call.person.uid
    partner = values.get("partner_id")
    said = {name: values[told] for told, name in (("email_from", "email"), ("phone", "phone")) if values.get(told)}
    if partner and said:
        tx.write("res.partner", partner, **said)


def _value(call: Call, tx: Transaction, told: str, given: Any) -> list[tuple[str, Any]]:
    """Return what a column of an import says. Raises OdooError: there is no such column, or nothing of that name."""
    name, _, by = told.partition("/")
    if told == "res_model_id/id":
        return [("res_model", _KNOWN.get(given))]
    field = call.model.fields.get(name)
    if field is None:
        raise OdooError("builtins.ValueError", f"Invalid field '{name}'")
    if told == "activity_type_id/id":
        return [(name, _type(tx, given))]
    if by == "id":
        return [(name, _KNOWN.get(given))]
    if by == ".id" and given is not False and tx.get(field.relation, int(given)) is None:
        raise OdooError(
            "builtins.ValueError", f"No matching record found for database id '{given}' in field '{field.string}'"
        )
    return [(name, _plain(call, field, given))]


def _plain(call: Call, field: Field, given: Any) -> Any:
    """Read a value as `load` does: a moment is one of the zone of whoever asks."""
    if field.type == "datetime" and given:
        zone = ZoneInfo(str(call.context.get("tz") or call.person.tz or "UTC"))
        return datetime.fromisoformat(str(given)).replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None)
    return read(field, given or None)


def _type(tx: Transaction, given: Any) -> int:
    if given != _TODO:
        raise OdooError("builtins.ValueError", f"No matching record found for external id '{given}'")
    known = tx.tables[ACTIVITY_TYPE.name].ids
    return known[0] if known else tx.create(ACTIVITY_TYPE.name, name="To-Do")


@offered("action_feedback", ACTIVITY.name, on_records=True)
def action_feedback(call: Call, feedback: Any = None) -> Any:
    """Tick activities off, and note it with what they are of."""
    call.person.needs(call.model, "write")
    noted: Any = False
    with call.world.lock, call.world.transaction(call.person.uid) as tx:
        for row in list(tx.rows(ACTIVITY.name, call.ids)):
            noted = tx.create(
                MESSAGE.name, model=row["res_model"], res_id=row["res_id"], subtype_id="Activities",
                body=f"<p>To-Do done : {row['summary']}</p>", message_type="notification",
            )  # fmt: skip
            if call.world.version >= 17:
                tx.write(ACTIVITY.name, row["id"], active=False, date_done=tx.began.date(), feedback=feedback or None)
            else:
                tx.unlink(ACTIVITY.name, row["id"])
    return noted
