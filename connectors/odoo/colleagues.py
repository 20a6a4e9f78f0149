"""Who is who in Odoo: its users by their addresses, ourselves, and whether somebody is a partner already."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from connectors.odoo.client import Client, Domain, Row, id_of
from connectors.odoo.forms import PARTNER, Colleague

MOST = 50  # addresses and numbers that are asked for at once
FEW = 5
FEWEST = 7  # digits that say who it is
_FIELDS = ("email", "email_normalized", "phone", "mobile", "phone_sanitized", "type")


@dataclass(slots=True)
class Colleagues:
    """The users of one Odoo, asked for once."""

    client: Client
    _cached: dict[str, Colleague] = field(default_factory=dict)
    _is_known: bool = False
    _us: int = 0

    @property
    def us(self) -> int:
        """Number of the user whose key it is."""
        if not self._us:
            told = self.client.ask("res.users", "context_get")
            self._us = id_of(told.get("uid")) if isinstance(told, dict) else 0
        return self._us

    def by_email(self, address: str) -> Colleague | None:
        """Return the user with an address; None: Odoo has none."""
        if not address:
            return None
        if not self._is_known:
            for row in self.client.rows("res.users", [["share", "=", False]], ("login", "email", "partner_id")):
                one = Colleague(row["id"], id_of(row.get("partner_id")))
                for name in ("email", "login"):
                    if told := str(row.get(name) or "").strip().lower():
                        self._cached[told] = one
            self._is_known = True
        return self._cached.get(address.lower())


def people(client: Client, emails: Sequence[str], phones: Sequence[str]) -> Sequence[str]:
    """Return ids of partners with one of these, the oldest first (`hub.connector.crm.KnowsPeople`)."""
    addresses = sorted({one.strip().lower() for one in emails if "@" in one})[:MOST]
    numbers = [digits for one in phones if len(digits := _digits(one)) >= FEWEST][:MOST]
    terms = [*_terms(client, addresses, numbers)]
    if not terms:
        return ()
    domain: Domain = [*["|"] * (len(terms) - 1), *terms]
    rows = client.rows(PARTNER, domain, _FIELDS, limit=MOST)
    return [str(row["id"]) for row in rows if _is_one(row, frozenset(addresses), numbers)]


def _terms(client: Client, addresses: Sequence[str], numbers: Sequence[str]) -> Iterator[list[object]]:
    there = client.fields(PARTNER, _FIELDS)
    if addresses:
        yield ["email_normalized" if "email_normalized" in there else "email", "in", [*addresses]]
        for one in addresses[:FEW]:  # a field may hold several, of which Odoo knows the first
            yield ["email", "ilike", one]
    for one in numbers:
        for name in ("phone", "mobile"):
            if name in there:  # as people wrote it, with whatever stands between the digits
                yield [name, "ilike", "%".join(one[-9:])]


def _is_one(row: Row, addresses: frozenset[str], numbers: Sequence[str]) -> bool:
    """Look again: a pattern of digits is another number's too."""
    told = {
        one.strip(" <>\"'").lower()
        for name in ("email", "email_normalized")
        for one in re.split(r"[,;\s]+", str(row.get(name) or ""))
    }
    written = [_digits(str(row.get(name) or "")).lstrip("0") for name in ("phone", "mobile", "phone_sanitized")]
    return bool(told & addresses) or any(
        len(one) >= FEWEST and number.endswith(one) for one in written for number in numbers
    )


def _digits(text: str) -> str:
    return "".join(one for one in text if one in "0123456789")
