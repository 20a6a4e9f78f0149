"""Which answer is the name, the number, the address: by the question's type, an administrator's word, its words, its value.

The same for every source of leads. Form builders name questions as they like and in any script, and rename them; an answer
that nobody recognises stays an answer, and is shown. Whoever cannot be recognised otherwise is recognised by what looks like
an e-mail or a telephone number, and the lead says that somebody should look.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from hub.records.lead import Answer

NONE = "none"  # an administrator's word for: it is only an answer


class Field(StrEnum):
    """What an answer can be of a person or a company."""

    NAME = "name"
    GIVEN = "given"
    FAMILY = "family"
    EMAIL = "email"
    PHONE = "phone"
    COMPANY = "company"
    JOB_TITLE = "job_title"
    WEBSITE = "website"
    STREET = "street"
    CITY = "city"
    STATE = "state"
    ZIP = "zip"
    COUNTRY = "country"
    PRIVATE = "private"  # birth, gender, national numbers: kept, shown masked, never made a field


class By(StrEnum):
    """How it was found what an answer is."""

    TYPE = "type"
    ADMIN = "admin"
    WORD = "word"
    VALUE = "value"  # it looks like one; somebody should look


@dataclass(frozen=True, slots=True)
class Found:
    """What an answer is; `field` None: only an answer."""

    field: Field | None = None
    by: By | None = None


_NOTHING = Found()

# Meta's question types (https://developers.facebook.com/docs/marketing-api/guides/lead-ads/create), Google's column ids
# (https://developers.google.com/google-ads/webhook/docs/implementation), Typeform's field types; in small letters.
_TYPES: Mapping[str, Field] = {
    "full_name": Field.NAME, "first_name": Field.GIVEN, "last_name": Field.FAMILY, "email": Field.EMAIL,
    "work_email": Field.EMAIL, "phone": Field.PHONE, "phone_number": Field.PHONE, "work_phone_number": Field.PHONE,
    "work_phone": Field.PHONE, "company_name": Field.COMPANY, "job_title": Field.JOB_TITLE, "website": Field.WEBSITE,
    "street_address": Field.STREET, "city": Field.CITY, "state": Field.STATE, "province": Field.STATE,
    "region": Field.STATE, "zip": Field.ZIP, "post_code": Field.ZIP, "postal_code": Field.ZIP, "country": Field.COUNTRY,
    "dob": Field.PRIVATE, "date_of_birth": Field.PRIVATE, "gender": Field.PRIVATE, "marital_status": Field.PRIVATE,
    "relationship_status": Field.PRIVATE, "military_status": Field.PRIVATE,
}  # fmt: skip
_NATIONAL = re.compile(r"id_[a-z]{2}_|national_id")
# Keys and labels of questions, folded: English, Hebrew, Arabic, Polish, Russian.
_WORDS: Mapping[Field, tuple[str, ...]] = {
    Field.NAME: (
        "full name", "fullname", "name", "your name", "contact name", "customer name", "שם מלא", "שם", "השם שלך",
        "שם פרטי ומשפחה", "الاسم", "الاسم الكامل", "الاسم بالكامل", "imię i nazwisko", "imie i nazwisko", "фио", "имя и фамилия",
        "ваше имя", "полное имя", "שמך", "שמך המלא", "اسمك", "اسمك الكامل", "jak się nazywasz", "как вас зовут", "как тебя зовут",
        "как к вам обращаться",
    ),
    Field.GIVEN: ("first name", "firstname", "given name", "fname", "שם פרטי", "الاسم الأول", "imię", "imie", "имя", "שמך הפרטי", "اسمك الأول", "jak masz na imię"),
    Field.FAMILY: (
        "last name", "lastname", "surname", "family name", "lname", "שם משפחה", "اسم العائلة", "اللقب", "nazwisko", "фамилия", "שם משפחתך", "اسم عائلتك",
    ),
    Field.EMAIL: (
        "email", "e mail", "mail", "email address", "e mail address", "your email", "work email", "business email", "דואל",
        "דוא ל", "מייל", "אימייל", "כתובת מייל", "כתובת אימייל", "כתובת דואל", "البريد الإلكتروني", "البريد الالكتروني",
        "الإيميل", "adres e mail", "adres email", "почта", "электронная почта", "эл почта", "емейл", "بريدك الإلكتروني", "عنوان البريد الإلكتروني", "عنوان بريدك الإلكتروني",
        "адрес электронной почты", "электронную почту",
    ),
    Field.PHONE: (
        "phone", "phone number", "telephone", "tel", "mobile", "mobile number", "mobile phone", "cell", "cell phone",
        "your phone", "work phone", "whatsapp", "whatsapp number", "טלפון", "מספר טלפון", "נייד", "טלפון נייד", "סלולרי",
        "פלאפון", "الهاتف", "رقم الهاتف", "الجوال", "رقم الجوال", "رقم الموبايل", "telefon", "numer telefonu",
        "nr telefonu", "telefon komórkowy", "komórka", "телефон", "номер телефона", "мобильный", "мобильный телефон", "מספר נייד", "מספר הטלפון הנייד", "رقم هاتفك", "هاتفك", "رقم جوالك",
        "номер мобильного телефона", "numer komórki",
    ),
    Field.COMPANY: (
        "company", "company name", "business name", "organization", "organisation", "חברה", "שם החברה", "שם העסק", "الشركة",
        "اسم الشركة", "firma", "nazwa firmy", "компания", "название компании", "организация", "اسم شركتك", "название вашей компании", "название своей компании",
    ),
    Field.JOB_TITLE: (
        "job title", "position", "role", "תפקיד", "المسمى الوظيفي", "الوظيفة", "stanowisko", "должность",
    ),
    Field.WEBSITE: ("website", "web site", "url", "אתר", "אתר אינטרנט", "الموقع", "strona internetowa", "strona www", "сайт"),
    Field.CITY: ("city", "town", "עיר", "ישוב", "עיר מגורים", "المدينة", "مدينتك", "miasto", "miejscowość", "город"),
    Field.STREET: ("address", "street", "street address", "כתובת", "רחוב", "العنوان", "adres", "ulica", "адрес", "улица"),
    Field.ZIP: ("zip", "zip code", "postcode", "postal code", "מיקוד", "الرمز البريدي", "kod pocztowy", "индекс"),
    Field.COUNTRY: ("country", "מדינה", "ארץ", "البلد", "الدولة", "kraj", "страна"),
}  # fmt: skip
_BY_WORD = {word: field for field, words in _WORDS.items() for word in words}
# What a question says around the thing it asks for, before and behind it. What is left must be one of the words above, whole:
# "What is your name?" asks for a name, "What is the name of your dog?" does not.
_BEFORE = (
    "what whats is which please kindly enter provide write type tell give us leave share fill in add the your you a best "
    "מה מהו מהי נא אנא בבקשה להזין הזן הזיני הזינו הכנס הכניסי הכניסו להכניס מלא מלאי מלאו למלא רשום רשמי רשמו לרשום כתוב כתבי "
    "כתבו לכתוב ציין צייני ציינו לציין השאר השאירי השאירו להשאיר את באיזה באיזו "
    "ما هو هي أدخل ادخل إدخال ادخال اكتب كتابة يرجى الرجاء من فضلك "
    "jaki jaka jakie jest podaj podać proszę wpisz wpisać napisz zostaw twój twoja twoje swój swoją swoje pana pani państwa "
    "какой какая какое каков какова у вас ваш ваша ваше вашу укажите введите напишите оставьте пожалуйста свой своя "  # noqa: RUF001 - Russian
    "свое своё свою"
)
_BEHIND = (
    "please here to reach contact call you us at on by for do live in are from based "
    "שלך שלכם שלכן בבקשה כאן ליצירת קשר לחזרה אליך אליכם אתה אתם את גר גרה גרים "
    "الخاص الخاصة بك هنا من فضلك للتواصل معك "
    "proszę tutaj do kontaktu пожалуйста здесь для связи с вами"  # noqa: RUF001 - Russian
)
# Whoever begins so wants a yes or a no.
_YES_OR_NO = "do does did have has are is can could may would will should האם يا هل czy есть можно можете"
_OPENING, _CLOSING, _ASKING = (frozenset(one.split()) for one in (_BEFORE, _BEHIND, _YES_OR_NO))
_LONGEST_QUESTION = 20  # words
_BARE = str.maketrans("أإآٱىё", "اااايе")
_MAIL = re.compile(r"[^\s@<>]{1,64}@[^\s@<>]+\.[^\s@<>.]{2,}")
_NOT_OF_NUMBER = re.compile(r"[\s().\-/+\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_QUOTES = "\"'\u05f3\u05f4\u2019"  # within a word, such as an abbreviation in Hebrew
_SHORTEST, _LONGEST = 7, 15  # digits; E.164 has at most 15


def understood(answers: Sequence[Answer], told: Mapping[str, str]) -> list[Found]:
    """Return what each answer is, in their order.

    Args:
        told: an administrator's words: key of a question -> field, or `none`.
    """
    found = [_by_type(one.type) or _by_admin(one, told) or _by_word(one.key, one.label) for one in answers]
    for field, looks in ((Field.EMAIL, _is_mail), (Field.PHONE, _is_number)):
        if not any(one.field is field for one in found):
            at = next((n for n, one in enumerate(found) if one == _NOTHING and looks(answers[n])), None)
            if at is not None:
                found[at] = Found(field, By.VALUE)
    return found


def party_of(answers: Sequence[Answer], found: Sequence[Found], remote_id: str) -> dict[str, Any]:
    """Return what a lead says of a person or company, in the words of a mapping of parties (`identity.said`)."""
    texts: dict[Field, list[str]] = {}
    for answer, one in zip(answers, found, strict=True):
        if one.field is not None:
            texts.setdefault(one.field, []).extend(value.strip() for value in answer.values if value.strip())
    first = {field: values[0] for field, values in texts.items() if values}
    lines = (Field.STREET, Field.ZIP, Field.CITY, Field.STATE, Field.COUNTRY)
    address = ", ".join(first[one] for one in lines if one in first)
    return {
        "remote_id": remote_id,
        "name": first.get(Field.NAME, ""),
        "given": first.get(Field.GIVEN, ""),
        "family": first.get(Field.FAMILY, ""),
        "emails": texts.get(Field.EMAIL, []),
        # Meta's own exports write a p before numbers.
        "phones": [value.removeprefix("p:") for value in texts.get(Field.PHONE, [])],
        "company": first.get(Field.COMPANY, ""),
        "job_title": first.get(Field.JOB_TITLE, ""),
        "urls": texts.get(Field.WEBSITE, []),
        "addresses": [address] if address else [],
        "collected": True,
    }


@lru_cache(maxsize=4096)  # a form asks the same questions of everybody
def folded(text: str) -> str:
    """Return a key or label as it is compared: one form of each letter, small, its marks as spaces."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    kept = "".join(c if c.isalnum() or unicodedata.category(c) == "Mn" else " " for c in plain if c not in _QUOTES)
    return " ".join(kept.split())


@lru_cache(maxsize=1024)
def _by_type(named: str) -> Found | None:
    kind = named.casefold()
    field = _TYPES.get(kind) or (Field.PRIVATE if _NATIONAL.match(kind) else None)
    return Found(field, By.TYPE) if field else None


def _by_admin(answer: Answer, told: Mapping[str, str]) -> Found | None:
    word = told.get(answer.key)
    if word is None:
        return None
    return Found(Field(word), By.ADMIN) if word in set(Field) else Found(None, By.ADMIN)


@lru_cache(maxsize=4096)  # as of `folded`
def _by_word(key: str, label: str) -> Found:
    for text in (key, label):
        if field := _BY_WORD.get(folded(text)):
            return Found(field, By.WORD)
    for text in (key, label):
        if field := _by_sentence(text):
            return Found(field, By.WORD)
    return _NOTHING


def _by_sentence(text: str) -> Field | None:
    """Return what a whole question asks for, such as "What is your first name?"; None where that is not sure."""
    words = folded(text).split()
    if not 1 < len(words) <= _LONGEST_QUESTION or words[0] in _ASKING:
        return None
    while words:
        found = _BY_BARE.get(_bare(" ".join(words)))
        if found is not None:
            return found
        if words[0] in _OPENING:
            words = words[1:]
        elif words[-1] in _CLOSING:
            words = words[:-1]
        else:
            return None
    return None


def _bare(text: str) -> str:
    """Return words without what sentences change in them: the article in Hebrew, letters that are written in two ways."""
    return " ".join(re.sub("^ה(?=[א-ת]{2})", "", word) for word in text.translate(_BARE).split())


_BY_BARE = {_bare(word): field for word, field in _BY_WORD.items()}


def _is_mail(answer: Answer) -> bool:
    return any(_MAIL.fullmatch(value.strip()) for value in answer.values)


def _is_number(answer: Answer) -> bool:
    """Say whether an answer is written like a telephone number; a bare row of digits may be anything shorter."""
    for value in answer.values:
        digits = _NOT_OF_NUMBER.sub("", value.removeprefix("p:"))
        if digits.isdigit() and _SHORTEST <= len(digits) <= _LONGEST:
            return True
    return False
