"""An office that writes electronic invoices: it puts them into a folder, and posts them to the hub; with faults on command.

Written from the standards' own examples (UBL 2.1, Peppol BIS Billing 3), not from the reader.
Source: https://docs.peppol.eu/poacc/billing/3.0/syntax/ubl-invoice/
"""

import hashlib
import hmac
import shutil
import tempfile
import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen
from xml.sax.saxutils import escape

from hub.connector.simulator import Fault, Faults, Harm

FAULTS = {
    "gone": Fault("its folder is not there: the share is not connected", Harm.AWAY),
    "no_folder": Fault("a file stands where the folder should be", Harm.REFUSED),
    "twice": Fault("writes and posts an invoice twice", Harm.NOISE),
    "capitals": Fault("writes names of files in capitals, with spaces and parentheses", Harm.NOISE),
    "marked": Fault("begins its files with a byte order mark", Harm.NOISE),
    "half": Fault("posts half of a file", Harm.HOSTILE),
    "bomb": Fault("posts a document type with entities within entities", Harm.HOSTILE),
    "unsigned": Fault("does not sign", Harm.HOSTILE),
    "bad_signature": Fault("changes a byte of what it signed", Harm.HOSTILE),
    "old_timestamp": Fault("posts what it signed an hour ago", Harm.HOSTILE),
}
STREAMS: tuple[str, ...] = ()  # a folder is no remote that is read in pages over a network
NIP_SELLER, NIP_BUYER = "1234563218", "1111111111"
_SECRET = "demo-signing-secret"  # noqa: S105 - of a demo
_WAIT_S = 10.0
_OLD_S = 3600
_BOMB = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]><x>&b;</x>'
_UBL = "urn:oasis:names:specification:ubl:schema:xsd:"


class Office:
    """Somebody who sells, and writes invoices of it. Set `hub_url` to post them."""

    def __init__(self, port: int, faults: Faults) -> None:
        self.port = port
        self.faults = faults
        self.hub_url = ""
        self.answers: list[tuple[int, bytes]] = []
        self.folder = Path()
        self._written = 0

    def start(self) -> None:
        """Make the folder."""
        self.folder = Path(tempfile.mkdtemp(prefix="simulated-einvoice-"))
        if self.faults.waits("gone"):
            self.folder.rmdir()
        elif self.faults.waits("no_folder"):
            self.folder.rmdir()
            self.folder.touch()

    def stop(self) -> None:
        """Remove the folder with all that is in it."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            self.folder.unlink(missing_ok=True)

    def settings(self) -> dict[str, str]:
        return {"folder": str(self.folder), "settle_s": "0", "signing_secret": _SECRET}

    def write(self, count: int = 1, **facts: str) -> list[Path]:
        """Put invoices into the folder, each there at once and whole."""
        found = []
        for _ in range(count):
            data = self.invoice(**facts)
            name = f"invoice-{self._written}.xml"
            if self.faults.take("capitals"):
                name = f"Invoice ({self._written}) COPY.XML"
            found.append(self.put(name, data))
            if self.faults.take("twice"):
                found.append(self.put(f"again-{self._written}.xml", data))
        return found

    def put(self, name: str, data: bytes) -> Path:
        """Put any file into the folder."""
        path = self.folder / name
        beside = self.folder / f".{name}.part"
        beside.write_bytes(data)
        return beside.replace(path)

    def submit(self, count: int = 1) -> None:
        """Post invoices, with the faults that are ordered; what the hub said is in `answers`."""
        for _ in range(count):
            data = self.invoice()
            if self.faults.take("half"):
                data = data[: len(data) // 2]
            if self.faults.take("bomb"):
                data = _BOMB
            for _ in range(2 if self.faults.take("twice") else 1):
                self._post(data)

    def invoice(self, **facts: str) -> bytes:
        """Return an invoice as UBL; the facts are those of `_TEMPLATE`."""
        self._written += 1
        net = Decimal(100 + self._written)
        told: Mapping[str, str] = {
            "number": f"S/{self._written}/2026", "issued": "2026-03-02", "due": "2026-03-16", "currency": "PLN",
            "net": f"{net}.00", "tax": f"{net * 23 / 100:.2f}", "gross": f"{net * 123 / 100:.2f}",
            "seller": "Green Garden Sp. z o.o.", "seller_id": f"PL{NIP_SELLER}", "buyer": "Dana & Co.", "buyer_id": f"PL{NIP_BUYER}",
            **facts,
        }  # fmt: skip
        text = _TEMPLATE.format(ubl=_UBL, **{name: escape(value) for name, value in told.items()})
        return (b"\xef\xbb\xbf" if self.faults.take("marked") else b"") + text.encode()

    def _post(self, data: bytes) -> None:
        at = str(int(time.time()) - (_OLD_S if self.faults.take("old_timestamp") else 0))
        signed = hmac.new(_SECRET.encode(), f"{at}.".encode() + data, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/xml", "X-Timestamp": at, "X-Signature": f"sha256={signed}"}
        if self.faults.take("unsigned"):
            del headers["X-Signature"]
        if self.faults.take("bad_signature"):
            data = data.replace(b"2026", b"2027", 1)
        request = Request(self.hub_url, data, headers, method="POST")  # noqa: S310 - the demo's or the test's own address
        try:
            with urlopen(request, timeout=_WAIT_S) as answer:  # noqa: S310 - as above
                self.answers.append((answer.status, answer.read()))
        except HTTPError as error:
            with error:
                self.answers.append((error.code, error.read()))


def create(port: int, faults: Faults) -> Office:
    """Make the office that `hub simulate einvoice` and the contract tests run."""
    return Office(port, faults)


_TEMPLATE = """<?xml version="1.0" encoding="UTF-8"?>
<Invoice xmlns="{ubl}Invoice-2" xmlns:cac="{ubl}CommonAggregateComponents-2" xmlns:cbc="{ubl}CommonBasicComponents-2">
  <cbc:CustomizationID>urn:cen.eu:en16931:2017#compliant#urn:fdc:peppol.eu:2017:poacc:billing:3.0</cbc:CustomizationID>
  <cbc:ProfileID>urn:fdc:peppol.eu:2017:poacc:billing:01:1.0</cbc:ProfileID>
  <cbc:ID>{number}</cbc:ID>
  <cbc:IssueDate>{issued}</cbc:IssueDate>
  <cbc:DueDate>{due}</cbc:DueDate>
  <cbc:InvoiceTypeCode>380</cbc:InvoiceTypeCode>
  <cbc:DocumentCurrencyCode>{currency}</cbc:DocumentCurrencyCode>
  <cac:AccountingSupplierParty><cac:Party>
    <cac:PostalAddress><cac:Country><cbc:IdentificationCode>PL</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
    <cac:PartyTaxScheme><cbc:CompanyID>{seller_id}</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
    <cac:PartyLegalEntity><cbc:RegistrationName>{seller}</cbc:RegistrationName></cac:PartyLegalEntity>
  </cac:Party></cac:AccountingSupplierParty>
  <cac:AccountingCustomerParty><cac:Party>
    <cac:PostalAddress><cac:Country><cbc:IdentificationCode>PL</cbc:IdentificationCode></cac:Country></cac:PostalAddress>
    <cac:PartyTaxScheme><cbc:CompanyID>{buyer_id}</cbc:CompanyID><cac:TaxScheme><cbc:ID>VAT</cbc:ID></cac:TaxScheme></cac:PartyTaxScheme>
    <cac:PartyLegalEntity><cbc:RegistrationName>{buyer}</cbc:RegistrationName></cac:PartyLegalEntity>
  </cac:Party></cac:AccountingCustomerParty>
  <cac:TaxTotal><cbc:TaxAmount currencyID="{currency}">{tax}</cbc:TaxAmount></cac:TaxTotal>
  <cac:LegalMonetaryTotal>
    <cbc:LineExtensionAmount currencyID="{currency}">{net}</cbc:LineExtensionAmount>
    <cbc:TaxExclusiveAmount currencyID="{currency}">{net}</cbc:TaxExclusiveAmount>
    <cbc:TaxInclusiveAmount currencyID="{currency}">{gross}</cbc:TaxInclusiveAmount>
    <cbc:PayableAmount currencyID="{currency}">{gross}</cbc:PayableAmount>
  </cac:LegalMonetaryTotal>
  <cac:InvoiceLine>
    <cbc:ID>1</cbc:ID>
    <cbc:InvoicedQuantity unitCode="C62">1</cbc:InvoicedQuantity>
    <cbc:LineExtensionAmount currencyID="{currency}">{net}</cbc:LineExtensionAmount>
    <cac:Item><cbc:Name>Care of a garden</cbc:Name></cac:Item>
    <cac:Price><cbc:PriceAmount currencyID="{currency}">{net}</cbc:PriceAmount></cac:Price>
  </cac:InvoiceLine>
</Invoice>
"""
