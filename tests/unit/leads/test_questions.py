"""Questions written as sentences: understood where what they ask for is sure, and left alone where it is not."""

import pytest

from hub.leads.answers import By, Field, Found, understood
from hub.records.lead import Answer

ASKED = {
    Field.NAME: [
        "What is your name?", "what_is_your_full_name?", "What's your name", "Please enter your full name", "Your full name, please",
        "מה השם שלך?", "מה שמך?", "מהו שמך המלא", "נא להזין שם מלא", "מה השם המלא שלך?", "ما اسمك؟", "ما هو اسمك الكامل؟", "الرجاء إدخال الاسم الكامل",
        "Jak się nazywasz?", "Podaj imię i nazwisko", "Proszę podać swoje imię i nazwisko", "Как вас зовут?", "Укажите ваше имя",
        "Как к вам обращаться?",
    ],
    Field.GIVEN: [
        "What is your first name?", "מה השם הפרטי שלך?", "ما هو اسمك الأول", "ما هو اسمك الاول", "Jak masz na imię?", "Podaj swoje imię",
    ],
    Field.FAMILY: ["What's your last name?", "מה שם המשפחה שלך?", "ما هو اسم عائلتك؟", "Podaj nazwisko", "Введите фамилия"],
    Field.PHONE: [
        "What is your phone number?", "What is the best phone number to reach you at?", "What is your WhatsApp number?",
        "Leave us your phone", "מה מספר הטלפון שלך?", "מה הטלפון שלך ליצירת קשר?", "השאירו מספר נייד", "ما هو رقم هاتفك؟", "أدخل رقم الهاتف الخاص بك",
        "Jaki jest Twój numer telefonu?", "Podaj numer telefonu do kontaktu", "Какой у вас номер телефона?",  # noqa: RUF001 - Russian
        "Укажите номер телефона для связи с вами",  # noqa: RUF001 - Russian
    ],
    Field.EMAIL: [
        "What is your e-mail address?", "Please provide your email.", "מה כתובת המייל שלך?", "מה האימייל שלך", "ما هو بريدك الإلكتروني؟",
        "Podaj swój adres e-mail", "Укажите адрес электронной почты",
    ],
    Field.CITY: ["Which city do you live in?", "באיזו עיר אתם גרים?", "ما هي مدينتك؟", "Podaj miasto", "Какой у вас город?"],  # noqa: RUF001 - Russian
    Field.COMPANY: ["What is your company name?", "מה שם החברה שלך?", "ما اسم شركتك؟", "Podaj nazwa firmy", "Укажите название вашей компании"],
    None: [
        "What is the name of your dog?", "What is your budget?", "Do you have a website?", "Do you live in the city?", "Is this your phone?",
        "Can we call you?", "What is your favourite city?", "What is your company's phone number of the year?", "What phone do you use?",
        "Which phone would you buy?", "What is your friend's name?", "In which country do you want to live?", "What", "", "?",
        "מה התקציב שלך?", "מה שם הכלב שלך?", "האם יש לך אתר?", "ما هي ميزانيتك؟", "هل لديك موقع", "Jaki jest Twój budżet?", "Czy masz telefon?",
        "Какой у вас бюджет?", "Как вы о нас узнали?", "У вас есть телефон?", "what " * 30 + "name",  # noqa: RUF001 - Russian
    ],
}  # fmt: skip
CASES = [(field, text) for field, texts in ASKED.items() for text in texts]


@pytest.mark.parametrize(("field", "text"), CASES)
def test_a_sentence_is_understood_where_it_is_sure(field: Field | None, text: str) -> None:
    wanted = Found(field, By.WORD) if field else Found()
    assert understood([Answer(text, values=("green",))], {}) == [wanted]
    assert understood([Answer("q7", text, values=("green",))], {}) == [wanted]


def test_a_plain_word_counts_before_a_sentence_and_an_administrator_before_both() -> None:
    one = Answer("email", "What is your phone number?", values=("x",))
    assert understood([one], {}) == [Found(Field.EMAIL, By.WORD)]
    assert understood([one], {"email": "none"}) == [Found(None, By.ADMIN)]
