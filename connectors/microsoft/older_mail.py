"""Older mail of customers who became known after it was looked at: asked for by their addresses, in all folders.

The stream of the inbox asks, when it has read what changed; what is left to ask for stands in its cursor.
Source: https://learn.microsoft.com/graph/search-query-parameter#use-search-on-message-collections
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from connectors.microsoft import listing
from connectors.microsoft.client import Client
from hub.connector import newcomers
from hub.records.address import match_key

OLDER = "older"  # name of what a cursor keeps
PAGE = "older"  # where a pass goes on when it knows what changed; no link of Graph's
ASKED = 10  # customers of one question
FOUND = 1000  # the most that a question finds, of all its pages
FETCHED = 40  # messages of one page
# Who came into the hub so long before we began may have come while the folders were read already.
OVERLAP = timedelta(hours=1)
# What stands for itself in a question.
_PLAIN = re.compile(r"[\w.!#$%&'/=?^`{|}~+-]+@[\w.-]+")


Rest = Mapping[str, Any]


def begin() -> dict[str, Any]:
    """Return what the inbox's cursor keeps: all customers are known but the youngest, the folders are read with them in mind."""
    moment = datetime.now(UTC)
    return {OLDER: {**newcomers.everybody(moment), "since": (moment - OVERLAP).isoformat()}}


def is_asking(rest: Rest) -> bool:
    """Say whether somebody's older mail is still to be asked for."""
    return bool(rest.get(OLDER, {}).get("until"))


def newcomers_of(rest: Rest, client: Client) -> Rest:
    """Return what the cursor keeps where customers came since they were last asked for; else what it kept."""
    if OLDER not in rest or is_asking(rest):
        return rest
    exists = partial(_exists, client)
    found = newcomers.to_ask(rest[OLDER], exists, datetime.now(UTC))
    return rest if found is None else {**rest, OLDER: found}


def asked(rest: Rest, client: Client, *, just_read: str = "") -> tuple[list[str], Rest]:
    """Return some messages of customers who came, and what the cursor keeps behind them.

    Args:
        just_read: a folder whose mail is not meant.
    """
    older = dict(rest[OLDER])
    if not older.get("ids") and not _ask(older, client, just_read):
        return [], {**rest, OLDER: newcomers.asked(older)}
    some, older["ids"] = older["ids"][:FETCHED], older["ids"][FETCHED:]
    return some, {**rest, OLDER: older}


def _exists(client: Client, since: datetime | None, until: datetime) -> bool:
    return bool(client.tools.customers(since, until, after="", limit=1))


def _ask(older: dict[str, Any], client: Client, just_read: str) -> bool:
    """Ask for mail of the next customers, or for more of the same; False: all were asked for."""
    if not older.get("asking"):
        since, until = datetime.fromisoformat(older["since"]), datetime.fromisoformat(older["until"])
        older["asking"] = list(client.tools.customers(since, until, after=older.get("after", ""), limit=ASKED))
        older["before"] = ""
    if not (addresses := older["asking"]):
        return False
    question = _question(addresses, older["before"])
    found = _search(client, question) if question else []
    older["ids"] = [str(one["id"]) for one in found if not just_read or one.get("parentFolderId") != just_read]
    older["before"] = _day(found) if len(found) >= FOUND else ""
    if not older["before"]:
        older |= {"asking": [], "after": addresses[-1]}
    return True


def _search(client: Client, question: str) -> list[dict[str, Any]]:
    wanted = {"$search": f'"{question}"', "$select": "id,sentDateTime,parentFolderId", "$top": str(FOUND)}
    return list(listing.everything(client, "/messages", wanted, "messages"))


def _question(addresses: Sequence[str], before: str) -> str:
    """Ask for all mail from or to some addresses, of a day and before; empty where there is none to ask for.

    Gmail takes an address however it is dotted: it is asked for as it was typed, and bare.
    """
    spellings = dict.fromkeys(one for address in addresses for one in (address, match_key(address)))
    asked = " OR ".join(f"participants:{one}" for one in spellings if _PLAIN.fullmatch(one))
    return f"({asked}) AND sent<={before}" if asked and before else asked


def _day(found: Sequence[Mapping[str, Any]]) -> str:
    """Return until when to ask next: the oldest day that was found, or the one before where all are of one day."""
    days = sorted(str(one.get("sentDateTime") or "")[:10] for one in found if one.get("sentDateTime"))
    if not days:
        return ""
    if days[0] != days[-1]:
        return days[0]
    return (datetime.fromisoformat(days[0]) - timedelta(days=1)).date().isoformat()
