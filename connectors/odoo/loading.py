"""Writing to Odoo: `load`, which makes the record of an external id in one request, once however often it is sent.

A refusal of `load` comes with status 200 and words, asked for in English. Measured against Odoo 19.0. Source:
https://github.com/odoo/odoo/blob/19.0/odoo/models.py (`BaseModel.load`)
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.odoo.client import Client, Row
from connectors.odoo.errors import NoModelError
from hub.errors import ConnectorError, GoneError, RejectedError, RetryLaterError, ScopeError, ShapeError

# Dates without a zone are the user's, and refusals in their language, unless the request says otherwise. Odoo mails whoever an
# activity or a lead is given to, also for each of those that only say what happened: the last two keep it from that.
CONTEXT: Mapping[str, Any] = {
    "tz": "UTC", "lang": "en_US", "active_test": False, "mail_activity_quick_update": True,
    "mail_auto_subscribe_no_notify": True,
}  # fmt: skip
# What was made with a key is never written over by the same key: meanwhile it may be somebody else's.
_ONCE: Mapping[str, Any] = {**CONTEXT, "mode": "update", "noupdate": True}
MODULE = "__hub__"  # of external ids; Odoo needs no such app
APPS: Mapping[str, str] = {"crm.lead": "CRM", "mail.message": "Discuss", "mail.activity": "Discuss"}
_PASSES = re.compile(r"could not serialize|concurrent update|deadlock|lock timeout|try again", re.IGNORECASE)
_NO_RIGHT = re.compile(r"not allowed|access right|access error|access denied|security restrictions", re.IGNORECASE)
_GONE = re.compile(r"does not exist or has been deleted", re.IGNORECASE)
_LONGEST = 300  # characters of a refusal that are shown


def external_id(key: str) -> str:
    """Return the external id of a key."""
    return f"{MODULE}.{hashlib.sha256(key.encode()).hexdigest()[:40]}"


def load(client: Client, model: str, key: str, values: Mapping[str, Any]) -> int:
    """Make a record, or find the one that was made with this key; returns its id.

    Args:
        values: by the names of columns of an import, such as `user_id/.id`; False clears.

    Raises:
        GoneError: what it hangs on is no more.
        ConnectorError: as of a writer.
    """
    names = ["id", *values]
    told = called(client, model, "load", _ONCE, fields=names, data=[[external_id(key), *values.values()]])
    if not isinstance(told, dict):
        raise ShapeError(f"Odoo's answer to a write of {model} is no object")
    ids = told.get("ids")
    if isinstance(ids, list) and len(ids) == 1 and isinstance(ids[0], int) and not isinstance(ids[0], bool):
        return ids[0]
    messages = told.get("messages")
    raise _refusal(model, messages if isinstance(messages, list) else [])


def called(client: Client, model: str, method: str, context: Mapping[str, Any] = CONTEXT, **parameters: Any) -> Any:
    """Call a method that writes.

    Raises:
        ConnectorError: as of a writer.
    """
    try:
        return client.write(model, method, **parameters, context=context)
    except NoModelError:
        raise RejectedError(f"Install the app {APPS.get(model, model)} in Odoo: it has no {model}.") from None


def present(client: Client, model: str, number: int, fields: Sequence[str]) -> Row:
    """Return a record as it is now, archived or not. Raises GoneError: it is no more."""
    found = client.of_ids(model, [number], fields).get(number)
    if found is None:
        raise GoneError(f"Odoo has no {model} {number} any more.")
    return found


def _refusal(model: str, messages: Sequence[Any]) -> ConnectorError:
    words = " ".join(str(one.get("message") or "") for one in messages if isinstance(one, dict)).strip()
    text = f"Odoo: {' '.join(words.split())[:_LONGEST] or 'it was not written'} ({model})"
    if _PASSES.search(words):
        return RetryLaterError(text)
    if _NO_RIGHT.search(words):
        return ScopeError(f"The user of the key is not allowed to write {model}. {text}")
    return GoneError(text) if _GONE.search(words) else RejectedError(text)
