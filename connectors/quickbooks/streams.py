"""Streams of a company: everything by queries, then what changed by CDC, which tells of deletions as well.

One question for changes asks for all kinds of a stream, and for customers where a document names one: a job or a sub-customer
owes nothing by itself, and who is above it must be known before the document is taken.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from connectors.quickbooks import changes, listing, payload
from connectors.quickbooks.client import Client, ids_in
from connectors.quickbooks.entities import COMPANIES, CUSTOMER, KINDS, VENDOR, Entity, wanted
from hub.connector.stream import Change, Cursor, Gone, Page, Phase, Stream, Upsert
from hub.errors import GoneError, RejectedError, ShapeError
from hub.records.document import Line

FEW = 50  # ids of one query: its address stays short
_ALSO_INACTIVE = "Active in (true, false)"
_READ = "1"  # which version of what is kept; another one reads everything anew


class Records:
    """One stream (`hub.connector.stream.Stream`, `Findable`, `hub.connector.ledger.Sweeps`)."""

    mailbox = ""
    full_every: timedelta | None = None

    def __init__(self, client: Client, records: str) -> None:
        self._client = client
        self._kind = KINDS[records]
        self.entities = wanted(self._kind, suppliers=client.settings.suppliers)
        self.key = self.records = records
        self.title = self._kind.title
        self.asked = f"{_READ}:{','.join(one.name for one in self.entities)}"

    @property
    def every(self) -> timedelta:
        return timedelta(seconds=self._client.settings.every_s)

    # --- reading --------------------------------------------------------------------------------------------------

    def begin(self) -> Cursor:
        """Return where everything begins; the moment to go on from is taken from the first page's answer."""
        return Cursor(rest={"parents": self._all_parents()} if self._names_customers else {})

    def pull(self, cursor: Cursor) -> Page:
        """Return the page at a cursor."""
        return self._listed(cursor) if cursor.phase is Phase.FULL else self._changed(cursor)

    def _listed(self, cursor: Cursor) -> Page:
        number = int(cursor.page.partition(":")[0] or 0)
        entity = self.entities[number]
        place = listing.Place.of_json(cursor.rest.get("place", {}))
        part = listing.part(self._client, entity.name, place)
        anchor = cursor.anchor or (changes.moment_of(part.time) - changes.OVERLAP).isoformat()
        rest: dict[str, Any] = {**cursor.rest, "place": part.following.as_json() if part.following else {}}
        begin, recent = changes.moment_of(anchor), cursor.rest.get("recent", {})
        rest["recent"] = changes.remembered(recent, entity.name, part.objects, begin)
        changed = [self._change(entity, one, cursor.rest.get("parents", {})) for one in part.objects]
        if part.following is not None:
            following = replace(cursor, page=f"{number}:{part.following.start}", anchor=anchor, rest=rest)
            return Page(changed, following, more=True)
        if number + 1 < len(self.entities):
            following = replace(cursor, page=f"{number + 1}:1", anchor=anchor, rest=rest)
            return Page(changed, following, more=True)
        del rest["place"]
        following = Cursor(Phase.INCREMENTAL, anchor, asked=cursor.asked, opened_at=cursor.opened_at, rest=rest)
        return Page(changed, following, more=False)

    def _changed(self, cursor: Cursor) -> Page:
        names = [one.name for one in self.entities]
        also = [CUSTOMER.name] if self._names_customers else []
        found = changes.since(self._client, names + also, changes.moment_of(cursor.token))
        rest, begin = dict(cursor.rest), found.at - changes.OVERLAP
        recent: changes.Recent = rest.get("recent", {})
        if self._names_customers:
            rest["parents"] = _with(rest.get("parents", {}), found.objects[CUSTOMER.name])
        changed: list[Change] = []
        kept = recent
        for entity in self.entities:
            listed = found.objects[entity.name]
            new = changes.fresh(recent, entity.name, listed)
            changed += [self._change(entity, one, rest.get("parents", {})) for one in new]
            kept = changes.remembered(kept, entity.name, listed, begin)
        rest["recent"] = kept if self.entities else {}
        return Page(changed, replace(cursor, token=begin.isoformat(), page="", rest=rest), more=False)

    # --- single records -------------------------------------------------------------------------------------------

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return these records as they are now. What a query does not show is asked for by itself before it is gone."""
        found: dict[str, Change] = {}
        for entity in self.entities:
            own = {one: one.removeprefix(entity.prefix) for one in remote_ids if self._is_of(entity, one)}
            for some in _chunks(list(own.values())):
                found |= self._found(entity, some)
        return [found.get(one, Gone(one)) for one in remote_ids]

    def _found(self, entity: Entity, ids: Sequence[str]) -> dict[str, Change]:
        there = self._objects(entity, ids_in(ids), ids)
        parents = self._parents_of(list(there.values()))
        return {entity.key(name): self._change(entity, one, parents) for name, one in there.items()}

    def _objects(self, entity: Entity, where: str, ids: Sequence[str]) -> dict[str, payload.Object]:
        answer = self._client.select(entity.name, where=where)
        listed = listing.objects_of(answer["QueryResponse"], entity.name)
        there = {payload.id_of(one): one for one in listed}
        for missing in ids:
            if missing not in there:
                try:
                    there[missing] = self._client.read(entity.name, missing)
                except GoneError:
                    continue
        return {name: there[name] for name in ids if name in there}

    def present(self, since: datetime) -> frozenset[str]:
        """Return the ids of all records, also of those before."""
        del since
        return self.ids()

    def ids(self) -> frozenset[str]:
        """Return the ids of all records that there are now."""
        return frozenset(entity.key(one) for entity in self.entities for one in listing.ids(self._client, entity.name))

    def _is_of(self, entity: Entity, key: str) -> bool:
        rest = key.removeprefix(entity.prefix)
        return key.startswith(entity.prefix) and rest.isascii() and rest.isdecimal()

    # --- what records need ----------------------------------------------------------------------------------------

    @property
    def _names_customers(self) -> bool:
        return any(one.customer for one in self.entities)

    def _change(self, entity: Entity, one: payload.Object, parents: payload.Parents) -> Change:
        is_document = entity not in (CUSTOMER, VENDOR) and not payload.is_gone(one)
        home = self._client.home_currency() if is_document and payload.needs_home_currency(one) else ""
        return payload.change(entity, one, self._client.settings, parents, home)

    def _all_parents(self) -> dict[str, str]:
        """Return whose part each job and sub-customer is, of all of them."""
        return payload.parents_of(listing.every(self._client, CUSTOMER.name, where=f"Job = true and {_ALSO_INACTIVE}"))

    def _parents_of(self, listed: Sequence[payload.Object]) -> dict[str, str]:
        """Return whose part the customers of some documents are, and whose part those are."""
        found: dict[str, str] = {}
        asked: set[str] = set()
        waiting = {one for doc in listed if self._names_customers and (one := _customer(doc))}
        for _ in range(payload.DEEPEST):
            some = sorted(waiting - asked)
            if not some:
                break
            asked |= set(some)
            for ids in _chunks(some):
                named = self._objects(CUSTOMER, f"{ids_in(ids)} and {_ALSO_INACTIVE}", ids)
                found |= payload.parents_of(named.values())
            waiting = set(found.values())
        return found


class Documents(Records):
    """Records with lines (`hub.connector.ledger.HasLines`)."""

    def lines(self, remote_id: str) -> Sequence[Line]:
        """Return the lines of a document in their order."""
        entity, own = self._entity(remote_id)
        return [_line(one) for one in payload.lines_of(self._client.read(entity.name, own))]

    def _entity(self, remote_id: str) -> tuple[Entity, str]:
        """Return what a record is at QuickBooks. Raises GoneError: there is no such thing."""
        for entity in sorted(self.entities, key=lambda one: one.prefix, reverse=True):
            if self._is_of(entity, remote_id):
                return entity, remote_id.removeprefix(entity.prefix)
        raise GoneError(f"There is no {remote_id} among the {self.records}.")


class Printed(Documents):
    """Documents that QuickBooks prints (`hub.connector.ledger.HasPdf`)."""

    def pdf(self, remote_id: str, *, largest: int) -> bytes:
        """Return a document as its customer gets it."""
        entity, own = self._entity(remote_id)
        if not entity.has_pdf:
            raise RejectedError(f"QuickBooks makes no PDF of a {entity.name}.")
        return self._client.pdf(entity.name, own, largest=largest)


class Company:
    """The one legal entity whose books these are, looked at once a day."""

    key = records = COMPANIES
    title = "Company"
    mailbox = ""
    asked = _READ
    every = timedelta(days=1)
    full_every: timedelta | None = None

    def __init__(self, client: Client) -> None:
        self._client = client

    def begin(self) -> Cursor:
        return Cursor()

    def pull(self, cursor: Cursor) -> Page:
        """Return the company as it is now."""
        following = replace(cursor, phase=Phase.INCREMENTAL, token="looked", page="")  # noqa: S106 - a mark
        return Page([self._read()], following, more=False)

    def find(self, remote_ids: Sequence[str]) -> Sequence[Change]:
        """Return the company, and that there is no other."""
        own = self._client.settings.company
        return [self._read() if one == own else Gone(one) for one in remote_ids]

    def present(self, since: datetime) -> frozenset[str]:
        """Return its id."""
        del since
        return frozenset({self._client.settings.company})

    def _read(self) -> Upsert:
        listed = self._client.query("select * from CompanyInfo")["QueryResponse"].get("CompanyInfo")
        if not isinstance(listed, list) or not listed or not isinstance(listed[0], dict):
            raise ShapeError("QuickBooks does not say what company it is")
        company = self._client.settings.company
        hub = {"id": company, "home_currency": self._client.home_currency()}
        return Upsert(company, {**listed[0], "hub": hub}, str(listed[0].get("SyncToken", "")))


_OTHER = {"contacts": Records, "payments": Records, "bills": Documents, "vendor_credits": Documents}


def streams(client: Client) -> Iterator[Stream]:
    """Yield what is read, in the order in which one explains the other."""
    yield Company(client)
    for records in KINDS:
        if made := stream(client, records):
            yield made


def stream(client: Client, key: str) -> Stream | None:
    """Return one stream; None: the settings do not want it, or there is none."""
    if key == COMPANIES:
        return Company(client)
    if key not in KINDS or not wanted(KINDS[key], suppliers=client.settings.suppliers):
        return None
    return _OTHER.get(key, Printed)(client, key)


def _with(parents: Mapping[str, str], customers: Sequence[payload.Object]) -> dict[str, str]:
    """Return whose part customers are, after some of them changed."""
    changed = {one.get("Id") for one in customers}
    return {child: parent for child, parent in parents.items() if child not in changed} | payload.parents_of(customers)


def _customer(one: payload.Object) -> str:
    told = one.get("CustomerRef")
    value = told.get("value") if isinstance(told, dict) else None
    return value if isinstance(value, str) and value.isascii() and value.isdecimal() else ""


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    return (ids[at : at + FEW] for at in range(0, len(ids), FEW))


def _line(one: payload.Object) -> Line:
    detail = one.get(str(one.get("DetailType")))
    told = detail if isinstance(detail, dict) else {}
    return Line(
        payload.text_of(one),
        payload.number(told.get("Qty")),
        price=payload.number(told.get("UnitPrice")),
        net=payload.number(one.get("Amount")),
    )
