# ruff: noqa: RUF001 - letters of other alphabets and marks of direction are the subject
"""What is new in an answer, in the languages and programs people answer with."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.mail.body import to_text
from hub.mail.quote import without_quote
from hub.mail.reply_words import OWN

OLD = "\n\n> What was asked\n> before\n"

GMAIL = {
    "en": "On Mon, Mar 3, 2025 at 10:00 AM Dana Levi <dana@levi.example> wrote:",
    "en, broken": "On Mon, Mar 3, 2025 at 10:00 AM Dana Levi The Third Of Haifa <\ndana@levi.example> wrote:",
    "de": "Am Mo., 3. März 2025 um 10:00 Uhr schrieb Dana Levi <dana@levi.example>:",
    "fr": "Le lun. 3 mars 2025 à 10:00, Dana Levi <dana@levi.example> a écrit :",
    "es": "El lun, 3 mar 2025 a las 10:00, Dana Levi (<dana@levi.example>) escribió:",
    "it": "Il giorno lun 3 mar 2025 alle ore 10:00 Dana Levi <dana@levi.example> ha scritto:",
    "pt": "Em seg., 3 de mar. de 2025 às 10:00, Dana Levi <dana@levi.example> escreveu:",
    "pl": "pon., 3 mar 2025 o 10:00 Dana Levi <dana@levi.example> napisał(a):",
    "ru": "пн, 3 мар. 2025 г. в 10:00, Dana Levi <dana@levi.example>:",
    "uk": "пн, 3 бер. 2025 р. о 10:00 Dana Levi <dana@levi.example> пише:",
    "he": "\u202bבתאריך יום ב׳, 3 במרץ 2025 ב-10:00 מאת \u202aDana Levi\u202c\u200f <\u202adana@levi.example\u202c\u200f>:\u202c",
    "ar": "في الاثنين، 3 مارس 2025 في 10:00 ص تمت كتابة ما يلي بواسطة \u202aDana Levi\u202c\u200f <\u202adana@levi.example\u202c\u200f>:",
    "ar, own digits": "في الاثنين، ٣ مارس ٢٠٢٥ في ١٠:٠٠ ص كتب Dana <dana@levi.example>:",
    "nl": "Op ma 3 mrt 2025 om 10:00 schreef Dana Levi <dana@levi.example>:",
    "cs": "po 3. 3. 2025 v 10:00 odesílatel Dana Levi <dana@levi.example> napsal:",
    "tr": "Dana Levi <dana@levi.example>, 3 Mar 2025 Pzt, 10:00 tarihinde şunu yazdı:",
    "ja": "2025年3月3日(月) 10:00 Dana Levi <dana@levi.example>:",
    "zh": "Dana Levi <dana@levi.example> 于2025年3月3日周一 10:00写道：",
}
WITHOUT_ADDRESS = {
    "en Apple": "On 3 Mar 2025, at 10:00, Dana Levi wrote:",
    "de Apple": "Am 03.03.2025 um 10:00 schrieb Dana Levi:",
    "fr Thunderbird": "Le 03/03/2025 à 10:00, Dana Levi a écrit :",
    "pl Thunderbird": "W dniu 3.03.2025 o 10:00, Dana Levi pisze:",
    "pl Outlook phone": "Dnia 3 marca 2025 10:00 Dana Levi napisała:",
    "ru Thunderbird": "03.03.2025 10:00, Dana Levi пишет:",
    "he Apple": "ב-3 במרץ 2025, בשעה 10:00, Dana Levi כתב/ה:",
    "ar": "بتاريخ 3 مارس 2025، كتبت دانا ليفي:",
    "cs": "Dne 3. 3. 2025 v 10:00 Dana Levi napsal(a):",
    "zh": "Dana Levi 在 2025年3月3日 10:00写道：",
    "sv": "Den mån 3 mars 2025 kl 10:00 skrev Dana Levi:",
    "da": "Den man. 3. mar. 2025 kl. 10.00 skrev Dana Levi:",
    "nl": "Op 3 mrt 2025, om 10:00, Dana Levi schreef:",
    "es": "El 3 mar 2025, a las 10:00, Dana Levi escribió:",
    "ko": "2025년 3월 3일 오전 10:00, Dana Levi님이 작성하였습니다:",
}
OUTLOOK = {
    "en": "From: Dana Levi <dana@levi.example>\nSent: Monday, March 3, 2025 10:00 AM\nTo: Jan\nCc: Anna\nSubject: RE: Offer",
    "en, bold": "*From:* Dana Levi <dana@levi.example>\n*Sent:* Monday, March 3, 2025 10:00 AM\n*To:* Jan\n*Subject:* RE: Offer",
    "de": "Von: Dana Levi <dana@levi.example>\nGesendet: Montag, 3. März 2025 10:00\nAn: Jan\nBetreff: AW: Angebot",
    "fr": "De : Dana Levi <dana@levi.example>\nEnvoyé : lundi 3 mars 2025 10:00\nÀ : Jan\nObjet : RE: Offre",
    "pl": "Od: Dana Levi <dana@levi.example>\nWysłano: poniedziałek, 3 marca 2025 10:00\nDo: Jan\nDW: Anna\nTemat: ODP: Oferta",
    "ru": "От: Dana Levi <dana@levi.example>\nОтправлено: 3 марта 2025 г. 10:00\nКому: Jan\nТема: RE: Предложение",
    "he": "\u200fמאת: Dana Levi <dana@levi.example>\nנשלח: יום שני 03 מרץ 2025 10:00\nאל: Jan\nעותק: Anna\nנושא: RE: הצעה",
    "ar": "من: Dana Levi <dana@levi.example>\nتم الإرسال: 03 مارس 2025 10:00\nإلى: Jan\nالموضوع: RE: عرض",
    "es": "De: Dana Levi\nEnviado el: lunes, 3 de marzo de 2025 10:00\nPara: Jan\nAsunto: RE: Oferta",
    "it": "Da: Dana Levi\nInviato: lunedì 3 marzo 2025 10:00\nA: Jan\nOggetto: R: Offerta",
    "uk": "Від: Dana Levi\nНадіслано: 3 березня 2025 р. 10:00\nКому: Jan\nТема: RE: Пропозиція",
    "nl": "Van: Dana Levi\nVerzonden: maandag 3 maart 2025 10:00\nAan: Jan\nOnderwerp: RE: Offerte",
}
SEPARATORS = [
    "-----Original Message-----",
    "-----Ursprüngliche Nachricht-----",
    "-----Oryginalna wiadomość-----",
    "-----Исходное сообщение-----",
    "-----הודעה מקורית-----",
    "-----الرسالة الأصلية-----",
    "-----Message d'origine-----",
]
NEW = ["Thanks, agreed!\n\nDana", "תודה רבה,\nנדבר מחר", "Dziękuję: tak", "Спасибо", "شكرا"]


@pytest.mark.parametrize("new", NEW)
@pytest.mark.parametrize("line", [*GMAIL.values(), *WITHOUT_ADDRESS.values()], ids=[*GMAIL, *WITHOUT_ADDRESS])
def test_a_quote_that_a_line_introduces_is_taken_away(line: str, new: str) -> None:
    assert without_quote(f"{new}\n\n{line}{OLD}") == new
    assert without_quote(f"{new}\r\n\r\n{line}\r\n\r\nunmarked old text\r\n") == new


@pytest.mark.parametrize("language", OWN)
def test_what_our_own_answers_quote_is_taken_away(language: str) -> None:
    line = OWN[language].format(at="Mon 3.3.2025 10:00", who="Dana Levi <dana@levi.example>")
    assert without_quote(f"Thanks\n\n{line}\nunmarked old text\n") == "Thanks"


@pytest.mark.parametrize("rule", ["", "________________________________\n", "\n"])
@pytest.mark.parametrize("block", OUTLOOK.values(), ids=list(OUTLOOK))
def test_a_quote_that_a_block_introduces_is_taken_away(block: str, rule: str) -> None:
    assert without_quote(f"Thanks\nDana\n\n{rule}{block}\n\nOld text\nmore") == "Thanks\nDana"


@pytest.mark.parametrize("separator", SEPARATORS)
def test_a_quote_below_a_separator_is_taken_away(separator: str) -> None:
    assert without_quote(f"Thanks\n\n{separator}\nOld") == "Thanks"


def test_a_quote_at_the_end_that_nothing_introduces_is_taken_away() -> None:
    assert without_quote("Thanks\n\n> old\n> older\n") == "Thanks"


def test_the_quote_of_a_page_is_taken_away() -> None:
    page = (
        "<div>Thanks</div><br><div class=gmail_quote><div dir=ltr>On Mon, Mar 3, 2025 at 10:00 AM Dana Levi "
        "&lt;<a href='mailto:dana@levi.example'>dana@levi.example</a>&gt; wrote:<br></div><blockquote><p>old</p></blockquote></div>"
    )
    assert without_quote(to_text(page)) == "Thanks"


KEPT = [
    "Please book:\nFrom: Tel Aviv\nTo: Warsaw\nDate: 12 May\nThanks",
    "Dzień dobry,\nData: 12 maja\nTemat: oferta\nproszę o ofertę",
    "Q: how?\nA: like this\nA: or so\nbye",
    "On Monday we wrote:\nall is well",
    "The plan for 10:00:\n- talk",
    "Write to dana@levi.example:\nshe knows",
    "> old question one\nanswer one\n> old question two\nanswer two",
    f"See below.\n\n{GMAIL['en']}\n\n> first question\n\nmy answer\n\n> second question\n\nmy other answer",
    "FYI\n\n---------- Forwarded message ---------\nFrom: Dana <dana@levi.example>\nDate: Mon, Mar 3, 2025 at 10:00 AM\nSubject: Offer\nTo: Jan\n\nContent",
    "לידיעתך\n\n---------- הודעה שהועברה ---------\nמאת: Dana <dana@levi.example>\nתאריך: 3.3.2025\nנושא: הצעה\nאל: Jan\n\nתוכן",
    "Begin forwarded message:\n\nFrom: Dana\nSubject: Offer\nDate: 3 March\nTo: Jan\n\nContent",
    f"{OUTLOOK['en']}\n\nPassed on without a word",
    "> nothing but a quote",
    "-- \nDana",
    "",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_old_text_stays(text: str) -> None:
    assert without_quote(text) == text.strip()


def test_an_answer_below_its_quote_is_what_is_new() -> None:
    assert without_quote(f"{GMAIL['en']}\n> old\n> older\n\nMy answer\nDana") == "My answer\nDana"


@pytest.mark.parametrize(
    "text",
    [
        "On " * 50_000 + "wrote:",
        "\n".join(["On 1 " * 55 + ":"] * 5000),
        "From: a\n" * 20_000,
        ">" * 200_000,
        "-" * 200_000 + "\n",
        "\n" * 200_000,
    ],
    ids=["words", "lines", "blocks", "marks", "rules", "blanks"],
)
def test_a_text_made_to_keep_us_busy_does_not(text: str) -> None:
    start = time.process_time()
    without_quote("new\n\n" + text)
    assert time.process_time() - start < 10


@given(st.text(max_size=300))
def test_what_is_left_is_a_piece_of_the_text(text: str) -> None:
    text = text.replace("\r\n", "\n")
    left = without_quote(text)
    assert left in text
    assert bool(left) == bool(text.strip())
