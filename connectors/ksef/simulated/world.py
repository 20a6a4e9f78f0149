"""What the simulated KSeF knows: a company with a token, invoices in the order in which they were stored, packages.

Source: https://github.com/CIRFMF/ksef-api (open-api.json of version 2.7, uwierzytelnianie.md, pobieranie-faktur)
"""

import base64
import hashlib
import io
import json
import secrets
import threading
import time
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from connectors.ksef.simulated.letters import Told, invoice
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.sealing import Opener, encrypted
from hub.connector.simulator import Faults

NIP, OTHER, STRANGER = "1234563218", "1111111111", "9999999999"
_APART = timedelta(minutes=10)  # between two invoices
_ACCESS_S, _REFRESH_S, _CHALLENGE_S = 15 * 60, 7 * 24 * 3600, 600

Json = dict[str, Any]


@dataclass
class Kept:
    """One invoice as KSeF stored it."""

    number: str
    told: Told
    stored_at: datetime
    odd: bytes = b""  # what stands in place of the XML

    @property
    def xml(self) -> bytes:
        return self.odd or invoice(self.told)


@dataclass
class Package:
    """What was ordered, and made at once."""

    number: str
    chosen: Sequence[Kept]
    mark: datetime
    last: datetime | None  # of a package that was cut: where the next one goes on
    parts: list[tuple[str, bytes, bytes]]  # name, plain, encrypted


@dataclass
class Access:
    """A token that was given out."""

    text: str
    kind: str  # operation, access, refresh
    until: float
    spent: bool = False


@dataclass
class World:
    """All state; every method that changes it is called under `lock`."""

    faults: Faults
    clock: Clock = field(default_factory=Clock)
    lock: Any = field(default_factory=threading.RLock)
    base_url: str = ""
    nip: str = NIP
    token: str = field(
        default_factory=lambda: (
            f"20260201-EC-{secrets.token_hex(5).upper()}-{secrets.token_hex(30)}|nip-{NIP}|{secrets.token_hex(32)}"
        )
    )
    page_size: int = 0
    part_size: int = 50 * 2**20  # bytes
    invoices: list[Kept] = field(default_factory=list)
    packages: dict[str, Package] = field(default_factory=dict)
    challenges: dict[str, int] = field(default_factory=dict)
    access: dict[str, Access] = field(default_factory=dict)
    signing_in: dict[str, Json] = field(default_factory=dict)
    for_tokens: Opener = field(default_factory=lambda: Opener("KSeF tokens"))
    for_keys: Opener = field(default_factory=lambda: Opener("KSeF symmetric keys"))
    limits: Mapping[str, int] = field(
        default_factory=lambda: {"invoiceMetadata": 20, "invoiceExport": 20, "invoiceDownload": 64, "other": 120}
    )
    last: Sequence[Kept] = ()  # of the package before

    # -- what happens ---------------------------------------------------------------------------------------------------

    def issue(self, told: Told) -> Kept:
        """Take an invoice in, as somebody sent it."""
        with self.lock:
            self.clock.advance(seconds=_APART.total_seconds())
            at = self.clock.now()
            tail = hashlib.sha256(f"{told.number}{len(self.invoices)}".encode()).hexdigest().upper()
            number = f"{told.seller_nip}-{at:%Y%m%d}-{tail[:6]}{tail[6:12]}-{tail[12:14]}"
            kept = Kept(number, told, at)
            self.invoices.append(kept)
            return kept

    def store_again(self, number: str) -> None:
        """Let an invoice be the newest of all."""
        with self.lock:
            self.clock.advance(seconds=_APART.total_seconds())
            kept = next(one for one in self.invoices if one.number == number)
            kept.stored_at = self.clock.now()
            self.invoices.sort(key=lambda one: one.stored_at)

    # -- what is asked --------------------------------------------------------------------------------------------------

    def of_role(self, role: str, since: datetime, until: datetime) -> list[Kept]:
        """Return invoices of a role, those stored first coming first; both ends belong to it."""

        def takes_part(one: Kept) -> bool:
            return self.nip == {"Subject1": one.told.seller_nip, "Subject2": one.told.buyer_nip}.get(role)

        return [one for one in self.invoices if since <= one.stored_at <= until and takes_part(one)]

    def pack(self, chosen: Sequence[Kept], mark: datetime, key: bytes, vector: bytes) -> Package:
        """Make a package; what is too much for one is left out, and it says so."""
        most = self.page_size or 10_000
        some = list(chosen[:most])
        number = f"{self.clock.now():%Y%m%d}-EH-{secrets.token_hex(5).upper()}-{secrets.token_hex(5).upper()}-{secrets.token_hex(1).upper()}"
        last = some[-1].stored_at if len(chosen) > most else None
        with_old = [*self.last, *some] if self.faults.take("replay_page") else some
        shown = list(reversed(with_old)) if self.faults.take("reorder_page") else with_old
        out = io.BytesIO()
        with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
            for one in dict.fromkeys(one.number for one in shown):
                archive.writestr(f"{one}.xml", next(kept for kept in shown if kept.number == one).xml)
            archive.writestr("_metadata.json", json.dumps({"invoices": [metadata(one) for one in shown]}))
        whole = out.getvalue() if shown else b""
        pieces = [whole[at : at + self.part_size] for at in range(0, len(whole), self.part_size)]
        parts = [
            (f"{number}-{place:03}.zip.aes", one, encrypted(one, key, vector)) for place, one in enumerate(pieces, 1)
        ]
        made = Package(number, some, mark, last, parts)
        self.packages[number] = made
        self.last = some
        return made

    # -- tokens ---------------------------------------------------------------------------------------------------------

    def challenge(self) -> tuple[str, int]:
        name = f"{self.clock.now():%Y%m%d}-CR-{secrets.token_hex(5).upper()}-{secrets.token_hex(5).upper()}-{secrets.token_hex(1).upper()}"
        self.challenges[name] = self.clock.ms()
        return name, self.challenges[name]

    def is_challenge(self, name: str) -> bool:
        made = self.challenges.get(name)
        return made is not None and self.clock.ms() - made < _CHALLENGE_S * 1000

    def give(self, kind: str) -> Access:
        """Give a token of a kind out; it lives by the computer's clock, however far invoices jump ahead."""
        seconds = {"operation": _CHALLENGE_S, "access": _ACCESS_S, "refresh": _REFRESH_S}[kind]
        text = f"eyJ.{kind}.{secrets.token_urlsafe(48)}"
        self.access[text] = Access(text, kind, time.time() + seconds)
        return self.access[text]

    def holder(self, text: str, kind: str) -> Access | None:
        """Return a token that lives; None: it does not."""
        found = self.access.get(text)
        return found if found is not None and found.kind == kind and found.until > time.time() else None


def metadata(kept: Kept) -> Json:
    """Return what a list says of an invoice (InvoiceMetadata)."""
    told = kept.told
    return {
        "ksefNumber": kept.number, "invoiceNumber": told.number, "issueDate": told.issued,
        "invoicingDate": moment(kept.stored_at - timedelta(minutes=1)), "acquisitionDate": moment(kept.stored_at - timedelta(seconds=30)),
        "permanentStorageDate": moment(kept.stored_at), "seller": {"nip": told.seller_nip, "name": told.seller},
        "buyer": {"identifier": {"type": "Nip", "value": told.buyer_nip}, "name": told.buyer},
        "netAmount": float(told.net), "grossAmount": float(told.gross), "vatAmount": float(told.tax), "currency": "PLN",
        "invoicingMode": "Online", "invoiceType": "Vat",
        "formCode": {"systemCode": "FA (3)", "schemaVersion": "1-0E", "value": "FA"}, "isSelfInvoicing": False,
        "hasAttachment": False, "invoiceHash": digest(kept.xml), "thirdSubjects": [],
    }  # fmt: skip


def digest(data: bytes) -> str:
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def moment(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")
