"""What is sent lands in its thread, reads the same everywhere, and says nothing its writer did not mean."""

import email
import email.policy
import re
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hub.connector.mail import headers_only, part_content, read_mime, same_mail_key
from hub.errors import UserError
from hub.mail.compose import (
    LARGEST,
    Composed,
    File,
    Letter,
    Signature,
    answer_subject,
    answer_to,
    compose,
    own_id,
    references_of,
)
from hub.mail.threads import keys_of
from hub.records.mail import MARKER_HEADER, Address, Mail

AT = datetime(2025, 3, 3, 10, 0, tzinfo=UTC)
LETTER = Letter(
    Address("Jan Kowalski", "jan@us.example"), (Address("Dana", "dana@levi.example"),), "Offer", "Hello\nDana"
)
DANA, ANNA, ME = Address("Dana", "dana@levi.example"), Address("", "anna@levi.example"), Address("", "jan@us.example")


def send(letter: Letter = LETTER, key: str = "delivery-1", domain: str = "us.example") -> Composed:
    return compose(letter, key=key, domain=domain, at=AT)


def parsed(composed: Composed) -> EmailMessage:
    message = email.message_from_bytes(composed.raw, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def asked(name: str = "one", **header: str) -> Mail:
    base = {
        "From": "Dana <dana@levi.example>",
        "To": "jan@us.example",
        "Subject": "Offer",
        "Message-ID": f"<{name}@Levi.example>",
    }
    return headers_only({**base, **{k.replace("_", "-"): v for k, v in header.items()}})


def test_a_new_mail_says_what_was_meant() -> None:
    composed = send(replace(LETTER, signature=Signature("Jan\nUs Ltd"), bcc=(ANNA,)))
    message = parsed(composed)
    assert message["From"] == "Jan Kowalski <jan@us.example>"
    assert message["To"] == "Dana <dana@levi.example>"
    assert message["Bcc"] == "anna@levi.example"
    assert message["Message-ID"] == f"<{composed.message_id}>"
    assert message[MARKER_HEADER] == "delivery-1"
    assert message["Date"].datetime == AT
    assert "In-Reply-To" not in message
    text, page = message.get_body(("plain",)), message.get_body(("html",))
    assert text is not None
    assert page is not None
    assert text.get_content().replace("\r\n", "\n") == "Hello\nDana\n\n-- \nJan\nUs Ltd\n"
    assert '<div dir="auto">Hello<br>Dana</div>' in page.get_content()
    assert "Us Ltd" in page.get_content()


def test_a_second_try_has_the_same_id_and_is_the_same_mail() -> None:
    first, second = send(), send()
    assert first.message_id == second.message_id == read_mime(first.raw).message_id
    assert same_mail_key(read_mime(first.raw)) == same_mail_key(read_mime(second.raw))
    assert send(key="delivery-2").message_id != first.message_id
    assert read_mime(first.raw).marker == "delivery-1"


def test_an_answer_names_its_thread_with_the_letters_of_the_other_side() -> None:
    parent = asked("B", References="<a@x.example>")
    message = parsed(send(replace(LETTER, answers=parent)))
    assert message["In-Reply-To"] == "<B@Levi.example>"
    assert message["References"].split() == ["<a@x.example>", "<B@Levi.example>"]
    assert keys_of(read_mime(send(replace(LETTER, answers=parent)).raw), "1") & keys_of(parent, "2")


def test_long_ids_are_not_encoded_and_no_line_is_too_long() -> None:
    long = asked("x" * 200, References=" ".join(f"<{'y' * 150}{n}@x.example>" for n in range(80)))
    raw = send(replace(LETTER, answers=long, subject="שלום " * 80)).raw
    head = raw.partition(b"\r\n\r\n")[0]
    assert f"<{'x' * 200}@Levi.example>".encode() in head
    assert all(len(line) <= 998 for line in raw.split(b"\r\n"))
    assert read_mime(raw).subject == ("שלום " * 80).strip()
    assert len(read_mime(raw).references) == 20


def test_references_follow_the_rule_and_are_capped() -> None:
    assert references_of(asked("b", In_Reply_To="<a@x>")) == ("a@x", "b@Levi.example")
    assert references_of(asked("b", In_Reply_To="<a@x> <c@x>")) == ("b@Levi.example",)
    many = references_of(asked("b", References=" ".join(f"<r{n}@x>" for n in range(50))))
    assert (len(many), many[0], many[-2], many[-1]) == (20, "r0@x", "r49@x", "b@Levi.example")


def test_an_id_that_nobody_else_knows_is_not_named() -> None:
    made_up = headers_only({"From": "dana@levi.example"})
    shortened = asked("z" * 900)
    for parent in (made_up, shortened):
        message = parsed(send(replace(LETTER, answers=parent)))
        assert "In-Reply-To" not in message
        assert "References" not in message


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("Offer", "Re: Offer"),
        ("Re: Offer", "Re: Offer"),
        ("RE: AW: Odp: Offer", "Re: Offer"),
        ("Re[2]: Offer", "Re: Offer"),
        ("השב: הצעה", "Re: הצעה"),
        ("הצעה", "Re: הצעה"),
        ("Fwd: Offer", "Re: Fwd: Offer"),
        ("Reply", "Re: Reply"),
        ("Res judicata", "Re: Res judicata"),
        ("", "Re:"),
        ("Re: ", "Re:"),
        ("x" * 900, "Re: " + "x" * 496),
    ],
)
def test_an_answer_says_re_once(subject: str, answer: str) -> None:
    assert answer_subject(subject) == answer
    assert answer_subject(answer) == answer


def test_an_answer_goes_to_whom_it_should() -> None:
    own = frozenset({"jan@us.example"})
    mail = asked(To="jan@us.example, Anna <anna@levi.example>", Cc="dana@levi.example, eva@levi.example")
    assert answer_to(mail, own=own, everyone=False) == ((DANA,), ())
    to, cc = answer_to(mail, own=own, everyone=True)
    assert to == (DANA,)
    assert [a.address for a in cc] == ["anna@levi.example", "eva@levi.example"]
    elsewhere = asked(Reply_To="sales@levi.example")
    assert [a.address for a in answer_to(elsewhere, own=own, everyone=False)[0]] == ["sales@levi.example"]
    ours = asked(From="jan@us.example", To="dana@levi.example", Cc="anna@levi.example")
    assert [[a.address for a in part] for part in answer_to(ours, own=own, everyone=True)] == [
        ["dana@levi.example"],
        ["anna@levi.example"],
    ]
    to_myself = asked(From="jan@us.example", To="jan@us.example")
    assert [a.address for a in answer_to(to_myself, own=own, everyone=False)[0]] == ["jan@us.example"]


def test_names_of_every_alphabet_and_shape_arrive() -> None:
    for name in ("דנה לוי", 'Kowalski, "Jan" (Boss)', "Ł", "a" * 200, "<x@y.example>", "=?utf-8?q?x?=", "Иван " * 30):
        letter = replace(LETTER, sender=Address(name, "jan@us.example"), subject="הצעה \U0001f600")
        read = read_mime(send(letter).raw)
        assert read.from_[0].address == "jan@us.example"
        if not name.startswith("=?"):
            assert read.from_[0].name == name.strip()
        assert read.subject == "הצעה \U0001f600"


@pytest.mark.parametrize("break_", ["\r\n", "\n", "\r", "\x00", "\u2028", "\x85", "\x0b"])
def test_no_header_is_smuggled_in(break_: str) -> None:
    smuggled = f"x{break_}Bcc: all@evil.example"
    letters = [
        ("subject", replace(LETTER, subject=smuggled)),
        ("from", replace(LETTER, sender=Address(smuggled, "jan@us.example"))),
        ("from", replace(LETTER, sender=Address("", f"jan@us.example{break_}"))),
        ("to", replace(LETTER, to=(Address(smuggled, "dana@levi.example"),))),
        ("cc", replace(LETTER, cc=(Address("", smuggled),))),
        ("bcc", replace(LETTER, bcc=(Address(smuggled, "dana@levi.example"),))),
        ("files", replace(LETTER, files=(File(smuggled, "text/plain", b""),))),
        ("files", replace(LETTER, files=(File("x", "image/png", b"", content_id=smuggled),))),
    ]
    for field, letter in letters:
        with pytest.raises(UserError) as refused:
            send(letter)
        assert refused.value.field == field
    with pytest.raises(UserError):
        send(key=smuggled)
    with pytest.raises(UserError):
        send(domain=smuggled)
    raw = send(replace(LETTER, files=(File("x", f"text/plain{break_}Bcc: a@b.example", b""),))).raw
    assert b"Bcc" not in raw


@pytest.mark.parametrize(
    "address", ["", "dana", "dana@localhost", "a@b.example, c@d.example", "דנה@levi.example", "a b@c.example"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(UserError) as refused:
        send(replace(LETTER, cc=(Address("", address),)))
    assert (refused.value.field, refused.value.error_id) == ("cc", "bad_address")


def test_a_mail_to_nobody_or_to_everybody_is_refused() -> None:
    with pytest.raises(UserError) as nobody:
        send(replace(LETTER, to=()))
    assert nobody.value.error_id == "no_recipient"
    with pytest.raises(UserError):
        send(replace(LETTER, to=tuple(Address("", f"p{n}@levi.example") for n in range(501))))


def test_a_domain_of_another_alphabet_is_sent_in_ascii() -> None:
    read = read_mime(send(replace(LETTER, to=(Address("", "dana@דוגמה.example"),)), domain="דוגמה.example").raw)
    assert read.to[0].address == "dana@xn--6dbbec0c.example"
    assert read.message_id.endswith("@xn--6dbbec0c.example")


def test_files_and_pictures_arrive_whole() -> None:
    every = bytes(range(256)) * 50
    files = (
        File("הצעה.pdf", "application/pdf", every),
        File("logo.png", "image/png", b"\x89PNG", content_id="logo1"),
        File("old.eml", "message/rfc822", b"Subject: x\r\n\r\ny"),
        File("list.csv", "text/csv", "ż;1\n".encode()),
    )
    letter = replace(LETTER, text="", html='<p>Hi <img src="cid:logo1"></p>', files=files)
    raw = send(letter).raw
    read = read_mime(raw)
    assert read.text == "Hi\n"
    assert "cid:logo1" in read.html
    assert {(a.name, a.size, a.inline) for a in read.attachments} == {
        ("הצעה.pdf", len(every), False),
        ("logo.png", 4, True),
        ("old.eml", 15, False),
        ("list.csv", 5, False),
    }
    numbers = {a.name: a.number for a in read.attachments}
    assert part_content(raw, numbers["הצעה.pdf"]) == every
    assert part_content(raw, numbers["old.eml"]) == b"Subject: x\r\n\r\ny"


def test_what_was_pasted_is_cleaned_and_what_was_typed_is_not_read_as_a_page() -> None:
    raw = send(
        replace(
            LETTER,
            html="<p onclick=x>Hi<script>alert(1)</script></p>",
            signature=Signature(html="<b>Jan</b><script>x</script>"),
        )
    ).raw
    assert "<script" not in read_mime(raw).html
    assert "<b>Jan</b>" in read_mime(raw).html
    typed = read_mime(send(replace(LETTER, text="1 < 2 <script>")).raw)
    assert "1 &lt; 2 &lt;script&gt;" in typed.html
    assert typed.text == "1 < 2 <script>\n"


def test_a_mail_that_is_too_big_is_refused_before_it_is_built() -> None:
    with pytest.raises(UserError) as refused:
        send(replace(LETTER, files=(File("x.bin", "application/octet-stream", b"\x00" * (LARGEST * 3 // 4 + 10)),)))
    assert (refused.value.field, refused.value.error_id) == ("files", "too_big")


def test_what_the_id_is_made_of_cannot_be_read_from_it() -> None:
    assert re.fullmatch(r"[0-9a-f]{40}@us\.example", own_id("outbox:1", "US.example"))


LINES = st.text(st.characters(exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=60)


@settings(max_examples=150, deadline=None)
@given(LINES, LINES, st.text(max_size=200))
def test_whatever_is_written_arrives_and_adds_no_header(subject: str, name: str, text: str) -> None:
    letter = replace(LETTER, subject=subject, to=(Address(name, "dana@levi.example"),), text=text)
    composed = send(letter)
    names = {
        line.partition(b":")[0]
        for line in composed.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")
        if line[:1] not in b" \t"
    }
    assert names == {
        b"Message-ID",
        MARKER_HEADER.encode(),
        b"From",
        b"To",
        b"Subject",
        b"Date",
        b"MIME-Version",
        b"Content-Type",
    }
    read = read_mime(composed.raw)
    assert [a.address for a in read.to] == ["dana@levi.example"]
    assert composed.raw.isascii()
