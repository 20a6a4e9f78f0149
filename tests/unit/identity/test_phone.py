# ruff: noqa: RUF001 - words of several scripts are the subject
import csv
import re
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.errors import UserError
from hub.identity import phone as phones
from hub.identity.phone import (
    LONGEST_CELL,
    PhoneContext,
    PhoneKind,
    PhoneQuality,
    PhoneVerdict,
    as_dialled,
    dialable,
    display,
    is_withheld,
    line,
    normalise,
    read,
)

IL = PhoneContext(region="IL")
US = PhoneContext(region="US")
PL = PhoneContext(region="PL")

with (Path(__file__).parents[2] / "fixtures/identity/phones.csv").open(encoding="utf-8", newline="") as file:
    CASES = list(csv.DictReader(file))

# Lines of the file that depend on the trunk's own settings.
TRUNKS = {"9,0502345678": ("9",)}


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['raw']!r} {case['default_region']}")
def test_every_number_of_the_hostile_list_is_read_right(case: dict[str, str]) -> None:
    context = PhoneContext(region=case["default_region"] or None, dial_prefixes=TRUNKS.get(case["raw"], ()))
    valid = [phone for phone in normalise(case["raw"], context) if phone.e164]
    found = (valid[0].e164, valid[0].extension) if valid else ("", "")
    assert found == (case["expected_e164"], case["expected_ext"])


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['raw']!r} {case['default_region']}")
def test_every_number_of_the_hostile_list_gets_its_verdict(case: dict[str, str]) -> None:
    verdicts = {
        "ok": PhoneVerdict.VALID,
        "ok-rule": PhoneVerdict.VALID,
        "withheld": PhoneVerdict.WITHHELD,
        "short": PhoneVerdict.SHORT,
        "extension": PhoneVerdict.EXTENSION,
        "possible": PhoneVerdict.POSSIBLE,
        "invalid": PhoneVerdict.INVALID,
        "junk": PhoneVerdict.JUNK,
        "no-region": PhoneVerdict.NO_REGION,
    }
    assert read(case["raw"], PhoneContext(region=case["default_region"] or None)).verdict is verdicts[case["verdict"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case['raw']!r} {case['default_region']}")
def test_a_line_of_the_command_is_the_number_with_its_extension(case: dict[str, str]) -> None:
    extension = f";ext={case['expected_ext']}" if case["expected_ext"] else ""
    assert line(case["raw"], case["default_region"] or None) == case["expected_e164"] + extension


@pytest.mark.parametrize(
    ("raw", "region", "expected"),
    [
        # addresses
        ('"Dana" <sip:0502345678@10.0.0.1;user=phone>', "IL", "+972502345678"),
        ('"0527654321" <sip:+972502345678@10.0.0.1:5060>;tag=a1', "IL", "+972502345678"),
        ("sip:%2B972502345678@x", "PL", "+972502345678"),
        ("sips:0502345678;phone-context=+972@x", "IL", "+972502345678"),
        ("sip:+97236123456;ext=12@x", "IL", "+97236123456;ext=12"),
        ("tel:050-234-5678;phone-context=+972", "PL", "+972502345678"),
        ("tel:+48-22-123-45-67;isub=9;ext=5", "IL", "+48221234567;ext=5"),
        ("0502345678@pbx.local", "IL", "+972502345678"),
        ("972502345678@c.us", "", "+972502345678"),
        ("972502345678:12@s.whatsapp.net", "PL", "+972502345678"),
        ("120363025246125888@g.us", "IL", ""),
        ("dana050@levi.co.il", "IL", ""),
        ("sip:dana12@levi.co.il", "IL", ""),
        ("sip:pbx.example.com", "IL", ""),
        ('"Dana 2 Levi" <0502345678>', "PL", "+48502345678"),
        ('"Dana 2 Levi" <0502345678>', "IL", "+972502345678"),
        ('"0527654321" <unknown>', "IL", ""),
        ('"Dana" <>', "IL", ""),
        ("whatsapp:+972502345678", "PL", "+972502345678"),
        ("callto:+972502345678", "PL", "+972502345678"),
        # several in a cell
        ("03-6123456/7", "IL", "+97236123456"),
        ("030/1234567", "DE", "+49301234567"),
        ("050/234/5678", "IL", "+972502345678"),
        ("050-2345678, 052-7654321", "IL", "+972502345678"),
        ("דנה 050-2345678 או 052-7654321", "IL", "+972502345678"),
        ("+972 50 234 5678 +972 52 765 4321", "IL", "+972502345678"),
        ("none / 050-2345678", "IL", "+972502345678"),
        ("0502345678\n0527654321", "IL", "+972502345678"),
        # extensions
        ("03-6123456,,12", "IL", "+97236123456;ext=12"),
        ("+48 22 123 45 67 wew. 15", "IL", "+48221234567;ext=15"),
        ("+7 495 123-45-67 доб. 104", "IL", "+74951234567;ext=104"),
        ("+7 495 123-45-67 (доб. 104)", "IL", "+74951234567"),
        ("03-6123456 של' 12", "IL", "+97236123456;ext=12"),
        ("03-6123456 تحويلة ١٢", "IL", "+97236123456;ext=12"),
        ("(212) 555-0100 Ext: 7", "US", "+12125550100;ext=7"),
        # labels, names, brackets
        ("נייד 050-2345678", "IL", "+972502345678"),
        ("тел.: 8 (495) 123-45-67", "RU", "+74951234567"),
        ("050-234-5678 Dana", "IL", "+972502345678"),
        ("050-234-5678 - דנה", "IL", "+972502345678"),
        ("(Dana) 050-234-5678", "IL", "+972502345678"),
        ("050-234-5678 (Dana", "IL", "+972502345678"),
        ("📞 050-234-5678 👍", "IL", "+972502345678"),
        ("1-800-GO-FEDEX", "US", "+18004633339"),
        ("0502345678abc", "IL", ""),
        ("12ab34cd56ef78", "IL", ""),
        # codes before the number
        ("#31#0502345678", "IL", "+972502345678"),
        ("*31#0502345678", "IL", "+972502345678"),
        ("*67 212 555 0100", "US", "+12125550100"),
        # signs of another place
        ("+0502345678", "IL", "+972502345678"),
        ("++972502345678", "IL", "+972502345678"),
        ("+00972502345678", "IL", "+972502345678"),
        ("972502345678+", "PL", "+972502345678"),
        ("+44 (0)20 7946 0958", "IL", "+442079460958"),
        ("+48 (0)22 123 45 67", "IL", "+48221234567"),
        ("+48 022 123 45 67", "IL", "+48221234567"),
        ("+39 06 1234 5678", "IL", "+390612345678"),
        ("+٩٧٢٥٠٢٣٤٥٦٧٨", "PL", "+972502345678"),
        ("０５０－２３４－５６７８", "IL", "+972502345678"),
        ("050−234−5678", "IL", "+972502345678"),
        ("050.234.5678", "IL", "+972502345678"),
        ("+5215512345678", "IL", "+525512345678"),
        ("8~10 972 50 234 5678", "RU", "+972502345678"),
        ("972502345678", "US", "+972502345678"),
        ("0 15 11 91234-5678", "BR", "+5511912345678"),
        ("011 15-2345-6789", "AR", "+5491123456789"),
        ("06 1234 5678", "IT", "+390612345678"),
        ("+972 (0)50-234-5678", "PL", "+972502345678"),
        ("050\u2013234\u20135678", "IL", "+972502345678"),
        ("050\u2060234\u2060\u20665678\u2069", "IL", "+972502345678"),
        # spreadsheets
        ('="0502345678"', "IL", "+972502345678"),
        ("9.72502345678E+11", "IL", "+972502345678"),
        ("9,72502345678E+11", "IL", "+972502345678"),
        ("5.0E+8", "IL", ""),
        ("972502345678.00", "IL", "+972502345678"),
        # nothing there
        ("", "IL", ""),
        ("   ", "IL", ""),
        ("n/a", "IL", ""),
        ("null", "IL", ""),
        ("-1", "IL", ""),
        ("0", "IL", ""),
        ("test", "IL", ""),
        ("+", "IL", ""),
        ("()", "IL", ""),
        ("0502345678", "", ""),
        ("00972502345678", "", ""),
        ("0502345678", "ZZ", ""),
    ],
)
def test_a_line_in_many_forms_gives(raw: str, region: str, expected: str) -> None:
    assert line(raw, region or None) == expected


@pytest.mark.parametrize(
    "raw",
    [
        *("anonymous", "Anonymous", "PRIVATE", "Private number", "No Caller ID", "Restricted", "unavailable"),
        *("מספר חסוי", "חסוי", "Numer zastrzeżony", "nieznany", "номер скрыт", "Неизвестный", "محجوب", "مجهول"),
        *("sip:anonymous@anonymous.invalid", '"Anonymous" <sip:anonymous@anonymous.invalid>', "\u200eanonymous\u200f"),
        *("+266696687", "86282452253", "7378742833", "8656696"),
    ],
)
def test_a_caller_who_hides_is_withheld_in_every_region(raw: str) -> None:
    assert is_withheld(raw)
    for context in (IL, PL, US, PhoneContext()):
        assert read(raw, context).verdict is PhoneVerdict.WITHHELD


@pytest.mark.parametrize("raw", ["", "Dana", "0502345678", "Private: 050-2345678", "Hidden Valley 050-2345678"])
def test_others_are_not_withheld(raw: str) -> None:
    assert not is_withheld(raw)


def test_two_numbers_of_a_cell_are_both_found() -> None:
    found = normalise("050-234-5678; 052-765-4321 / 03-612-3456", IL)
    assert [phone.e164 for phone in found] == ["+972502345678", "+972527654321", "+97236123456"]
    assert len(normalise("050-234-5678; +972502345678", IL)) == 1


def test_valid_numbers_come_before_possible_ones() -> None:
    found = normalise("050-123-4567; 052-765-4321", IL)
    assert [phone.quality for phone in found] == [PhoneQuality.VALID, PhoneQuality.POSSIBLE]
    assert read("050-123-4567; 052-765-4321", IL).verdict is PhoneVerdict.VALID


def test_a_possible_number_is_kept_without_being_an_e164_identity() -> None:
    [phone] = normalise("050-123-4567", IL)
    assert (phone.e164, phone.number, phone.key, phone.raw) == ("", "+972501234567", "+972501234567", "050-123-4567")


def test_only_a_fixed_line_is_identified_with_its_extension() -> None:
    [desk] = normalise("03-6123456 x12", IL)
    [mobile] = normalise("050-2345678 x12", IL)
    assert (desk.key, desk.kind) == ("+97236123456;ext=12", PhoneKind.FIXED)
    assert (mobile.key, mobile.extension, mobile.kind) == ("+972502345678", "12", PhoneKind.MOBILE)


@pytest.mark.parametrize(
    ("raw", "context", "kind"),
    [
        ("1-800-123456", IL, PhoneKind.TOLL_FREE),
        ("1-700-501-234", IL, PhoneKind.SHARED_COST),
        ("+1 212 555 0100", IL, PhoneKind.FIXED_OR_MOBILE),
        ("077-123-4567", IL, PhoneKind.VOIP),
    ],
)
def test_the_kind_of_a_number_is_told(raw: str, context: PhoneContext, kind: PhoneKind) -> None:
    assert [phone.kind for phone in normalise(raw, context)] == [kind]


def test_a_bare_prefix_is_taken_off_only_where_the_trunk_says_so() -> None:
    trunk = PhoneContext(region="IL", dial_prefixes=("9",))
    assert read("90502345678", IL).phones == ()
    assert [phone.e164 for phone in normalise("90502345678", trunk)] == ["+972502345678"]
    assert [phone.e164 for phone in normalise("900972502345678", trunk)] == ["+972502345678"]
    # A number that is one as it stands keeps its first digit.
    assert [phone.e164 for phone in normalise("0502345678", PhoneContext("IL", dial_prefixes=("0",)))] == [
        "+972502345678"
    ]


def test_configured_extension_lengths_win_over_numbers_of_the_region() -> None:
    faroe = PhoneContext(region="FO")
    assert read("201234", faroe).verdict is PhoneVerdict.VALID
    assert read("201234", PhoneContext(region="FO", extension_lengths=(6,))).verdict is PhoneVerdict.EXTENSION
    assert read("101", IL).verdict is PhoneVerdict.SHORT  # the ambulance
    assert read("101", PhoneContext(region="IL", extension_lengths=(3,))).verdict is PhoneVerdict.EXTENSION
    assert read("112", PhoneContext(region="IL", extension_lengths=(3,))).verdict is PhoneVerdict.SHORT


def test_our_own_numbers_identify_nobody() -> None:
    ours = PhoneContext(region="IL", own_numbers=frozenset({"+97236123456"}))
    assert read("03-6123456", ours) == read("+972-3-612-3456", ours)
    assert read("03-6123456", ours).verdict is PhoneVerdict.OWN
    assert [phone.e164 for phone in normalise("03-6123456; 050-2345678", ours)] == ["+972502345678"]


# --- Hostile texts ---


@pytest.mark.parametrize(
    "raw",
    [
        *("0" * 10_000, "+972" * 3_000, "(" * 10_000, "א" * 10_000, "\u202e" * 10_000),
        *(
            "\x00",
            "\x00" * 50,
            "\ud800",
            "😀" * 60,
            "\u202e\u2066\u2069",
            "%00",
            "sip:%00@x",
            "tel:",
            "sip:@",
            "<>",
            "@",
        ),
        *("<script>alert(1)</script>", "'; DROP TABLE party; --", "status will follow", "${jndi:ldap://x}"),
        *("()" * 128, "[a" * 100, "x" * 255, "1,2;3/4|5&6" * 20, "ext" * 80, ";ext=" * 50, "<sip:" * 50),
        *("E+" * 100, "9.9E+99", "1.1E+99", "9" * 250, "+" * 250, "#" * 250, "*31#" * 60, "ﷺ" * 250),
    ],
)
def test_a_hostile_text_is_no_number_and_costs_little(raw: str) -> None:
    started = time.monotonic()
    reading = read(raw, IL)
    assert reading.phones == ()
    assert time.monotonic() - started < 1.0  # exponential patterns take for ever; this is not a measurement


def test_controls_around_a_number_do_no_harm() -> None:
    for raw in ("\u202e050-234-5678\u202c", "\x00050\x00-234-5678", "\ufeff0502345678", "050\u200b2345678"):
        assert line(raw, "IL") == "+972502345678"


def test_a_cell_longer_than_a_cell_is_junk() -> None:
    assert line("0502345678" + " " * (LONGEST_CELL - 10), "IL") == "+972502345678"
    assert read("0502345678" + " " * LONGEST_CELL, IL).verdict is PhoneVerdict.JUNK


NUMBERISH = st.text(alphabet="0123456789+-() .,;/#*xextדנ\u202e\x00@:<>\"'E=%\n", max_size=60)


@given(st.one_of(st.text(max_size=80), NUMBERISH), st.sampled_from(["IL", "PL", "US", "RU", None]))
def test_any_text_is_read_and_what_is_read_stays_the_same(raw: str, region: str | None) -> None:
    reading = read(raw, PhoneContext(region=region, dial_prefixes=("9",)))
    assert bool(reading.phones) == (reading.verdict in {PhoneVerdict.VALID, PhoneVerdict.POSSIBLE})
    for phone in reading.phones:
        assert re.fullmatch(r"\+[1-9]\d{2,16}", phone.number)
        assert re.fullmatch(r"\d{0,7}", phone.extension)
        if phone.e164:
            assert [again.number for again in normalise(phone.e164)] == [phone.number]


# --- Dialling and showing ---


@pytest.mark.parametrize(
    ("raw", "dialled"),
    [
        ("050-234-5678", "+972502345678"),
        ("+972502345678", "+972502345678"),
        ("tel:+97236123456;ext=12", "+97236123456"),
        ("+97236123456;ext=12", "+97236123456"),
        ("\u202a+972 50 234 5678\u202c", "+972502345678"),
        ("٠٥٠٢٣٤٥٦٧٨", "+972502345678"),
        ("050-123-4567", "0501234567"),  # not assigned, but who are we to refuse
        ("201", "201"),
        ("*2700", "*2700"),
        ("#31#0502345678", "+972502345678"),
        ("112", "112"),
        ("1-700-501-234", "+9721700501234"),
    ],
)
def test_what_goes_to_the_exchange(raw: str, dialled: str) -> None:
    assert dialable(raw, IL) == dialled


@pytest.mark.parametrize(
    ("raw", "why"),
    [
        ("0502345678\r\nAction: Command", "line break"),
        ("050\n2345678", "line break"),
        ("0502345678\x00", "control"),
        ("050-234-5678 (Dana)", "letters"),
        ("1-800-FLOWERS", "letters"),
        ("SIP/101", "letters"),
        ("דנה", "letters"),
        ("0502345678,0527654321", "character ','"),
        ("0502345678&SIP/1", "letters"),
        ("0502345678&101", "character '&'"),
        ("101@internal", "letters"),
        ("${EXTEN}", "letters"),
        ("0502345678|5", "character '|'"),
        ("0502345678;0527654321", "character ';'"),
        ("050-234-5678 / 052-765-4321", "several"),
        ("", "2 to 20"),
        ("1", "2 to 20"),
        ("12+34", "2 to 20"),
        ("9" * 21, "2 to 20"),
        ("9" * 10_000, "longer"),
    ],
)
def test_what_must_not_go_to_the_exchange_is_refused_with_its_reason(raw: str, why: str) -> None:
    with pytest.raises(UserError, match=re.escape(why)) as caught:
        dialable(raw, IL)
    assert caught.value.error_id == "bad_number"


@given(st.one_of(st.text(max_size=70), NUMBERISH), st.sampled_from([IL, PL, PhoneContext()]))
def test_only_digits_star_and_hash_ever_go_to_the_exchange(raw: str, context: PhoneContext) -> None:
    try:
        dialled = dialable(raw, context)
    except UserError:
        return
    assert re.fullmatch(r"\+?[0-9*#]{2,20}", dialled)
    assert dialled.isascii()


def test_our_own_number_can_be_dialled() -> None:
    assert dialable("03-6123456", PhoneContext("IL", own_numbers=frozenset({"+97236123456"}))) == "+97236123456"


def test_a_number_is_shown_as_people_read_it() -> None:
    assert display("+972502345678") == "+972 50-234-5678"
    assert display("+972502345678", "IL") == "050-234-5678"
    assert display("+972502345678", "PL") == "+972 50-234-5678"
    assert display("+97236123456;ext=12", "IL") == "03-612-3456 ext. 12"
    assert display("201") == "201"
    assert display("<script>") == "<script>"


def test_a_number_in_the_digits_of_a_country() -> None:
    assert as_dialled("+972502345678", "IL") == "0502345678"
    assert as_dialled("+972502345678", "PL") == "00972502345678"
    assert as_dialled("+48601234567", "IL") == "+48601234567"
    assert as_dialled("201", "IL") == "201"


@settings(max_examples=300)
@given(st.text(alphabet="0123456789 ()-+", max_size=20), st.sampled_from([IL, US, PL, PhoneContext(), PhoneContext("IL", ("9",), (7,))]))  # fmt: skip
def test_plain_digits_are_read_as_step_by_step(raw: str, context: PhoneContext) -> None:
    """The short way of numbers without words and marks leads where the long one does."""
    short = phones._read.__wrapped__(raw, context)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(phones, "_PLAIN", re.compile(r"(?!)"))  # which nothing matches
        assert short == phones._read.__wrapped__(raw, context)
