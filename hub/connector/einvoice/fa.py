"""Polish structured invoices of KSeF: FA(2) and FA(3).

The schema's own words: P_1 day of issue, P_2 number, P_6 day of delivery, P_13_* net sums by rate, P_14_* tax by rate (those with W
are its equivalents in zloty), P_15 the total; of an advance (ZAL) what was paid, of a final invoice (ROZ) what is left to pay, of
a correction (KOR) the difference.
Source: https://github.com/CIRFMF/ksef-api/tree/main/faktury/schemy/FA
"""

import re
from collections.abc import Iterator, Sequence

from lxml import etree

from hub.connector.einvoice import payload as made
from hub.connector.einvoice.payload import Instalment, Invoice, Party, Reference, Totals, words
from hub.errors import ShapeError

FA_2 = "http://crd.gov.pl/wzor/2023/06/29/12648/"
FA_3 = "http://crd.gov.pl/wzor/2025/06/25/13775/"
OWN = "PLN"  # the currency of their books
_NET = re.compile(r"P_13_\d{1,2}(_\d)?")
_TAX = re.compile(r"P_14_\d")
_YES = "1"


def read(root: etree._Element) -> Invoice:
    """Read an invoice. Raises ShapeError."""
    return _Reader(root).invoice()


class _Reader:
    """One document; all its elements are of one namespace, which differs from version to version."""

    def __init__(self, root: etree._Element) -> None:
        self._root = root
        self._ns = {"": str(etree.QName(root).namespace)}
        fa = root.find("Fa", self._ns)
        if fa is None:
            raise ShapeError("the document has no part Fa")
        self._fa = fa

    def invoice(self) -> Invoice:
        fa, warnings = self._fa, list[str]()
        form = self._root.find("Naglowek/KodFormularza", self._ns)
        currency = made.currency(self._text(fa, "KodWaluty"))
        lines = fa.findall("FaWiersz", self._ns) or fa.findall("Zamowienie/ZamowienieWiersz", self._ns)
        names = [made.first(self._text(one, "P_7"), self._text(one, "P_7Z")) for one in lines[:10]]
        days = self._due()
        warnings += self._paid_in_part()
        return Invoice(
            format=words(form.get("kodSystemowy") if form is not None else "") or "FA",
            profile=words(form.get("wersjaSchemy") if form is not None else ""),
            type=words(self._text(fa, "RodzajFaktury")) or "VAT",
            number=made.number(self._text(fa, "P_2")),
            issue_date=made.issued(made.day(self._text(fa, "P_1"), "issue date")),
            due_date=made.possible(min(days, default=""), "due date", warnings),
            service_date=made.possible(self._served(), "day of delivery", warnings),
            currency=currency,
            totals=self._totals(),
            seller=self._party(self._root.find("Podmiot1", self._ns), home="PL"),
            buyer=self._party(self._root.find("Podmiot2", self._ns), home=""),
            base_currency=OWN if currency != OWN else "",
            fx_rate=self._rate(lines) if currency != OWN else "",
            terms_text="; ".join(self._terms())[: made.LONGEST_TEXT],
            instalments=tuple(Instalment(one) for one in days) if len(days) > 1 else (),
            references=tuple(self._references())[: made.MOST_REFERENCES],
            is_paid=words(self._text(fa, "Platnosc/Zaplacono")) == _YES,
            lines=len(lines),
            first_lines=made.shown(names),
            warnings=tuple(warnings),
        )

    def _text(self, element: etree._Element | None, path: str) -> str | None:
        return None if element is None else element.findtext(path, namespaces=self._ns)

    def _amounts(self, names: re.Pattern[str], what: str) -> list[str]:
        return [made.amount(one.text, what) for one in self._fa if names.fullmatch(etree.QName(one).localname)]

    def _totals(self) -> Totals:
        gross = made.amount(self._text(self._fa, "P_15"), "total")
        payable = made.amount(self._text(self._fa, "Rozliczenie/DoZaplaty"), "amount to be paid")
        net, tax = self._amounts(_NET, "net sum"), self._amounts(_TAX, "tax")
        return made.total(Totals(net=made.summed(net), tax=made.summed(tax), gross=gross, payable=payable))

    def _party(self, party: etree._Element | None, *, home: str) -> Party:
        who = "DaneIdentyfikacyjne/"
        eu = self._text(party, f"{who}KodUE"), self._text(party, f"{who}NrVatUE")
        nip = words(self._text(party, f"{who}NIP"))
        id_country = made.first(
            self._text(party, f"{who}KodUE"), self._text(party, f"{who}KodKraju"), "PL" if nip else home
        )
        return Party(
            name=words(self._text(party, f"{who}Nazwa")),
            tax_id=made.first(nip, "".join(map(words, eu)) if words(eu[1]) else "", self._text(party, f"{who}NrID")),
            # The number is of the country that gave it, wherever the party lives.
            country=made.country(id_country) or made.country(self._text(party, "Adres/KodKraju")),
            email=made.first(self._text(party, "DaneKontaktowe/Email")),
            phone=made.first(self._text(party, "DaneKontaktowe/Telefon")),
        )

    def _served(self) -> str:
        lines = (self._text(one, "P_6A") for one in self._fa.findall("FaWiersz", self._ns)[:1])
        told = made.first(self._text(self._fa, "P_6"), self._text(self._fa, "OkresFa/P_6_Do"), *lines)
        return made.day(told, "day of delivery")

    def _due(self) -> list[str]:
        found = [
            made.day(one.text, "due date") for one in self._fa.findall("Platnosc/TerminPlatnosci/Termin", self._ns)
        ]
        return sorted({one for one in found if one})

    def _terms(self) -> Iterator[str]:
        """Terms in words: FA(2) has a sentence, FA(3) three parts of one."""
        for one in self._fa.findall("Platnosc/TerminPlatnosci/TerminOpis", self._ns):
            parts = [words(part.text) for part in one] or [words(one.text)]
            if said := " ".join(part for part in parts if part):
                yield said

    def _paid_in_part(self) -> Iterator[str]:
        for one in self._fa.findall("Platnosc/ZaplataCzesciowa", self._ns)[:10]:
            paid = made.amount(self._text(one, "KwotaZaplatyCzesciowej"), "amount paid in part")
            on = made.day(self._text(one, "DataZaplatyCzesciowej"), "day of a payment")
            yield f"{paid} were paid on {on}, as the invoice itself says."

    def _rate(self, lines: Sequence[etree._Element]) -> str:
        """Return the rate to zloty: of the whole invoice, or of all its lines where it is one."""
        told = {words(self._text(one, "KursWaluty")) for one in lines}
        return words(self._text(self._fa, "KursWalutyZ")) or (told.pop() if len(told) == 1 else "")

    def _references(self) -> Iterator[Reference]:
        fa = self._fa
        for one in fa.findall("DaneFaKorygowanej", self._ns):
            day = made.day(self._text(one, "DataWystFaKorygowanej"), "date of the corrected invoice")
            ksef_no = words(self._text(one, "NrKSeFFaKorygowanej"))
            yield Reference("invoice", words(self._text(one, "NrFaKorygowanej")), day, ksef_no)
        for one in fa.findall("FakturaZaliczkowa", self._ns):
            ksef_no = made.first(self._text(one, "NrKSeFFaZaliczkowej"))
            yield Reference("advance_invoice", made.first(self._text(one, "NrFaZaliczkowej"), ksef_no), "", ksef_no)
        for kind, path in (("order", "Zamowienia/NrZamowienia"), ("contract", "Umowy/NrUmowy")):
            for found in fa.findall(f"WarunkiTransakcji/{path}", self._ns):
                if words(found.text):
                    yield Reference(kind, words(found.text))
