"""People and companies as address books read them: vCard, and the CSV files of Google and Outlook.

Sources: https://support.google.com/contacts/answer/1069522 (the columns are those of Google's own export),
https://support.microsoft.com/office/import-contacts-to-outlook (those of Outlook's own export), RFC 2426.
"""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from icalendar import vText
from icalendar.parser import Contentline
from sqlalchemy import select
from sqlalchemy.orm import Session, aliased

from hub.identity.callers import PHONE
from hub.identity.models import Identifier, Party, PartyKind, PartyStatus
from hub.identity.parties import EMAIL
from hub.records.cell import MARK, harmless

ROWS = 500  # parties read at once
MOST_LISTED = 3  # numbers and addresses that have columns of their own


class Form(StrEnum):
    """Who is to read it."""

    GOOGLE = "google"
    OUTLOOK = "outlook"
    VCARD = "vcard"


@dataclass(slots=True)
class Card:
    """A party as an address book has it."""

    uid: str
    is_company: bool
    name: str
    company: str
    fields: Mapping[str, Any]
    phones: list[tuple[str, str]] = field(default_factory=list)  # number, label
    emails: list[tuple[str, str]] = field(default_factory=list)

    def text(self, name: str) -> str:
        """Return a field that is one text."""
        value = self.fields.get(name)
        return value if isinstance(value, str) else ""

    def listed(self, name: str) -> list[str]:
        """Return the values of a field that is a list."""
        value = self.fields.get(name)
        some = value if isinstance(value, list) else []
        return [str(one.get("value", "")) if isinstance(one, dict) else str(one) for one in some]

    def names(self) -> tuple[str, str]:
        """Return the given and the family name; what is not known apart is the given one."""
        given, family = self.text("given"), self.text("family")
        if self.is_company:
            return "", ""
        if given or family:
            return given, family
        first, _, last = self.name.rpartition(" ")
        return (first, last) if first else (last, "")


def written(session: Session, form: Form) -> Iterator[tuple[bytes, int]]:
    """Yield an address book in blocks, each with how many cards are in it."""
    if form is Form.VCARD:
        for some in _cards(session):
            yield "".join(vcard(card) for card in some).encode("utf-8", "replace"), len(some)
        return
    head, line = (GOOGLE, google) if form is Form.GOOGLE else (OUTLOOK, outlook)
    yield (MARK + _csv([head])).encode(), 0
    for some in _cards(session):
        rows = [[harmless(found.get(name, "")) for name in head] for found in map(line, some)]
        yield _csv(rows).encode("utf-8", "replace"), len(some)


def _cards(session: Session) -> Iterator[list[Card]]:
    company, after = aliased(Party), 0
    while True:
        query = select(Party, company.name).outerjoin(company, company.id == Party.company_id)
        query = query.where(Party.status == PartyStatus.ACTIVE, Party.id > after)
        rows = session.execute(query.order_by(Party.id).limit(ROWS)).all()
        if not rows:
            return
        cards = {
            party.id: Card(
                str(party.public_id), party.kind == PartyKind.COMPANY, party.name, employer or "", party.fields
            )
            for party, employer in rows
        }
        held = select(Identifier).where(Identifier.party_id.in_(cards), Identifier.valid_to.is_(None))
        for row in session.scalars(held.order_by(Identifier.id)):
            listed = {PHONE: cards[row.party_id].phones, EMAIL: cards[row.party_id].emails}.get(row.kind)
            if listed is not None:
                listed.append((row.value, row.label))
        yield list(cards.values())
        after = rows[-1][0].id
        session.expunge_all()  # so that a million of them are never all in memory


def _csv(rows: Sequence[Sequence[str]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows(rows)
    return out.getvalue()


# --- Google -------------------------------------------------------------------------------------------------------


def _numbered(names: Sequence[str]) -> list[str]:
    return [name.format(n) for n in range(1, MOST_LISTED + 1) for name in names]


GOOGLE: tuple[str, ...] = (
    "First Name", "Last Name", "File As", "Organization Name", "Organization Title", "Birthday", "Notes", "Labels",
    *_numbered(["E-mail {} - Label", "E-mail {} - Value"]), *_numbered(["Phone {} - Label", "Phone {} - Value"]),
    *_numbered(["Address {} - Label", "Address {} - Formatted"]), *_numbered(["Website {} - Label", "Website {} - Value"]),
)  # fmt: skip


def google(card: Card) -> dict[str, str]:
    """Return the cells of a card as Google names them."""
    given, family = card.names()
    found = {
        "First Name": given, "Last Name": family, "File As": card.name,
        "Organization Name": card.name if card.is_company else card.company, "Organization Title": card.text("job_title"),
        "Birthday": card.text("birthday"), "Notes": _more(card, card.text("notes")), "Labels": "* myContacts",
    }  # fmt: skip
    for name, values in (("E-mail", card.emails), ("Phone", card.phones)):
        for number, (value, label) in enumerate(values[:MOST_LISTED], 1):
            found |= {f"{name} {number} - Label": label, f"{name} {number} - Value": value}
    for name, key, of in (("Address", "addresses", "Formatted"), ("Website", "urls", "Value")):
        for number, value in enumerate(card.listed(key)[:MOST_LISTED], 1):
            found |= {f"{name} {number} - Label": "", f"{name} {number} - {of}": value}
    return found


def _more(card: Card, notes: str) -> str:
    """Add the numbers and addresses that have no column, so that none is lost."""
    rest = [value for value, _ in (*card.emails[MOST_LISTED:], *card.phones[MOST_LISTED:])]
    return "\n".join(one for one in (notes, ", ".join(rest)) if one)


# --- Outlook ------------------------------------------------------------------------------------------------------

OUTLOOK: tuple[str, ...] = (
    "First Name", "Last Name", "Company", "Job Title", "Business Street", "Home Street", "Business Phone", "Home Phone",
    "Mobile Phone", "E-mail Address", "E-mail Display Name", "E-mail 2 Address", "E-mail 3 Address", "Birthday", "Notes",
    "Web Page",
)  # fmt: skip


def outlook(card: Card) -> dict[str, str]:
    """Return the cells of a card as Outlook names them."""
    given, family = card.names()
    streets, pages = card.listed("addresses"), card.listed("urls")
    found = {
        "First Name": given, "Last Name": family, "Company": card.name if card.is_company else card.company,
        "Job Title": card.text("job_title"), "Birthday": card.text("birthday"),
        "Business Street": streets[0] if streets else "", "Home Street": streets[1] if streets[1:] else "",
        "Web Page": pages[0] if pages else "", "E-mail Display Name": card.name if card.emails else "",
    }  # fmt: skip
    free = ["Mobile Phone", "Business Phone", "Home Phone"]
    for value, label in sorted(card.phones[:MOST_LISTED], key=lambda one: one[1] != "mobile"):
        place = "Business Phone" if label == "fixed" and "Business Phone" in free else free[0]
        free.remove(place)
        found[place] = value
    for name, (value, _) in zip(("E-mail Address", "E-mail 2 Address", "E-mail 3 Address"), card.emails, strict=False):
        found[name] = value
    return found | {"Notes": _more(card, card.text("notes"))}


# --- vCard --------------------------------------------------------------------------------------------------------


_FACES = {"mobile": "CELL", "home": "HOME", "work": "WORK"}


def vcard(card: Card) -> str:
    """Return a card in vCard 3.0, which every address book reads."""
    given, family = card.names()
    company = card.name if card.is_company else card.company
    lines = [
        "BEGIN:VCARD", "VERSION:3.0", f"UID:urn:uuid:{card.uid}", f"N:{_escaped(family)};{_escaped(given)};;;",
        f"FN:{_escaped(card.name) or '-'}",
    ]  # fmt: skip
    one = (
        ("ORG", company),
        ("TITLE", card.text("job_title")),
        ("BDAY", card.text("birthday")),
        ("NOTE", card.text("notes")),
    )
    lines += [f"{name}:{_escaped(text)}" for name, text in one if text]
    for name, values in (("TEL", card.phones), ("EMAIL", card.emails)):
        lines += [
            f"{name}{f';TYPE={_FACES[label]}' if label in _FACES else ''}:{_escaped(value)}" for value, label in values
        ]
    lines += [f"ADR:;;{_escaped(value)};;;;" for value in card.listed("addresses")]
    lines += [f"URL:{_escaped(value)}" for value in card.listed("urls")]
    lines.append("END:VCARD")
    return "".join(_folded(line) for line in lines)


def _escaped(text: str) -> str:
    return vText(text).to_ical().decode()


def _folded(line: str) -> str:
    folded: bytes = Contentline(line).to_ical()  # type: ignore[no-untyped-call]  # the library leaves these two untyped
    return folded.decode() + "\r\n"
