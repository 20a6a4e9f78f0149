"""Cards of contacts: vCard 2.1, 3.0 and 4.0, one row each. A photo is noted, not kept."""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hub.errors import UserError
from hub.imports.reading.content import Content, clean, contents, joined, split, text_of, unescaped
from hub.imports.reading.encoding import Lines
from hub.imports.reading.table import Row

MOST_OF_A_KIND = 20  # telephones of one card, with columns of their own; the last column takes those that are left
LARGEST_CARD = 1 << 20  # characters, without photos
_MANY = {"TEL": "phone", "EMAIL": "email", "ADR": "address"}
_PARTS = ("street", "city", "region", "code", "country")  # of an address
_NAMES = ("family", "given", "middle", "prefix", "suffix")  # in the order of N
_FIRST = (
    "uid",
    "name",
    "given",
    "family",
    "middle",
    "prefix",
    "suffix",
    "nickname",
    "company",
    "department",
    "job_title",
)
_LAST = ("birthday", "groups", "url", "notes", "photo", "other")
_TEXTS = {"UID": "uid", "FN": "name", "NICKNAME": "nickname", "TITLE": "job_title", "NOTE": "notes", "URL": "url"}
_BINARY = {"PHOTO", "LOGO", "SOUND", "KEY"}
_NOTHING = {"BEGIN", "END", "VERSION", "PRODID", "REV", "X-ABLABEL"}
_NO_TYPE = {"pref", "internet", "x-internet", "voice", "other", "x400"}  # they say nothing that a person would
_DAY = re.compile(r"(\d{4})-?(\d\d)-?(\d\d)(?:[T ].*)?")
_LONGEST_OTHER = 10_000


@dataclass(slots=True)
class Card:
    number: int
    contents: list[Content] = field(default_factory=list)
    size: int = 0
    trouble: str = ""
    is_agent: bool = False  # we are in the card of somebody else, inside of it


class Cards:
    """The cards of a file as a table. A row carries the line on which its card begins."""

    def __init__(self, lines: Lines) -> None:
        """Read all of it once, to know how many telephones a card has at most. Raises UserError."""
        self._lines = lines
        most: Counter[str] = Counter()
        self.total: int | None = 0
        for card in self._cards():
            self.total += 1
            most |= Counter(_MANY[one.name] for one in card.contents if one.name in _MANY)
        if not self.total:
            raise UserError("The file has no card. Choose another file.", error_id="empty_file", field="file")
        self._most = {name: min(most[name], MOST_OF_A_KIND) for name in _MANY.values()}
        many = [f"{name}_{at}{part}" for name, count in self._most.items() for at in range(1, count + 1)
                for part in ("", "_type", *(f"_{one}" for one in _PARTS if name == "address"))]  # fmt: skip
        self.columns: tuple[str, ...] = (*_FIRST, *many, *_LAST)

    def close(self) -> None:
        """Nothing is open between two rows."""

    def progress(self) -> float:
        return self._lines.progress()

    def rows(self, after: int = 0) -> Iterator[Row]:
        for card in self._cards():
            if card.number > after:
                values, trouble = clean(self._values(card))
                yield Row(card.number, values, card.trouble or trouble)

    def _cards(self) -> Iterator[Card]:
        card: Card | None = None
        for one in contents(self._lines):
            if card and _is_of_agent(card, one):
                continue
            elif _is_mark(one, "BEGIN"):
                if card:
                    card.trouble = "bad_card"
                    yield card
                card = Card(one.number)
            elif card and _is_mark(one, "END"):
                yield card
                card = None
            elif card:
                _keep(card, one)
        if card:
            card.trouble = "bad_card"
            yield card

    def _values(self, card: Card) -> dict[str, str]:
        values = dict.fromkeys(self.columns, "")
        is_old = any(one.name == "VERSION" and one.value.strip() == "2.1" for one in card.contents)
        labels = {
            one.group: one.value.strip("_$!<> ") for one in card.contents if one.name == "X-ABLABEL" and one.group
        }
        count: Counter[str] = Counter()
        other: list[str] = []
        for one in card.contents:
            if one.name in _BINARY:
                values["photo"] = joined([values["photo"], _noted(one)], "\n")
                continue
            text = text_of(one, self._lines.encoding, is_old=is_old)
            if one.name in _NOTHING or not text.strip():
                continue
            if one.name in _MANY:
                kind = _MANY[one.name]
                count[kind] += 1
                self._add(values, kind, count[kind], _one_of_many(one, text, labels, is_old=is_old))
            elif not _single(values, one.name, text, is_old=is_old):
                other.append(f"{one.name}: {unescaped(text, is_old=is_old)}".removeprefix(": "))
        values["other"] = "\n".join(other)[:_LONGEST_OTHER]
        values["name"] = values["name"] or joined(
            [values[name] for name in ("prefix", "given", "middle", "family", "suffix")], " "
        )
        return values

    def _add(self, values: dict[str, str], kind: str, at: int, found: dict[str, str]) -> None:
        if at <= self._most[kind]:
            values |= {f"{kind}_{at}{part}": text for part, text in found.items()}
        else:
            last = f"{kind}_{self._most[kind]}"
            values[last] = joined([values[last], found[""]], "; ")


def _is_mark(one: Content, name: str) -> bool:
    return one.name == name and one.value.strip().upper() == "VCARD"


def _is_of_agent(card: Card, one: Content) -> bool:
    """Say whether a line is of the card that is a value of this one: AGENT of vCard 2.1."""
    if card.is_agent:
        card.is_agent = not _is_mark(one, "END") and not _is_mark(one, "BEGIN")
        return not _is_mark(one, "BEGIN")
    last = card.contents[-1] if card.contents else None
    card.is_agent = last is not None and last.name == "AGENT" and not last.value.strip() and _is_mark(one, "BEGIN")
    if card.is_agent:
        card.contents[-1] = replace(card.contents[-1], value="VCARD")  # noted, and not asked again
    return card.is_agent


def _keep(card: Card, one: Content) -> None:
    if not one.name or (one.is_cut and one.name not in _BINARY):
        card.trouble = "bad_card"
    if one.name in _BINARY and len(one.value) > 1_000:  # a link to a photo is shorter
        one = Content(one.number, one.group, one.name, one.parameters, "", one.size)
    card.size += len(one.value) + 100  # what a line costs even if it is empty
    if card.size > LARGEST_CARD:
        card.trouble = "bad_card"
    else:
        card.contents.append(one)


def _one_of_many(one: Content, text: str, labels: dict[str, str], *, is_old: bool) -> dict[str, str]:
    types = [labels[one.group]] if labels.get(one.group) else [said for said in one.types() if said not in _NO_TYPE]
    found = {"_type": ", ".join(types)}
    if one.name == "ADR":
        box, extra, street, *place = (split(text, ";", is_old=is_old) + [""] * 7)[:7]
        street = joined([street, extra, box])
        return {"": joined([street, *place]), **found} | {
            f"_{name}": part for name, part in zip(_PARTS, (street, *place), strict=True)
        }
    plain = unescaped(text, is_old=is_old).strip()
    if one.name == "TEL" and plain[:4].lower() == "tel:":
        plain = re.sub(r";ext=(\d+)", r" x\1", plain[4:], flags=re.IGNORECASE).partition(";")[0]
    return {"": plain.removeprefix("mailto:"), **found}


def _single(values: dict[str, str], name: str, text: str, *, is_old: bool) -> bool:
    """Put a value where it belongs; False: there is no column for it."""
    match name:
        case "N":
            for part, said in zip(_NAMES, split(text, ";", is_old=is_old), strict=False):
                values[part] = said.replace(",", " ") if part == "middle" else said
        case "ORG":
            company, *departments = split(text, ";", is_old=is_old)
            values["company"] = joined([values["company"], company], "; ")
            values["department"] = joined([values["department"], *departments])
        case "ROLE" if not values["job_title"]:
            values["job_title"] = unescaped(text, is_old=is_old).strip()
        case "CATEGORIES":
            values["groups"] = joined([values["groups"], *split(text, ",", is_old=is_old)])
        case "BDAY":
            found = _DAY.fullmatch(text.strip())
            values["birthday"] = "-".join(found.groups()) if found else text.strip()
        case _ if name in _TEXTS:
            values[_TEXTS[name]] = joined([values[_TEXTS[name]], unescaped(text, is_old=is_old).strip()], "\n")
        case _:
            return False
    return True


def _noted(one: Content) -> str:
    """Say of a photo that it was there: its address, or its kind and size."""
    if not one.is_cut and "//" in one.value[:10]:
        return one.value
    kinds = [said for said in one.types() if said not in _NO_TYPE]
    return f"{joined([one.name.capitalize(), *kinds], ' ')}, {one.size} characters"
