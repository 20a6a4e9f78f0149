"""A small published infobase of 1C to try the hub against: the standard OData interface, with faults on command.

Written from its documentation and public clients, knowing nothing of ours. Source: https://its.1c.ru/db/v838doc#bookmark:dev:TI000001358
"""

import base64
from typing import Any
from urllib.parse import unquote

from hub.connector.simulated.ledger_site import (
    CONTACTS,
    CUT_PAGE,
    INVOICES,
    PAYMENTS,
    Entry,
    LedgerSite,
    filtered,
    ordered,
)
from hub.connector.simulated.ledger_site import FAULTS as COMMON
from hub.connector.simulated.wire import Answer, Request, json_answer
from hub.connector.simulator import Faults

FAULTS = {**COMMON, **CUT_PAGE}
READS_LIKE = "manifest"  # the same runner reads both
STREAMS = (INVOICES,)
_BASE = "/base/odata/standard.odata"
_NOTHING = "00000000-0000-0000-0000-000000000000"
_COMPANY = "9a000000-0000-4000-8000-000000000001"
_COMPANIES = "/Catalog_Организации"
_SETS = {
    "/Catalog_Контрагенты": CONTACTS,
    "/Document_РеализацияТоваровУслуг": INVOICES,
    "/Document_ПоступлениеНаРасчетныйСчет": PAYMENTS,
}
_MARKS = {CONTACTS: "1c", INVOICES: "2c", PAYMENTS: "3c"}


class OneCSimulator(LedgerSite):
    """One infobase."""

    name = "onec"
    base_path = _BASE
    window_setting = "window_days"

    def access(self) -> dict[str, str]:
        return {"user": "hub", "password": self.password}

    def lets_in(self, request: Request) -> bool:
        scheme, _, told = request.headers.get("authorization", "").partition(" ")
        return scheme == "Basic" and base64.b64decode(told).decode() == f"hub:{self.password}"

    def failed(self, status: int, text: str, headers: Any = None) -> Answer:
        said = {"odata.error": {"code": "0", "message": {"lang": "ru", "value": text}}}
        return json_answer(said, status, headers)

    def is_listing(self, path: str) -> bool:
        return unquote(path).removeprefix(_BASE) in _SETS

    def route(self, request: Request) -> Answer | None:
        asked, name = dict(request.query), unquote(request.path).removeprefix(_BASE)
        if request.http != "GET":
            return self.failed(405, "Метод не поддерживается")
        if asked.get("$format") != "json":
            return Answer(200, b"<feed/>", "application/atom+xml")
        if name == "/":
            return json_answer({"odata.metadata": "$metadata", "value": [{"name": one.lstrip("/")} for one in _SETS]})
        if name == _COMPANIES:
            rows = [{"Ref_Key": _COMPANY, "Description": "Зелёный сад", "ИНН": "7701234567", "DeletionMark": False}]
        elif name in _SETS:
            rows = [self._shown(one) for one in self.entries[_SETS[name]]]
        else:
            return None
        try:
            rows = ordered(filtered(rows, asked["$filter"]) if "$filter" in asked else rows, asked.get("$orderby", ""))
        except ValueError as error:
            return self.failed(400, f"Ошибка разбора: {error}")
        offset = int(asked.get("$skip", 0))
        if self.forgets(offset):
            return self.failed(400, "Ошибка в $skip")
        page = self.cut(rows, offset, int(asked.get("$top", 1000))) if name in _SETS else rows[offset:]
        count = {"odata.count": str(len(rows))} if asked.get("$inlinecount") == "allpages" else {}
        return json_answer({"odata.metadata": f"$metadata#{name[1:]}", **count, "value": page})

    def remote_id(self, entry: Entry) -> str:
        return f"{_MARKS[entry.kind]}000000-0000-4000-8000-{entry.number:012d}"

    def _shown(self, one: Entry) -> dict[str, Any]:
        made = {"Ref_Key": self.remote_id(one), "DataVersion": f"AAAA{one.version:04d}=", "DeletionMark": False}
        if one.kind == CONTACTS:
            return {
                **made, "Code": f"{one.number:09d}", "Description": one.name, "НаименованиеПолное": one.name, "ИНН": "7709876543",
                "КПП": "770901001", "ЮридическоеФизическоеЛицо": "ЮридическоеЛицо", "IsFolder": False, "Комментарий": one.text,
                "КонтактнаяИнформация": [{"Тип": "АдресЭлектроннойПочты", "Представление": one.customer}], **one.facts,
            }  # fmt: skip
        client = f"{_MARKS[CONTACTS]}000000-0000-4000-8000-{1:012d}"
        return {
            **made, "Number": f"ГД00-{one.number:06d}", "Date": f"{one.day:%Y-%m-%dT%H:%M:%S}", "Posted": True,
            "Организация_Key": _COMPANY, "Контрагент_Key": client, "ВалютаДокумента_Key": _NOTHING,
            "СуммаДокумента": [120] if one.is_odd else 120.0, "КурсВзаиморасчетов": 1, "Комментарий": one.text, **one.facts,
        }  # fmt: skip


def create(port: int, faults: Faults) -> OneCSimulator:
    """Make the simulator that `hub simulate onec` and the contract tests run."""
    return OneCSimulator(port, faults)
