# ruff: noqa: RUF001 - names in four scripts are the subject
"""A small practice set for the resolver, made by code: its own names, numbers and traps, and who is who.

Traps: switchboards, sister companies on one line, family telephones and mailboxes, role mailboxes, legal forms in five
languages, mobiles that changed hands, a number that a shop types for everybody, initials, slips, other scripts, calls
without a name.
"""

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from hub.identity.partition import Decisions, Pair, Partition, partition
from hub.identity.partition_pairs import Record, RecordKind
from hub.identity.rules import Identifier, IdentifierKind

PERSON, COMPANY, CALL = RecordKind.PERSON, RecordKind.COMPANY, RecordKind.CALL

# Latin, Hebrew, Cyrillic, Arabic.
GIVEN = (
    ("Anna", "אנה", "Анна", "آنا"), ("Boris", "בוריס", "Борис", "بوريس"), ("Daniel", "דניאל", "Даниэль", "دانيال"),
    ("Elena", "ילנה", "Елена", "إلينا"), ("Karim", "כרים", "Карим", "كريم"), ("Layla", "לילא", "Лейла", "ليلى"),
    ("Marek", "מרק", "Марек", "ماريك"), ("Michal", "מיכל", "Михаль", "ميخال"), ("Nadia", "נדיה", "Надя", "نادية"),
    ("Omar", "עומר", "Омар", "عمر"), ("Pavel", "פבל", "Павел", "بافل"), ("Ruth", "רות", "Рут", "روث"),
    ("Samir", "סמיר", "Самир", "سمير"), ("Tamar", "תמר", "Тамар", "تمار"), ("Viktor", "ויקטור", "Виктор", "فيكتور"),
    ("Yosef", "יוסף", "Йосеф", "يوسف"),
)  # fmt: skip
FAMILY = (
    ("Abramov", "אברמוב", "Абрамов", "أبراموف"), ("Barak", "ברק", "Барак", "باراك"), ("Carmi", "כרמי", "Карми", "كرمي"),
    ("Darwish", "דרוויש", "Дарвиш", "درويش"), ("Friedman", "פרידמן", "Фридман", "فريدمان"),
    ("Gabay", "גבאי", "Габай", "غاباي"), ("Haddad", "חדאד", "Хаддад", "حداد"), ("Ivanov", "איבנוב", "Иванов", "إيفانوف"),
    ("Kowalski", "קובלסקי", "Ковальский", "كوفالسكي"), ("Malka", "מלכה", "Малка", "مالكا"),
    ("Nowak", "נובק", "Новак", "نوفاك"), ("Petrov", "פטרוב", "Петров", "بتروف"), ("Romano", "רומנו", "Романо", "رومانو"),
    ("Saleh", "סאלח", "Салех", "صالح"), ("Tomer", "תומר", "Томер", "تومر"), ("Zilber", "זילבר", "Зильбер", "زيلبر"),
)  # fmt: skip
TRADES = ("Bakery", "Optics", "Timber", "Dental", "Travel", "Garden", "Cargo", "Paper", "Ceramics", "Audio")
PLACES = (
    "Arava",
    "Bosfor",
    "Cedar",
    "Dunaj",
    "Etna",
    "Fjord",
    "Gamla",
    "Hermon",
    "Indigo",
    "Jordan",
    "Kobalt",
    "Lazur",
)
FORMS = ("{} Ltd", "{} LTD.", '{} בע"מ', "ООО {}", "ООО «{}»", "{} Sp. z o.o.", "{} GmbH", "شركة {}", "{} s.r.o.", "{}")
ACCOUNTS = ("cards", "books", "shop", "mail")
SHOPS_OWN = Identifier(IdentifierKind.MOBILE, "+972520000001")  # typed for everybody who gave none
START = dt.datetime(2024, 1, 1, tzinfo=dt.UTC)


@dataclass(slots=True)
class Practice:
    records: list[Record] = field(default_factory=list)
    truth: dict[str, str] = field(default_factory=dict)  # key of the record to whom it is about


@dataclass(slots=True)
class _Company:
    name: str
    line: Identifier
    domain: str
    tax_id: Identifier


@dataclass(slots=True)
class _Person:
    given: tuple[str, ...]
    family: tuple[str, ...]
    mobile: Identifier
    mails: tuple[str, ...]
    works_at: _Company | None
    since: dt.datetime = START


class _Maker:
    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.made = Practice()
        self._numbers = iter(self.chance.sample(range(2_000_000, 9_999_999), 3_000))

    def record(self, who: str, kind: RecordKind, name: str, **more: object) -> None:
        key = f"{len(self.made.records):05d}"
        self.made.records.append(Record(key, kind, name, **more))  # type: ignore[arg-type]  # by the callers below
        self.made.truth[key] = who

    def mobile(self) -> Identifier:
        return Identifier(IdentifierKind.MOBILE, f"+97254{next(self._numbers)}")

    def line(self) -> Identifier:
        return Identifier(IdentifierKind.FIXED, f"+9723{next(self._numbers)}")

    # --- Companies ---

    def companies(self, count: int) -> list[_Company]:
        names = self.chance.sample([f"{place} {trade}" for place in PLACES for trade in TRADES], count)
        found: list[_Company] = []
        for i, name in enumerate(names):
            line = found[-1].line if i % 8 == 1 else self.line()  # a neighbour behind one switchboard
            tax_id = Identifier(IdentifierKind.TAX_ID, f"5{next(self._numbers)}", "IL")
            found.append(_Company(name, line, f"{name.replace(' ', '').lower()}.example", tax_id))
        return found

    def company(self, who: str, one: _Company, *, alone: bool) -> None:
        for account in self.chance.sample(ACCOUNTS, self.chance.randint(2, 4)):
            values = [Identifier(IdentifierKind.REMOTE_ID, who, account)]
            values += [one.line] if self.chance.random() < 0.6 else []
            values += [one.tax_id] if self.chance.random() < 0.3 else []
            if self.chance.random() < 0.5:
                values += [Identifier(IdentifierKind.DOMAIN, one.domain), _role("info", one.domain)]
            self.record(who, COMPANY, self.written(one.name), identifiers=tuple(values))
        for _ in range(self.chance.randint(0, 2) if alone else 0):
            self.record(who, CALL, "", identifiers=(one.line,))

    def written(self, name: str) -> str:
        text = self.chance.choice(FORMS).format(name)
        if self.chance.random() < 0.08:
            at = self.chance.randrange(1, len(text) - 1)
            text = text[:at] + text[at + 1 :]
        return text.upper() if self.chance.random() < 0.1 else text

    # --- People ---

    def people(self, count: int, companies: list[_Company]) -> list[_Person]:
        names = self.chance.sample([(g, f) for g in GIVEN for f in FAMILY], count)
        found: list[_Person] = []
        for i, (given, family) in enumerate(names):
            company = self.chance.choice(companies) if self.chance.random() < 0.5 else None
            own = f"{given[0]}.{family[0]}{i}@mail.example".lower()
            work = (f"{given[0]}.{family[0]}@{company.domain}".lower(),) if company else ()
            found.append(_Person(given, family, self.mobile(), (own, *work), company))
        return found

    def person(self, who: str, one: _Person, *, calls: bool) -> None:
        """Write somebody down in several places: most of his cards have something in common, none has everything."""
        for account in self.chance.sample(ACCOUNTS, self.chance.randint(1, 4)):
            values = [Identifier(IdentifierKind.REMOTE_ID, who, account)] if account != "mail" else []
            values += [one.mobile] if self.chance.random() < 0.75 else []
            company = one.works_at
            if self.chance.random() < 0.6:
                address = self.chance.choice(one.mails)
                values.append(Identifier(IdentifierKind.EMAIL, address))
                if company and address.endswith(company.domain):
                    values.append(Identifier(IdentifierKind.DOMAIN, company.domain))
            if company and self.chance.random() < 0.3:
                values.append(company.line)
            if company and self.chance.random() < 0.15:
                values += [_role("info", company.domain), Identifier(IdentifierKind.DOMAIN, company.domain)]
            if self.chance.random() < 0.1:
                values.append(SHOPS_OWN)
            self.record(
                who,
                PERSON,
                self.called(one),
                company=self.written(company.name) if company and self.chance.random() < 0.5 else "",
                identifiers=tuple(values),
                observed_at=one.since + dt.timedelta(days=self.chance.randint(0, 90)),
            )
        for _ in range(self.chance.randint(0, 2) if calls else 0):
            name = self.called(one) if self.chance.random() < 0.3 else ""
            at = one.since + dt.timedelta(days=self.chance.randint(30, 80))
            self.record(who, CALL, name, identifiers=(one.mobile,), observed_at=at)

    def called(self, one: _Person) -> str:
        script = 0 if self.chance.random() < 0.8 else self.chance.randint(1, 3)
        given, family = one.given[script], one.family[script]
        plain, initial = f"{given} {family}", f"{given[0]}. {family}"
        forms = (plain, f"{family} {given}", f"{family}, {given}", initial, plain.upper())
        return self.chance.choices(forms, (10, 2, 1, 1, 1))[0]


def _role(local: str, domain: str) -> Identifier:
    return Identifier(IdentifierKind.ROLE_MAILBOX, f"{local}@{domain}")


def made(seed: int = 8, companies: int = 36, people: int = 160) -> Practice:
    """Make about 600 records."""
    maker = _Maker(seed)
    firms = maker.companies(companies)
    for i, firm in enumerate(firms):
        sharing = sum(other.line == firm.line for other in firms) > 1
        maker.company(f"c{i}", firm, alone=not sharing)
    crowd = maker.people(people, firms)
    for i, one in enumerate(crowd):
        match i % 10:
            case 1:  # a family: one mobile, and sometimes one mailbox
                one.family, one.mobile = crowd[i - 1].family, crowd[i - 1].mobile
                one.given = one.given if one.given != crowd[i - 1].given else GIVEN[i % len(GIVEN)]
                one.mails = crowd[i - 1].mails[:1] if maker.chance.random() < 0.5 else one.mails
            case 5:  # the number of somebody who gave it up three years before
                one.mobile, one.since = crowd[i - 1].mobile, START - dt.timedelta(days=1_100)
        maker.person(f"p{i}", one, calls=i % 10 not in {0, 1})
    return maker.made


@dataclass(frozen=True, slots=True)
class Score:
    precision: float
    recall: float
    mixed: int


def score(groups: Iterable[tuple[str, ...]], truth: Mapping[str, str]) -> Score:
    """Score over pairs of records; `mixed` are groups of several."""
    hits = found = mixed = 0
    for group in groups:
        of = Counter(truth[key] for key in group)
        found += _pairs(len(group))
        hits += sum(map(_pairs, of.values()))
        mixed += len(of) > 1
    true = sum(map(_pairs, Counter(truth.values()).values()))
    return Score(hits / found, hits / true, mixed)


def _pairs(count: int) -> int:
    return count * (count - 1) // 2


def answered(practice: Practice, proposals: Iterable[Pair] = (), rounds: int = 8) -> tuple[Partition, dict[bool, int]]:
    """Answer every question by the truth until there are none; return how often "same" and "not the same" was said."""
    proposed = list(proposals)
    said: dict[bool, set[tuple[str, str]]] = defaultdict(set)
    for _ in range(rounds):
        found = partition(
            practice.records, Decisions(frozenset(said[True]), frozenset(said[False])), proposals=proposed
        )
        if not found.reviews:
            break
        for pair in found.reviews:
            said[practice.truth[pair.a] == practice.truth[pair.b]].add((pair.a, pair.b))
    return found, {same: len(pairs) for same, pairs in said.items()}
