"""One row of a file, as its raw record: the file's own values under the hub's words, or why it is refused. Pure.

What no column was chosen for stays in the record too (`other`, by heading), so that nothing of a row is lost and a mapping
that is written later finds it.
"""

import hashlib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from urllib.parse import quote

from hub.flow import MADE_ID
from hub.identity.names import clean_name, fold
from hub.imports.columns import NEWEST, Options
from hub.imports.dates import is_time, read_date
from hub.imports.models import What
from hub.imports.reading import Row
from hub.imports.targets import FIELD, Form, Target, targets, words
from hub.timeline.history import PastKind

# Of these a reader says something, and the row is whole.
HARMLESS = frozenset({"short_row", "error_cell", "long_number"})
CALL = "call"  # `kind` of a row that is no customer, among people
LONGEST_ID = 200
_SEVERAL = re.compile(r"[;,\n|]+")


# Columns that a list of refused rows has besides those of the file, and what it writes before a cell that a spreadsheet would
# take for a formula.
TOLD = ("hub: row", "hub: reason", "hub: what is wrong")
GUARD = "'"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", GUARD)


def guarded(cell: str) -> str:
    """Return a cell that no spreadsheet takes for a formula."""
    return GUARD + cell if cell.startswith(_FORMULA) else cell


def unguarded(cell: str) -> str:
    """Return what `guarded` was given."""
    return cell[1:] if cell.startswith(GUARD) and cell[1:].startswith(_FORMULA) else cell


class Reason(StrEnum):
    """Why a row is refused; further codes are those of the readers (`reading.Row`)."""

    NOTHING = "nothing"  # no chosen column has anything
    NOBODY = "nobody"  # no name and nothing to reach anybody by
    BAD_DATE = "bad_date"
    NO_CUSTOMER = "no_customer"  # a call among people
    NO_TIME = "no_time"  # when it happened
    NO_PARTY = "no_party"  # nobody it was with
    NO_TITLE = "no_title"
    LONG_ID = "long_id"
    AGAIN = "again"  # another row of the file has this id, and says something else
    STRANGER = "stranger"  # of a person or company that was not imported
    REFUSED = "refused"  # by the mapping, or by what comes behind it: see `said`
    COLLEAGUE = "colleague"  # somebody who works here
    ERASED = "erased"  # somebody who was erased, and does not come back
    NO_FILE = "no_file"  # it names none, or one that is not in the archive
    TWO_FILES = "two_files"  # that it could mean
    BAD_FILE = "bad_file"  # damaged, protected by a password, or no file at all
    LARGE_FILE = "large_file"


@dataclass(frozen=True, slots=True)
class Shaped:
    """A row on its way in. With a `reason` it is refused."""

    row: Row
    remote_id: str = ""
    payload: dict[str, Any] = field(default_factory=dict)
    reason: str = ""
    said: str = ""  # which column and value


class _RefusedError(Exception):
    def __init__(self, reason: Reason, said: str = "") -> None:
        super().__init__(reason)
        self.reason, self.said = reason, said


_KINDS: Mapping[PastKind, str] = {
    PastKind.CALL: "call, phone, telephone, phone call, שיחה, טלפון, مكالمه, اتصال, هاتف, telefon, polaczenie, rozmowa, звонок, вызов, "
    "телефон, inbound call, outbound call, incoming call, outgoing call",
    PastKind.EMAIL: "email, e mail, mail, דואל, מייל, אימייל, דוא ל, بريد, ايميل, wiadomosc email, письмо, почта, имейл",
    PastKind.MEETING: "meeting, appointment, visit, event, פגישה, ביקור, אירוע, اجتماع, زياره, موعد, spotkanie, wizyta, встреча, визит, событие",
    PastKind.MESSAGE: "message, sms, whatsapp, chat, text, הודעה, וואטסאפ, סמס, رساله, محادثه, واتساب, wiadomosc, czat, сообщение, чат",
    PastKind.NOTE: "note, comment, remark, הערה, ملاحظه, notatka, uwaga, заметка, комментарий, примечание",
    PastKind.QUESTION: "question, open question, inquiry, enquiry, ticket, שאלה, פנייה, קריאה, سؤال, استفسار, تذكره, pytanie, zgloszenie, вопрос, обращение",
}
_INBOUND = "inbound, in, incoming, received, נכנס, נכנסת, وارد, وارده, przychodzace, przychodzacy, przychodzaca, входящий, входящее, входящая"
_OUTBOUND = "outbound, out, outgoing, sent, יוצא, יוצאת, صادر, صادره, wychodzace, wychodzacy, wychodzaca, исходящий, исходящее, исходящая"
_DONE = (
    "true, yes, y, 1, x, v, done, completed, complete, closed, finished, resolved, כן, בוצע, הושלם, סגור, نعم, منجز, مكتمل, "
    "tak, wykonane, zakonczone, zamkniete, да, выполнено, завершено, закрыто, готово"
)
_COMPANIES = "company, organization, organisation, business, firm, account, חברה, עסק, ארגון, شركه, مؤسسه, firma, organizacja, компания, организация, фирма"


def _set(text: str) -> frozenset[str]:
    return frozenset(words(one) or one.strip() for one in text.split(","))


_KIND_OF = {word: kind for kind, text in _KINDS.items() for word in _set(text)}
_DIRECTION_OF = dict.fromkeys(_set(_INBOUND), "inbound") | dict.fromkeys(_set(_OUTBOUND), "outbound")
_DONE_WORDS, _COMPANY_WORDS, _CALL_WORDS = _set(_DONE), _set(_COMPANIES), _set(_KINDS[PastKind.CALL])


class Shaper:
    """Makes records of the rows of one file."""

    def __init__(
        self, what: What, columns: Mapping[str, str], options: Options, *, at: datetime, mended: bool = False
    ) -> None:
        """Take what a person chose.

        Args:
            at: when the file was brought: what was done and has no other time, was done until then.
            mended: it is a list of refused rows that the hub wrote, mended by a person.
        """
        self._what, self._options, self._at = what, options, at.isoformat(timespec="seconds")
        self._columns = [(column, target, targets(what).get(target)) for column, target in columns.items()]
        self._chosen = frozenset(columns)
        self._mended = mended
        self._rules = {one.removeprefix(FIELD): rule for one, rule in options.rules.items() if rule != NEWEST}
        self._finish: Callable[[dict[str, Any]], None] = {
            What.PEOPLE: self._party,
            What.COMPANIES: self._party,
            What.INTERACTIONS: self._interaction,
            What.TASKS: self._task,
            What.USERS: self._party,
            What.FILES: self._file,
        }[what]

    def shape(self, row: Row) -> Shaped:
        """Return the record of a row."""
        if row.trouble and row.trouble not in HARMLESS:
            return Shaped(row, reason=row.trouble)
        if self._mended:
            row = replace(row, values={name: unguarded(cell) for name, cell in row.values.items() if name not in TOLD})
        try:
            payload = self._read(row.values)
            self._finish(payload)
            remote_id = payload.get("id") or self._made_id(payload)
        except _RefusedError as error:
            return Shaped(row, reason=error.reason, said=error.said)
        payload["id"] = remote_id
        if self._options.link and not remote_id.startswith(MADE_ID):
            payload.setdefault("source_url", self._options.link.replace("{id}", quote(remote_id, safe="")))
        if (url := payload.get("source_url")) and self._what in {What.PEOPLE, What.COMPANIES}:
            payload.setdefault("urls", []).append({"value": url, "label": "source"})
        if self._rules:
            payload["rule"] = self._rules
        other = {name: cell for name, cell in row.values.items() if cell and name not in self._chosen}
        if other:
            payload["other"] = other
        return Shaped(row, remote_id, payload)

    def names(self, row: Row) -> list[tuple[What, str]]:
        """Return the old ids that a refused row names, of itself or of others."""
        found: list[tuple[What, str]] = []
        for column, name, _ in self._columns:
            cell = row.values.get(column, "").strip()
            of = {
                "id": self._what,
                "people": What.PEOPLE,
                "companies": What.COMPANIES,
                "company_id": What.COMPANIES,
            }.get(name)
            if cell and of in {What.PEOPLE, What.COMPANIES}:
                found += [(of, one.strip()) for one in ([cell] if name == "id" else _SEVERAL.split(cell))]
        return found

    def _read(self, values: Mapping[str, str]) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for column, name, target in self._columns:
            cell = values.get(column, "").strip()
            if not cell:
                continue
            if target is None:
                made.setdefault("fields", {})[name.removeprefix(FIELD)] = cell
            elif target.form in {Form.DAY, Form.TIME}:
                made[name] = self._moment(column, cell, target)
            elif target.many:
                made.setdefault(name, []).extend(self._many(column, cell, target))
            else:
                made[name] = cell
        if not made:
            raise _RefusedError(Reason.NOTHING)
        if len(made.get("id", "")) > LONGEST_ID:
            raise _RefusedError(Reason.LONG_ID, made["id"][:LONGEST_ID])
        return made

    def _moment(self, column: str, cell: str, target: Target) -> str:
        found = read_date(cell, self._options.dates)
        if not found:
            raise _RefusedError(Reason.BAD_DATE, f"{column}: {cell[:100]}")
        if target.form is Form.DAY:
            return found[:10]
        return found if is_time(found) else f"{found}T00:00:00"

    def _many(self, column: str, cell: str, target: Target) -> list[Any]:
        is_history = self._what in {What.INTERACTIONS, What.TASKS, What.FILES}
        if target.form is Form.EMAIL and cell.count("@") > 1:
            several = [one for part in _SEVERAL.split(cell) for one in part.split() if "@" in one]
        elif target.form is Form.ID or target.name == "groups":
            several = [one.strip() for one in _SEVERAL.split(cell)]
        else:
            several = [cell]
        if is_history or target.name == "groups":
            return [one for one in several if one]
        return [{"value": one, "label": column[:100]} for one in several if one]

    # --- what each kind of row needs ------------------------------------------------------------------------------

    def _party(self, made: dict[str, Any]) -> None:
        if not any(made.get(one) for one in ("phones", "emails", "tax_id")):
            named = " ".join(made.get(one, "") for one in ("name", "given", "family", "company"))
            if not clean_name(named):
                raise _RefusedError(Reason.NOBODY)
        if "kind" in made:
            word = words(made["kind"])
            made["kind"] = "company" if word in _COMPANY_WORDS else CALL if word in _CALL_WORDS else "person"

    def _interaction(self, made: dict[str, Any]) -> None:
        word = made.get("kind", "")
        kind = _KIND_OF.get(words(word), PastKind.NOTE if word else PastKind(self._options.kind or PastKind.NOTE))
        if word and words(word) not in _KIND_OF:
            made["kind_said"] = word
        made["kind"] = kind.value
        if said := made.pop("direction", ""):
            direction = _DIRECTION_OF.get(words(said), "")
            made["direction" if direction else "direction_said"] = direction or said
        if "started_at" not in made:
            raise _RefusedError(Reason.NO_TIME)
        if not any(made.get(one) for one in ("people", "companies", "phones", "emails")):
            raise _RefusedError(Reason.NO_PARTY)

    @staticmethod
    def _file(made: dict[str, Any]) -> None:
        if not made.get("file"):
            raise _RefusedError(Reason.NO_FILE)
        if "started_at" not in made:
            raise _RefusedError(Reason.NO_TIME)
        if not any(made.get(one) for one in ("people", "companies", "phones", "emails")):
            raise _RefusedError(Reason.NO_PARTY)

    def _task(self, made: dict[str, Any]) -> None:
        if not made.get("title"):
            raise _RefusedError(Reason.NO_TITLE)
        said = made.pop("done", "")
        if said and (words(said) or said.casefold()) in _DONE_WORDS:
            made.setdefault("done_at", made.get("due_at") or self._at)
        elif said:
            made["done_said"] = said

    def _made_id(self, made: Mapping[str, Any]) -> str:
        """Return an id that the same row has every time: of a person by who it is, of what happened by all of it."""
        if self._what in {What.PEOPLE, What.COMPANIES, What.USERS}:
            told = [
                " ".join(fold(str(made.get(name, ""))).split())
                for name in ("name", "given", "family", "company", "tax_id")
            ]
            told += sorted(fold(one["value"]) for name in ("phones", "emails") for one in made.get(name, ()))
        else:
            told = [f"{name}={made[name]}" for name in sorted(made)]
        return MADE_ID + hashlib.sha256("\x1f".join(told).encode("utf-8", "surrogatepass")).hexdigest()[:32]


def refs(payload: Mapping[str, Any]) -> Sequence[tuple[What, str]]:
    """Return the old ids of others that a record names."""
    found = [(What.PEOPLE, one) for one in payload.get("people", ())]
    found += [(What.COMPANIES, one) for one in payload.get("companies", ())]
    return [*found, (What.COMPANIES, payload["company_id"])] if payload.get("company_id") else found
