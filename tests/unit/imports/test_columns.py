"""Which column of a file is what."""

from hub.imports.columns import guess, guess_dates
from hub.imports.models import What

HEADINGS = [
    (
        ["Customer ID", "Full Name", "Company", "Phone 1", "Phone 2", "E-mail Address", "Birth Date", "Account Manager"],
        ["id", "name", "company", "phones", "phones", "emails", "birthday", "owner"],
    ),
    (["מזהה", "שם פרטי", "שם משפחה", "טלפון נייד", "דוא״ל", "ח.פ.", "הערות"], ["id", "given", "family", "phones", "emails", "tax_id", "notes"]),
    (["Imię", "Nazwisko", "Telefon komórkowy", "E-mail", "Firma", "NIP", "Uwagi"], ["given", "family", "phones", "emails", "company", "tax_id", "notes"]),
    (["ФИО", "Телефон", "Эл. почта", "Компания", "ИНН", "Дата рождения"], ["name", "phones", "emails", "company", "tax_id", "birthday"]),
    (["الاسم", "رقم الهاتف", "البريد", "الشركة", "ملاحظات"], ["name", "phones", "emails", "company", "notes"]),
    (["name", "given", "family", "phone_1", "phone_2", "email_1", "address_1", "uid", "groups"], ["name", "given", "family", "phones", "phones", "emails", "addresses", "id", "groups"]),
]  # fmt: skip


def test_headings_in_five_languages_are_known() -> None:
    for headings, targets in HEADINGS:
        assert guess(What.PEOPLE, headings, []) == dict(zip(headings, targets, strict=True))


def test_a_column_that_is_called_nothing_is_known_by_its_cells() -> None:
    rows = [{"A": "Dana", "B": "050-2345678", "C": "dana@example.com"}, {"A": "Ann", "B": "+48 22 123 45 67", "C": ""}]
    assert guess(What.PEOPLE, ["A", "B", "C"], rows) == {"B": "phones", "C": "emails"}


def test_one_target_is_guessed_once_and_what_is_unknown_is_left_out() -> None:
    assert guess(What.PEOPLE, ["Name", "Customer name", "Shoe size"], []) == {"Name": "name"}
    assert guess(What.COMPANIES, ["Company", "VAT number"], []) == {"Company": "name", "VAT number": "tax_id"}
    found = guess(What.INTERACTIONS, ["Type", "Date", "Subject", "Body", "Contact id", "Assigned to"], [])
    assert list(found.values()) == ["kind", "started_at", "summary", "body", "people", "owner"]
    assert guess(What.TASKS, ["Task", "Due date", "Status"], []) == {
        "Task": "title",
        "Due date": "due_at",
        "Status": "done",
    }
    assert guess(What.PEOPLE, ["Size"], [], labels={"shoe": ["Size", "מידה"]}) == {"Size": "field.shoe"}


def test_the_order_of_dates_shows_from_all_of_them_or_is_the_countrys() -> None:
    columns = {"Born": "birthday"}

    def order(*cells: str, region: str = "") -> str:
        return guess_dates(What.PEOPLE, columns, [{"Born": cell} for cell in cells], region=region)

    assert order("01/02/2000", "03/15/2000") == "mdy"
    assert order("01/02/2000", "15/03/2000", region="US") == "dmy"
    assert (order("01/02/2000"), order("01/02/2000", region="US")) == ("dmy", "mdy")
