# ruff: noqa: RUF001 - headings in five languages are the subject
"""What columns of a file can be: the hub's words for each kind of row, and what other systems call them. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from types import MappingProxyType

from hub.identity.names import fold
from hub.imports.models import What

FIELD = "field."  # begins the target of a field that administrators defined


class Form(StrEnum):
    """What stands in the cells of a column."""

    TEXT = "text"
    PHONE = "phone"
    EMAIL = "email"
    DAY = "day"
    TIME = "time"
    URL = "url"
    ID = "id"
    WORD = "word"  # one of a few
    FLAG = "flag"  # done or not


@dataclass(frozen=True, slots=True)
class Target:
    """What a column can be.

    Attributes:
        many: several columns may be this, and each adds to it.
        headings: what columns of other systems are called that are this, folded.
        counts: it can be kept, filled or overwritten beside what is known (rows of people and companies).
    """

    name: str
    form: Form = Form.TEXT
    many: bool = False
    headings: frozenset[str] = frozenset()
    counts: bool = False


def words(heading: str) -> str:
    """Return a heading as it is compared: folded, without signs and without a number at its end."""
    plain = re.sub(r"[\W_]+", " ", re.sub(r"(?<=[a-zа-яё])(?=[A-ZА-Я])", " ", unicodedata.normalize("NFKC", heading)))
    return re.sub(r"\s*\d+$", "", " ".join(fold(plain).split()))


def _called(text: str) -> frozenset[str]:
    return frozenset(words(one) for one in text.split(",") if one.strip())


def _target(name: str, headings: str, form: Form = Form.TEXT, *, many: bool = False, counts: bool = False) -> Target:
    return Target(name, form, many, _called(headings), counts)


_ID = _target(
    "id",
    "id, uid, key, number, no, nr, code, guid, external id, record id, contact id, customer id, client id, account id, "
    "customer number, client number, customer no, client no, lead id, user id, card code, מזהה, מספר, קוד, מספר לקוח, קוד לקוח, מס לקוח, "
    "מפתח, رقم, معرف, الرقم, رقم العميل, identyfikator, numer, kod, numer klienta, id klienta, ид, номер, код, "
    "код клиента, номер клиента, идентификатор",
    Form.ID,
)
_OWN_ID = _target(
    "id",
    "id, uid, key, number, no, nr, guid, record id, activity id, task id, call id, event id, external id, מזהה, מספר, קוד, "
    "رقم, معرف, الرقم, identyfikator, numer, ид, номер, идентификатор",
    Form.ID,
)
_FILE_ID = _target(
    "id",
    "id, uid, key, number, no, nr, guid, record id, file id, document id, attachment id, external id, מזהה, מספר, קוד, رقم, "
    "معرف, الرقم, identyfikator, numer, ид, номер, идентификатор",
    Form.ID,
)
_PHONES = _target(
    "phones",
    "phone, phones, telephone, tel, mobile, cell, cellular, phone number, mobile phone, home phone, work phone, "
    "business phone, office phone, other phone, fax, whatsapp, telephone number, phone work, phone mobile, phone home, "
    "טלפון, נייד, סלולרי, פלאפון, טל, טלפון נייד, טלפון בבית, טלפון בעבודה, מספר טלפון, פקס, هاتف, الهاتف, جوال, "
    "موبايل, رقم الهاتف, محمول, telefon, komorka, telefon komorkowy, telefon stacjonarny, numer telefonu, kom, faks, "
    "телефон, мобильный, сотовый, мобильный телефон, рабочий телефон, номер телефона, факс, моб",
    Form.PHONE, many=True, counts=True,
)  # fmt: skip
_EMAILS = _target(
    "emails",
    "email, e mail, mail, emails, attendees, email address, e mail address, work email, home email, other email, email work, "
    "דואל, דוא ל, מייל, אימייל, דואר אלקטרוני, כתובת מייל, بريد, البريد الالكتروني, البريد, ايميل, "
    "adres email, poczta, adres e mail, электронная почта, почта, эл почта, емейл, имейл, e mail адрес",
    Form.EMAIL, many=True, counts=True,
)  # fmt: skip
_ADDRESSES = _target(
    "addresses",
    "address, addresses, street, street address, home address, work address, mailing address, postal address, "
    "full address, כתובת, רחוב, כתובת מלאה, عنوان, العنوان, الشارع, adres, ulica, адрес, улица",
    many=True, counts=True,
)  # fmt: skip
_URLS = _target(
    "urls",
    "website, web site, url, web, homepage, site, web page, אתר, אתר אינטרנט, موقع, الموقع, strona, strona www, www, "
    "сайт, веб сайт",
    Form.URL, many=True, counts=True,
)  # fmt: skip
_TAX_ID = _target(
    "tax_id",
    "tax id, vat, vat number, vat id, tax number, company number, registration number, ein, tin, vat no, ח פ, חפ, "
    "עוסק מורשה, ע מ, מספר עוסק, ת ז, תז, رقم ضريبي, الرقم الضريبي, nip, regon, numer nip, инн, огрн, унп",
    Form.ID, counts=True,
)  # fmt: skip
_NOTES = _target(
    "notes",
    "notes, note, comment, comments, remarks, remark, description, memo, הערות, הערה, תיאור, ملاحظات, ملاحظه, "
    "uwagi, notatki, notatka, opis, komentarz, заметки, примечание, примечания, комментарий, комментарии, описание",
    counts=True,
)
_GROUPS = _target(
    "groups",
    "groups, group, tags, tag, category, categories, labels, label, segment, list, קבוצה, קבוצות, תגיות, תגית, קטגוריה, "
    "مجموعه, مجموعات, فئه, وسوم, grupa, grupy, kategoria, etykiety, группа, группы, теги, метки, категория",
    many=True, counts=True,
)  # fmt: skip
_OWNER = _target(
    "owner",
    "owner, uploaded by, added by, author, assigned to, responsible, account manager, sales rep, salesperson, user, agent, contact owner, rep, "
    "assigned user, created by, owner name, handler, assignee, אחראי, נציג, מטפל, איש מכירות, בעלים, סוכן, مسؤول, "
    "المسؤول, موظف, مندوب, opiekun, wlasciciel, handlowiec, odpowiedzialny, pracownik, ответственный, менеджер, "
    "владелец, сотрудник, исполнитель",
    Form.ID,
)
_CHANGED = _target(
    "updated_at",
    "updated, updated at, modified, modified at, last modified, changed, changed at, last update, modification date, "
    "date modified, last modified date, עודכן, תאריך עדכון, עדכון אחרון, تاريخ التحديث, zmieniono, data modyfikacji, "
    "zmodyfikowano, изменен, дата изменения, обновлено",
    Form.TIME,
)
_LINK = _target(
    "source_url", "link, permalink, record url, source url, crm link, קישור, رابط, odnosnik, ссылка", Form.URL
)
_PERSON = _target(
    "people",
    "person id, contact id, customer id, client id, person, contact, customer, client, lead id, who, who id, customer number, "
    "מזהה לקוח, לקוח, איש קשר, מספר לקוח, קוד לקוח, العميل, رقم العميل, id klienta, klient, kontakt, id kontaktu, "
    "клиент, контакт, id клиента, код клиента",
    Form.ID, many=True,
)  # fmt: skip
_COMPANY_ID = _target(
    "companies",
    "company id, account id, organization id, organisation id, company, account, organization, related to id, what id, מזהה חברה, "
    "חברה, رقم الشركه, الشركه, id firmy, firma, компания, id компании, организация",
    Form.ID, many=True,
)  # fmt: skip

# A customer's id in the system that the old one had it from: rows that share one are one customer (clusters.py).
_ORIGIN_ID = _target("origin_id", "ext id, foreign id, origin id, source id, remote id", Form.ID)
_ORIGIN = _target("origin", "source, origin, source system, מקור, مصدر, zrodlo, источник", Form.WORD)

_PARTY = (_ORIGIN_ID, _ORIGIN, _PHONES, _EMAILS, _ADDRESSES, _URLS, _TAX_ID, _NOTES, _GROUPS, _OWNER, _CHANGED, _LINK)
_TARGETS: Mapping[What, tuple[Target, ...]] = MappingProxyType(
    {
        What.PEOPLE: (
            _ID,
            _target(
                "name",
                "name, full name, display name, contact name, customer name, client name, contact, customer, client, "
                "שם, שם מלא, שם לקוח, שם איש קשר, לקוח, איש קשר, الاسم, اسم, الاسم الكامل, اسم العميل, "
                "nazwa, imie i nazwisko, klient, kontakt, имя и фамилия, фио, полное имя, клиент, контакт",
                counts=True,
            ),
            _target(
                "given",
                "first name, given name, given, forename, fname, שם פרטי, الاسم الاول, imie, имя",
                counts=True,
            ),
            _target(
                "family",
                "last name, family name, family, surname, lname, שם משפחה, اسم العائله, اسم العائلة, nazwisko, фамилия",
                counts=True,
            ),
            _target(
                "company",
                "company, company name, organization, organisation, employer, account, account name, firm, business, "
                "organization name, חברה, שם חברה, ארגון, מקום עבודה, עסק, שם העסק, الشركه, شركه, اسم الشركه, جهه العمل, "
                "firma, nazwa firmy, organizacja, компания, организация, фирма, название компании",
                counts=True,
            ),
            _target(
                "company_id",
                "company id, account id, organization id, organisation id, employer id, parent id, מזהה חברה, קוד חברה, "
                "رقم الشركه, id firmy, numer firmy, ид компании, код компании, id компании",
                Form.ID,
            ),
            _target(
                "job_title",
                "job title, title, position, role, job, תפקיד, المسمى الوظيفي, وظيفه, المنصب, stanowisko, должность",
                counts=True,
            ),
            _target(
                "birthday",
                "birthday, birth date, date of birth, dob, born, birthdate, תאריך לידה, יום הולדת, تاريخ الميلاد, "
                "data urodzenia, urodziny, дата рождения, день рождения",
                Form.DAY, counts=True,
            ),
            _target("kind", "kind, type, record type, contact type, סוג, نوع, typ, rodzaj, тип, вид", Form.WORD),
            *_PARTY,
        ),
        What.COMPANIES: (
            _ID,
            _target(
                "name",
                "name, company, company name, organization, organisation, account name, business name, legal name, firm, "
                "customer name, client name, organization name, שם, שם חברה, חברה, שם העסק, שם לקוח, ארגון, الاسم, اسم, اسم الشركه, "
                "الشركه, شركه, nazwa, nazwa firmy, firma, organizacja, klient, название, наименование, компания, "
                "организация, фирма",
                counts=True,
            ),
            *_PARTY,
        ),
        What.INTERACTIONS: (
            _OWN_ID,
            _target(
                "kind",
                "kind, type, activity type, channel, activity, סוג, סוג פעילות, ערוץ, نوع, النوع, typ, rodzaj, kanal, тип, "
                "вид, канал, тип активности",
                Form.WORD,
            ),
            _target(
                "started_at",
                "date, time, started, start, started at, start time, start date, when, created, created at, timestamp, "
                "date time, datetime, activity date, call date, sent at, תאריך, מועד, שעה, תאריך פעילות, תאריך ושעה, "
                "تاريخ, التاريخ, وقت, data, czas, data i godzina, poczatek, дата, время, дата и время, начало, создано",
                Form.TIME,
            ),
            _target(
                "ended_at",
                "end, ended, ended at, end time, end date, finished, סיום, תאריך סיום, انتهاء, koniec, окончание, конец",
                Form.TIME,
            ),
            _target(
                "direction",
                "direction, in out, incoming outgoing, כיוון, اتجاه, kierunek, направление",
                Form.WORD,
            ),
            _target(
                "summary",
                "subject, summary, title, topic, נושא, כותרת, موضوع, الموضوع, temat, tytul, тема, заголовок",
            ),
            _target(
                "body",
                "body, text, content, note, notes, description, message, comment, comments, details, תוכן, פירוט, הערה, "
                "הערות, תיאור, הודעה, نص, المحتوى, ملاحظات, tresc, opis, notatka, uwagi, текст, содержание, "
                "описание, комментарий, заметка, сообщение",
            ),
            _PERSON,
            _COMPANY_ID,
            _PHONES,
            _EMAILS,
            _OWNER,
            _LINK,
        ),
        What.TASKS: (
            _OWN_ID,
            _target(
                "title",
                "title, task, subject, name, summary, description, to do, what, כותרת, משימה, נושא, תיאור, شرح, مهمه, "
                "المهمه, العنوان, zadanie, tytul, temat, opis, nazwa, задача, название, тема, описание",
            ),
            _target(
                "due_at",
                "due, due date, due at, deadline, until, date, remind at, תאריך יעד, מועד, לביצוע עד, תאריך, "
                "تاريخ الاستحقاق, موعد, termin, data, do kiedy, срок, дата, до",
                Form.TIME,
            ),
            _target(
                "done",
                "done, completed, status, finished, closed, state, is completed, בוצע, סטטוס, הושלם, منجز, الحاله, "
                "wykonane, zakonczone, status, выполнено, статус, завершено",
                Form.FLAG,
            ),
            _target(
                "done_at",
                "done at, completed at, completed on, date completed, closed at, תאריך ביצוע, تاريخ الانجاز, "
                "data wykonania, дата выполнения",
                Form.TIME,
            ),
            _PERSON,
            _COMPANY_ID,
            _PHONES,
            _OWNER,
        ),
        What.FILES: (
            _FILE_ID,
            _target(
                "file",
                "file, file name, filename, path, file path, document, attachment, attachment name, location, document name, "
                "קובץ, שם קובץ, נתיב, מסמך, ملف, اسم الملف, مسار, مستند, plik, nazwa pliku, sciezka, dokument, zalacznik, "
                "файл, имя файла, путь, документ, вложение",
            ),
            _target(
                "title",
                "title, subject, description, caption, summary, comment, note, כותרת, תיאור, נושא, הערה, عنوان, وصف, tytul, "
                "opis, temat, название, описание, тема, заголовок, комментарий",
            ),
            _target(
                "started_at",
                "date, time, created, created at, created on, uploaded, uploaded at, added, added at, timestamp, date time, "
                "document date, תאריך, נוצר, הועלה, تاريخ, التاريخ, data, data dodania, utworzono, дата, создано, добавлено, загружено",
                Form.TIME,
            ),
            _PERSON,
            _COMPANY_ID,
            _PHONES,
            _EMAILS,
            _OWNER,
            _LINK,
        ),
        What.USERS: (
            _ID,
            _target(
                "name",
                "name, full name, user, user name, username, login, display name, שם, שם מלא, משתמש, الاسم, المستخدم, "
                "nazwa, uzytkownik, imie i nazwisko, имя, фио, пользователь",
            ),
            _EMAILS,
        ),
    }
)  # fmt: skip


@cache
def targets(what: What) -> Mapping[str, Target]:
    """Return what columns of a file can be, by name."""
    return MappingProxyType({one.name: one for one in _TARGETS[what]})


def known(what: What, target: str, fields: Iterable[str]) -> bool:
    """Say whether a column can be this; `fields` are the names of fields that administrators defined."""
    if target.startswith(FIELD):
        return target.removeprefix(FIELD) in set(fields)
    return target in targets(what)
