# ruff: noqa: RUF001 - look-alike letters are the subject
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.identity.email import email_line, is_role, read_email, registrable


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("Dana@Levi.Example", "dana@levi.example"),
        ("  Dana Levi <DANA@levi.example> ", "dana@levi.example"),
        ("'dana@levi.example'", "dana@levi.example"),
        ("mailto:dana@levi.example?subject=Hi", "dana@levi.example"),
        ("\u202adana@levi.example\u202c", "dana@levi.example"),
        ("dana@levi.example.", "dana@levi.example"),
        ("ｄａｎａ@levi.example", "dana@levi.example"),
        ("dana@דוגמה.example", "dana@xn--6dbbec0c.example"),
        ("dana@STRASSE.example", "dana@strasse.example"),
        ("dana@straße.example", "dana@xn--strae-oqa.example"),
        ("דנה@levi.example", "דנה@levi.example"),
        ("o'brien+crm@levi.example", "o'brien+crm@levi.example"),
        # none
        ("", ""),
        ("dana", ""),
        ("dana@", ""),
        ("@levi.example", ""),
        ("dana@localhost", ""),
        ("dana@levi", ""),
        ("dana @levi.example", ""),
        ("a@b.example, c@d.example", ""),
        ("a@b@c.example", ""),
        ("dana..levi@levi.example", ""),
        (".dana@levi.example", ""),
        ("dana@-levi.example", ""),
        ("dana@levi..example", ""),
        ("dana@levi.example\r\nBcc: all@levi.example", ""),
        ("da\x00na@levi.example", ""),
        ("x" * 65 + "@levi.example", ""),
        ("dana@" + "a." * 130 + "example", ""),
        ("x" * 10_000 + "@levi.example", ""),
        ("<" * 500, ""),
    ],
)
def test_an_address_is_read_as(raw: str, expected: str) -> None:
    assert email_line(raw) == expected


@pytest.mark.parametrize(
    "local",
    ["info", "sales", "office", "biuro", "kontakt", "noreply", "no-reply", "billing", "info2", "sales.pl", "info+x"],
)
def test_a_role_is_recognised(local: str) -> None:
    assert is_role(local)


@pytest.mark.parametrize("local", ["dana", "dana.levi", "infodana", "salesman", "d.office", "presss"])
def test_a_person_is_no_role(local: str) -> None:
    assert not is_role(local)


@pytest.mark.parametrize(
    ("raw", "company"),
    [
        ("dana@mail.levi.co.il", "levi.co.il"),
        ("dana@levi.com.pl", "levi.com.pl"),
        ("dana@levi.github.io", "levi.github.io"),
        ("dana@gmail.com", ""),
        ("dana@wp.pl", ""),
        ("dana@walla.co.il", ""),
        ("dana@co.il", ""),
        ("dana@127.0.0.1", ""),
    ],
)
def test_the_company_behind_an_address(raw: str, company: str) -> None:
    email = read_email(raw)
    assert email is not None
    assert email.company_domain == company


def test_the_public_suffixes_come_from_the_package_not_from_the_net() -> None:
    # Sockets are off in this suite: fetching would be an error.
    assert registrable("a.b.levi.co.uk") == "levi.co.uk"


@pytest.mark.parametrize(
    ("raw", "key"),
    [
        ("d.a.n.a+x@googlemail.com", "dana@gmail.com"),
        ("dana.levi+x@levi.example", "dana.levi@levi.example"),
        ("+x@levi.example", "+x@levi.example"),
    ],
)
def test_the_weak_key_leaves_out_what_providers_ignore(raw: str, key: str) -> None:
    email = read_email(raw)
    assert email is not None
    assert email.weak_key == key


@given(st.one_of(st.text(max_size=60), st.emails()))
def test_any_text_is_read_and_an_address_stays_what_it_is(raw: str) -> None:
    address = email_line(raw)
    assert email_line(address) == address
    assert not any(c.isspace() for c in address)
    assert address == "" or address.count("@") == 1
