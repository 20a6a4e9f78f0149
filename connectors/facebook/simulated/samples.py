"""Forms as people make them, in several languages; for the demo and for tests."""

from connectors.facebook.simulated.things import Checkbox, Option, Question

ENGLISH = (
    Question("full_name", "Full name", "FULL_NAME"),
    Question("email", "Email", "EMAIL"),
    Question("phone_number", "Phone number", "PHONE"),
    Question("garden_size", "How large is your garden?", "CUSTOM", (
        Option("k1", "Less than 100 m²"), Option("k2", "100 to 500 m²"), Option("k3", "More than 500 m²"),
    )),
)  # fmt: skip
HEBREW = (
    Question("שם_מלא", "שם מלא", "FULL_NAME"),
    Question("טלפון", "טלפון", "PHONE"),
    Question('דוא"ל', 'דוא"ל', "EMAIL"),
    Question("מה_מעניין_אותך?", "מה מעניין אותך?", "CUSTOM", (
        Option("k1", "גינה חדשה"), Option("k2", "השקיה/ניקוז"), Option("k3", "עצי פרי"),
    )),
    Question("question1", "מתי נוח לדבר?", "CUSTOM"),
)  # fmt: skip
POLISH = (
    Question("imię_i_nazwisko", "Imię i nazwisko", "FULL_NAME"),
    Question("numer_telefonu", "Numer telefonu", "PHONE"),
    Question("adres_e-mail", "Adres e-mail", "EMAIL"),
    Question("kiedy_zadzwonić?", "Kiedy zadzwonić?", "CUSTOM"),
)
ARABIC = (
    Question("الاسم_الكامل", "الاسم الكامل", "FULL_NAME"),
    Question("رقم_الهاتف", "رقم الهاتف", "PHONE"),
    Question("البريد_الإلكتروني", "البريد الإلكتروني", "EMAIL"),
)
MARKETING = Checkbox("marketing", "I would like to receive offers by e-mail and SMS", required=False)
TERMS = Checkbox("terms", "I accept the privacy policy")
HEBREW_BOXES = (
    Checkbox("terms", "קראתי את מדיניות הפרטיות"),
    Checkbox("דיוור", 'אשמח לקבל מבצעים בדוא"ל ובהודעות', required=False),
)  # fmt: skip
