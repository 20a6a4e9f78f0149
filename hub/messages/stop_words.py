"""Words by which a person says by SMS that we may not write any more, or may again. Pure.

Carriers of the United States ask for the English ones; the others are what people who get no English write. What also
calls off an appointment ("ביטול", "anuluj") is left to a person.
Source: https://help.twilio.com/articles/223134027
"""

import unicodedata
from enum import StrEnum

from hub.identity.names import fold


class Wish(StrEnum):
    """What such a word asks for."""

    STOP = "stop"
    START = "start"
    HELP = "help"  # a person is to answer it, like any other message


_WORDS = {
    Wish.STOP: (
        "stop", "stopall", "stop all", "unsubscribe", "cancel", "end", "quit", "optout", "opt out", "revoke",
        "הסר", "להסיר", "הסירו", "הסר אותי", "הסירו אותי", "הסרה", "תפסיקו לשלוח",
        "توقف", "أوقف", "إيقاف", "إلغاء الاشتراك",
        "wypisz", "wypisz mnie", "rezygnuję", "stop sms",
        "стоп", "отписаться", "отписка", "отпишите", "стоп смс",
    ),
    Wish.START: (
        "start", "unstop", "subscribe", "התחל", "הצטרף", "חזור", "ابدأ", "اشتراك", "zapisz", "wznów", "старт", "подписаться",
    ),
    Wish.HELP: ("help", "info", "עזרה", "מידע", "مساعدة", "معلومات", "pomoc", "помощь", "справка"),
}  # fmt: skip


def _plain(text: str) -> str:
    """Return a text without case, signs and marks."""
    letters = (c if unicodedata.category(c)[0] in "LN" else " " for c in fold(text))
    return " ".join("".join(letters).split())


_KNOWN = {_plain(word): wish for wish, words in _WORDS.items() for word in words}


def wish_of(text: str) -> Wish | None:
    """Return what a text asks for, where it is nothing but such a word: "stop by tomorrow" asks for nothing."""
    return _KNOWN.get(_plain(text)) if len(text) <= 50 else None
