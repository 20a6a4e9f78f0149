"""Whatever a stranger sends becomes a mail, with what was wrong in it said."""

import base64
import email.policy
import tracemalloc
from datetime import UTC, datetime
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from hub.connector.mail import Part, from_parts, headers_only, part_content, read_mime
from hub.errors import ShapeError
from hub.records.mail import Address, Defect, Envelope, Mail, Place

HEAD = (
    b"From: Dana Levi <dana@levi.example>\r\n"
    b"To: jan@firma.example\r\n"
    b"Subject: Offer\r\n"
    b"Date: Mon, 3 Mar 2025 10:00:00 +0200\r\n"
    b"Message-ID: <one@levi.example>\r\n"
)


def mail(body: bytes = b"Hello\r\n", extra: bytes = b"", told: Envelope | None = None) -> Mail:
    return read_mime(HEAD + extra + b"\r\n" + body, told)


def multipart(kind: str, *parts: bytes, boundary: str = "b1") -> bytes:
    head = f'Content-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    inner = b"".join(b"--" + boundary.encode() + b"\r\n" + part + b"\r\n" for part in parts)
    return head + inner + b"--" + boundary.encode() + b"--\r\n"


def part(media_type: str, content: bytes = b"x", extra: str = "") -> bytes:
    return f"Content-Type: {media_type}\r\n{extra}\r\n".encode() + content


def test_a_plain_mail_is_read() -> None:
    told = Envelope("r1", "t1", datetime(2025, 3, 3, 8, 0, 5, tzinfo=UTC), ("Work",), frozenset({Place.INBOX}), 900)
    read = mail(told=told)
    assert read.message_id == "one@levi.example"
    assert read.from_ == (Address("Dana Levi", "dana@levi.example"),)
    assert read.to == (Address("", "jan@firma.example"),)
    assert (read.subject, read.text, read.snippet) == ("Offer", "Hello\n", "Hello")
    assert read.sent_at == datetime(2025, 3, 3, 8, tzinfo=UTC)
    assert read.at == told.received_at
    assert (read.thread_id, read.labels, read.places, read.size) == ("t1", ("Work",), told.places, 900)
    assert not read.defects


def test_an_empty_message_is_refused() -> None:
    for nothing in (b"", b"\r\n \r\n"):
        with pytest.raises(ShapeError):
            read_mime(nothing)
    with pytest.raises(ShapeError):
        headers_only([])


def test_text_page_pictures_and_files_are_told_apart() -> None:
    raw = HEAD + multipart(
        "mixed",
        multipart(
            "related",
            multipart(
                "alternative", part("text/plain", b"Hi"), part("text/html", b'<img src="cid:logo@x">'), boundary="b3"
            ),
            part("image/png", b"AAAA", 'Content-ID: <logo@x>\r\nContent-Disposition: inline; filename="logo.png"\r\n'),
            boundary="b2",
        ),
        part(
            "application/pdf",
            b"JVBERi0=",
            'Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment; filename="offer.pdf"\r\n',
        ),
        part("text/plain", b"notes", "Content-Disposition: attachment; filename=notes.txt\r\n"),
    )
    read = read_mime(raw)
    assert (read.text, read.html) == ("Hi", '<img src="cid:logo@x">')
    assert [(a.number, a.name, a.media_type, a.size, a.inline) for a in read.attachments] == [
        ("1.2", "logo.png", "image/png", 4, True),
        ("2", "offer.pdf", "application/pdf", 5, False),
        ("3", "notes.txt", "text/plain", 5, False),
    ]
    assert part_content(raw, "2") == b"%PDF-"
    assert part_content(raw, "9") is None


def test_text_around_a_page_is_not_lost() -> None:
    read = read_mime(HEAD + multipart("mixed", part("text/plain", b"Before <b>"), part("text/html", b"<p>After</p>")))
    assert "Before &lt;b&gt;" in read.html
    assert "After" in read.html
    assert read.text == ""  # the page says everything


def test_a_message_within_a_message_is_a_file_named_after_its_subject() -> None:
    inner = b"From: x@y.example\r\nSubject: Old/offer: 7\r\n\r\nInside"
    read = read_mime(HEAD + multipart("mixed", part("text/plain", b"See"), part("message/rfc822", inner)))
    assert read.text == "See"
    assert [(a.name, a.media_type) for a in read.attachments] == [("Old offer 7.eml", "message/rfc822")]


@pytest.mark.parametrize(
    ("declared", "octets", "text", "lie"),
    [
        ("utf-8", "שלום".encode(), "שלום", False),
        ("iso-8859-8-i", "שלום".encode("iso8859-8"), "שלום", False),
        ("windows-1255", "שלום".encode("cp1255"), "שלום", False),
        ("koi8-r", "Привет".encode("koi8-r"), "Привет", False),
        ("gb2312", "镕".encode("gb18030"), "镕", False),
        ("iso-8859-1", "“price €5”".encode("cp1252"), "“price €5”", False),
        ("us-ascii", "zażółć".encode(), "zażółć", False),  # read right all the same
        ("iso-8859-1", "zażółć".encode(), "zażółć", False),  # really UTF-8
        ("", "שלום".encode(), "שלום", True),
        ("x-unknown", b"caf\xe9", "café", True),
        ("utf-8", b"caf\xe9", "caf\ufffd", True),
        ("rot13", b"abc", "abc", False),
        ("unicode_escape", b"\\u0041\xe9", "\\u0041é", True),
        ("a" * 5000, b"abc", "abc", False),
    ],
)
def test_a_charset_is_read_and_a_lie_is_found(declared: str, octets: bytes, text: str, lie: bool) -> None:
    read = mail(octets, f"Content-Type: text/plain; charset={declared}\r\n".encode())
    assert read.text == text
    assert (Defect.WRONG_CHARSET in read.defects) is lie


@pytest.mark.parametrize(
    ("written", "subject"),
    [
        (b"=?utf-8?B?16nXnNeV150=?=", "שלום"),
        (b"=?utf-8?Q?=D7=A9=D7?=\r\n =?utf-8?Q?=9C=D7=95=D7=9D?=", "שלום"),  # cut within a letter
        (b"=?UTF-8?B?16nXnNeV150?=", "שלום"),  # padding left out
        (b"Re: =?koi8-r?B?8NLJ18XU?= !", "Re: Привет !"),
        (b"=?utf-8?B?%%%?= x", "x"),
        (b"=?broken", "=?broken"),
        (b"=?nonsense?Q?caf=E9?=", "café"),
        ("שלום".encode(), "שלום"),
        (b"caf\xe9", "café"),
        (b"a\x00b\x07c", "abc"),
        ("invoice \u202efdp.exe".encode(), "invoice fdp.exe"),
        (b"  many \t blanks ", "many blanks"),
    ],
)
def test_a_subject_is_read_as(written: bytes, subject: str) -> None:
    read = read_mime(b"From: a@b.example\r\nSubject: " + written + b"\r\n\r\nx")
    assert read.subject == subject


@pytest.mark.parametrize(
    ("written", "people"),
    [
        (
            '"Kowalski, Jan" <jan@firma.example>, team@firma.example',
            [("Kowalski, Jan", "jan@firma.example"), ("", "team@firma.example")],
        ),
        ('"The \\"Boss\\"" <b@firma.example>', [('The "Boss"', "b@firma.example")]),
        ("dana@levi.example (Dana Levi)", [("Dana Levi", "dana@levi.example")]),
        ("Team: a@b.example, c@d.example;", [("", "a@b.example"), ("", "c@d.example")]),
        ("undisclosed-recipients:;", []),
        ("=?utf-8?B?15PXoNeU?= <DANA@דוגמה.example>", [("דנה", "dana@xn--6dbbec0c.example")]),
        ("Dana <dana@localhost>", [("Dana", "")]),
        ("nonsense", [("nonsense", "")]),
        ("a@b.example; c@d.example", [("", "a@b.example"), ("", "c@d.example")]),
        ("<a@b.example", [("", "a@b.example")]),
        (",,,", []),
        ("x\u202ey <a@b.example>", [("xy", "a@b.example")]),
    ],
)
def test_people_are_read_as(written: str, people: list[tuple[str, str]]) -> None:
    read = headers_only([("From", "me@us.example"), ("To", written)])
    assert [(a.name, a.address) for a in read.to] == people


def test_five_thousand_recipients_are_all_read() -> None:
    to = ",\r\n ".join(f'"Person, {n}" <p{n}@levi.example>' for n in range(5000))
    read = read_mime(f"From: a@b.example\r\nTo: {to}\r\n\r\nx".encode())
    assert len(read.to) == 5000
    assert read.to[4999] == Address("Person, 4999", "p4999@levi.example")


def test_endless_recipients_end() -> None:
    read = headers_only({"From": "a@b.example", "Cc": "p@levi.example," * 20_000})
    assert Defect.RECIPIENTS_CUT in read.defects
    assert len(read.cc) == 10_000


@pytest.mark.parametrize(
    ("written", "at", "defect"),
    [
        ("Mon, 3 Mar 2025 10:00:00 +0200", datetime(2025, 3, 3, 8, tzinfo=UTC), None),
        ("3 Mar 2025 10:00:00 -0000", datetime(2025, 3, 3, 10, tzinfo=UTC), None),
        ("Mon, 3 Mar 2025 10:00:00 EST (winter)", datetime(2025, 3, 3, 15, tzinfo=UTC), None),
        ("", None, Defect.NO_DATE),
        ("yesterday", None, Defect.ABSURD_DATE),
        ("Mon, 3 Mar 1970 10:00:00 +0000", None, Defect.ABSURD_DATE),
        ("Mon, 3 Mar 9999 23:00:00 -2300", None, Defect.ABSURD_DATE),
        ("Mon, 3 Mar 2025 10:00:00 +9999", None, Defect.ABSURD_DATE),
        ("Mon, 99 Foo 2025 99:99:99 +0000", None, Defect.ABSURD_DATE),
    ],
)
def test_a_date_is_read_as(written: str, at: datetime | None, defect: Defect | None) -> None:
    read = headers_only([("From", "a@b.example"), ("Message-ID", "<a@b>"), ("Date", written)])
    assert read.sent_at == at
    assert read.defects == (frozenset({defect}) if defect else frozenset())


def test_a_doubled_header_is_said_and_the_first_counts() -> None:
    read = read_mime(HEAD + b"Subject: Second\r\nDate: Tue, 4 Mar 2025 10:00:00 +0000\r\n\r\nx")
    assert read.subject == "Offer"
    assert read.sent_at == datetime(2025, 3, 3, 8, tzinfo=UTC)
    assert Defect.DOUBLED_HEADER in read.defects


def test_ids_are_read_in_every_spelling() -> None:
    read = headers_only(
        [
            ("Message-ID", " <A.b\r\n c@Levi.Example> "),
            ("In-Reply-To", "Your mail of Monday <p@x.example>"),
            ("References", "<o@x.example>\t<p@x.example> junk <o@x.example>"),
        ]
    )
    assert read.message_id == "A.bc@Levi.Example"  # its letters are not touched: an answer must name it exactly
    assert read.in_reply_to == ("p@x.example",)
    assert read.references == ("o@x.example", "p@x.example")


def test_endless_references_keep_the_first_and_the_last() -> None:
    read = headers_only({"From": "a@b.example", "References": " ".join(f"<r{n}@x>" for n in range(5000))})
    assert len(read.references) == 60
    assert (read.references[0], read.references[-1]) == ("r0@x", "r4999@x")


def test_an_endless_id_stays_the_same_and_short() -> None:
    written = "<" + "x" * 1000 + "@y.example>"
    read = headers_only({"Message-ID": written, "References": written})
    assert len(read.message_id) < 250
    assert read.references == (read.message_id,)


@pytest.mark.parametrize(
    ("header", "bulk"),
    [
        ({"List-Id": "News <news.shop.example>"}, {"list-id"}),
        ({"List-Unsubscribe": "<mailto:u@shop.example>"}, {"list-unsubscribe"}),
        ({"Precedence": "Bulk"}, {"precedence"}),
        ({"Precedence": "first-class"}, set()),
        ({"Auto-Submitted": "auto-replied (vacation)"}, {"auto-submitted"}),
        ({"Auto-Submitted": "no"}, set()),
    ],
)
def test_marks_of_bulk_are_found(header: dict[str, str], bulk: set[str]) -> None:
    assert headers_only({"From": "a@b.example", **header}).bulk == bulk


def test_the_author_behind_a_group_is_found() -> None:
    read = headers_only(
        {
            "From": "Dana via Info <info@us.example>",
            "X-Original-From": "Dana <dana@levi.example>",
            "List-ID": "<info.us.example>",
        }
    )
    assert read.from_ == (Address("Dana", "dana@levi.example"),)
    assert read.list_id == "info.us.example"


def test_winmail_is_a_file_and_is_said() -> None:
    tnef = part("application/ms-tnef; name=winmail.dat", b"eJ8+", "Content-Transfer-Encoding: base64\r\n")
    read = read_mime(HEAD + multipart("mixed", part("text/plain", b""), tnef))
    assert [a.name for a in read.attachments] == ["winmail.dat"]
    assert Defect.WINMAIL in read.defects


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\temp\\offer.pdf", "offer.pdf"),
        ("offer\u202efdp.exe", "offerfdp.exe"),
        (".htaccess", "htaccess"),
        ("x" * 500 + ".pdf", "x" * 188 + "….pdf"),
        ("a\x00b.pdf", "ab.pdf"),
    ],
)
def test_a_file_name_is_safe(name: str, shown: str) -> None:
    read = read_mime(
        HEAD
        + multipart(
            "mixed",
            part("application/pdf", b"x", f'Content-Disposition: attachment; filename="{name}"\r\n').replace(
                b"\\", b"\\\\"
            ),
        )
    )
    assert [a.name for a in read.attachments] == [shown]


def test_file_names_of_other_alphabets_are_read() -> None:
    for extra in (
        "Content-Disposition: attachment; filename*=utf-8''%D7%94%D7%A6%D7%A2%D7%94.pdf\r\n",
        'Content-Disposition: attachment; filename="=?utf-8?B?15TXptei15QucGRm?="\r\n',
        "Content-Disposition: attachment; filename*0*=utf-8''%D7%94%D7%A6; filename*1*=%D7%A2%D7%94.pdf\r\n",
    ):
        read = read_mime(HEAD + multipart("mixed", part("application/pdf", b"x", extra)))
        assert [a.name for a in read.attachments] == ["הצעה.pdf"]


INVITE = (
    "BEGIN:VCALENDAR\r\nMETHOD:REQUEST\r\nBEGIN:VEVENT\r\nSUMMARY:Review\r\n"
    "DESCRIPTION:Please bring the plan of the third\r\n  floor.\\nDana\r\nLOCATION:Haifa\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n"
)


@pytest.mark.parametrize(
    ("text", "extra", "notice"),
    [
        ("", b"", True),
        ("Please bring the plan of the third floor.\r\nDana", b"", True),
        (
            "Please bring the plan of the third floor.\r\nDana\r\nAnd please call me before, the price changed",
            b"",
            False,
        ),
        (
            "Dana Levi accepted this invitation.",
            b"Sender: Google Calendar <calendar-notification@google.com>\r\n",
            True,
        ),
        ("Dana", b"In-Reply-To: <x@y>\r\n", False),
    ],
)
def test_a_notice_of_a_calendar_is_told_from_what_a_person_wrote(text: str, extra: bytes, notice: bool) -> None:
    calendar = part("text/calendar; method=REQUEST; charset=utf-8", INVITE.encode())
    read = read_mime(HEAD + extra + multipart("alternative", part("text/plain", text.encode()), calendar))
    assert read.calendar_method == "REQUEST"
    assert read.is_calendar_notice is notice


def test_a_calendar_file_is_no_notice() -> None:
    calendar = part(
        "text/calendar",
        INVITE.replace("METHOD:REQUEST\r\n", "").encode(),
        "Content-Disposition: attachment; filename=x.ics\r\n",
    )
    read = read_mime(HEAD + multipart("mixed", part("text/plain", b"See the dates"), calendar))
    assert (read.calendar_method, read.is_calendar_notice) == ("", False)
    assert [a.name for a in read.attachments] == ["x.ics"]


def test_broken_lines_of_flowed_text_are_joined() -> None:
    flowed = b"A long \r\nline\r\n> quoted \r\n> too\r\n -- stuffed\r\n-- \r\nDana\r\n"
    read = mail(flowed, b"Content-Type: text/plain; format=flowed\r\n")
    assert read.text == "A long line\n> quoted too\n-- stuffed\n-- \nDana\n"
    glued = mail("על \r\nלא\r\n".encode(), b"Content-Type: text/plain; format=flowed; delsp=yes; charset=utf-8\r\n")
    assert glued.text == "עללא\n"


@pytest.mark.parametrize(
    ("raw", "text", "defects"),
    [
        (
            b"Hello there\nno header at all\n",
            "Hello there\nno header at all\n",
            {Defect.NO_DATE, Defect.NO_MESSAGE_ID, Defect.NO_SENDER},
        ),
        (HEAD + b"Hello without a blank line\r\nmore", "Hello without a blank line\nmore", set()),
        (HEAD.replace(b"Subject", b"garbage line\r\nSubject") + b"\r\nHi", "Hi", {Defect.BROKEN_HEADER}),
        (HEAD.replace(b"\r\n", b"\r") + b"\rHi\rthere", "Hi\nthere", set()),
        (HEAD.replace(b"\r\n", b"\r\r\n") + b"\r\r\nHi", "Hi", set()),
        (b"From dana@levi.example Mon Mar 3\n" + HEAD + b"\r\nHi", "Hi", set()),
        (HEAD + b"Content-Type: multipart/mixed; boundary=never\r\n\r\nHi", "Hi", {Defect.BROKEN_PARTS}),
        (HEAD + b"Content-Type: multipart/mixed\r\n\r\nHi", "Hi", {Defect.BROKEN_PARTS}),
        (HEAD + b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nHi", "Hi", {Defect.BROKEN_PARTS}),
        (HEAD + b"Content-Type: nonsense\r\n\r\nHi", "", set()),
        (HEAD + b"Content-Transfer-Encoding: base64\r\n\r\nSGk=!!", "Hi", set()),
        (HEAD + b"Content-Transfer-Encoding: base64\r\n\r\nSGkhA", "Hi!", set()),
        (HEAD + b"Content-Transfer-Encoding: quoted-printable\r\n\r\nH=69 =ZZ=\r\n!", "Hi =ZZ!", set()),
        (HEAD + b"Content-Transfer-Encoding: nonsense\r\n\r\nHi", "Hi", set()),
        (HEAD + b"\r\nH\x00i\x08", "Hi", set()),
    ],
)
def test_a_malformed_message_is_read_as_far_as_it_goes(raw: bytes, text: str, defects: set[Defect]) -> None:
    read = read_mime(raw)
    assert read.text == text
    assert read.defects == defects


def test_parts_nested_without_end_are_left_closed() -> None:
    raw = part("text/plain", b"bottom")
    for depth in range(500):
        raw = multipart("mixed", raw, boundary=f"b{depth}x")
    read = read_mime(HEAD + raw)
    assert Defect.TOO_DEEP in read.defects
    assert len(read.attachments) == 1


def test_parts_without_number_end() -> None:
    read = read_mime(HEAD + multipart("mixed", *[part("application/pdf")] * 5000))
    assert Defect.TOO_MANY_PARTS in read.defects
    assert len(read.attachments) == 1000


def test_a_mail_of_thirty_megabytes_costs_little_more_than_itself() -> None:
    content = base64.encodebytes(b"\x01" * 22_000_000)
    raw = HEAD + multipart(
        "mixed",
        part("text/plain", b"Hi"),
        part("video/mp4; name=v.mp4", content, "Content-Transfer-Encoding: base64\r\n"),
    )
    tracemalloc.start()
    try:
        read = read_mime(raw)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < len(raw) / 10
    assert [a.size for a in read.attachments] == [22_000_000]
    assert (read.text, read.size) == ("Hi", len(raw))


def test_a_text_of_thirty_megabytes_is_cut() -> None:
    read = mail(b"word " * 6_000_000)
    assert len(read.text) == 1_000_000
    assert Defect.TEXT_CUT in read.defects


def test_a_mail_without_an_id_gets_one_that_stays() -> None:
    head = [
        ("From", "scan@levi.example"),
        ("To", "a@us.example"),
        ("Date", "Mon, 3 Mar 2025 10:00:00 +0200"),
        ("Subject", "Scan"),
    ]
    one = headers_only(head, Envelope(remote_id="1"))
    other = headers_only(head, Envelope(remote_id="2", received_at=datetime(2025, 3, 3, tzinfo=UTC)))
    assert Defect.NO_MESSAGE_ID in one.defects
    assert one.message_id == other.message_id
    # Without a date two mails cannot be told from two copies: then every copy is a mail.
    undated = [pair for pair in head if pair[0] != "Date"]
    ids = {headers_only(undated, Envelope(remote_id=r)).message_id for r in ("1", "2", "1")}
    assert len(ids) == 2


def test_an_api_that_hands_out_parts_gives_the_same_mail() -> None:
    head = [tuple(line.split(": ", 1)) for line in HEAD.decode().split("\r\n") if line]
    parts = [
        Part("0", "text/plain", "שלום".encode(), 8, charset="utf-8", alternative=True),
        Part("1", "text/html", b"<p>x</p>", 8, alternative=True),
        Part("att-7", "application/pdf", None, 500, name="offer.pdf", disposition="attachment"),
    ]
    read = from_parts([(name, value) for name, value in head], parts)
    assert (read.message_id, read.text, read.html) == ("one@levi.example", "שלום", "<p>x</p>")
    assert [(a.number, a.size) for a in read.attachments] == [("att-7", 500)]


def test_what_the_standard_library_writes_is_read() -> None:
    message = EmailMessage(email.policy.SMTP)
    message["From"] = "Dana <dana@levi.example>"
    message["To"] = "jan@firma.example"
    message["Subject"] = "שלום " * 40
    message["Message-ID"] = "<m@levi.example>"
    message["Date"] = "Mon, 3 Mar 2025 10:00:00 +0200"
    message.set_content("שלום\n")
    message.add_alternative("<p>שלום</p>\n", subtype="html")
    message.add_attachment(b"\xff" * 1000, "application", "pdf", filename="הצעה.pdf")
    read = read_mime(message.as_bytes())
    assert (read.subject, read.text, read.html) == (("שלום " * 40).strip(), "שלום\n", "<p>שלום</p>\n")
    assert [(a.name, a.size) for a in read.attachments] == [("הצעה.pdf", 1000)]
    assert not read.defects


FRAGMENTS = st.sampled_from(
    [
        b"From: ", b"To: a@b.example", b"Subject: =?utf-8?B?", b"Date: ", b"Message-ID: <", b"\r\n", b"\n", b"\r", b"\r\n\r\n", b" ",
        b"Content-Type: multipart/mixed; boundary=b", b"Content-Type: text/html; charset=", b"; charset*0*=x''%", b"--b", b"--",
        b"Content-Transfer-Encoding: base64", b"Content-Disposition: attachment; filename*0=", b'"', b"(", b"<", b">", b":", b";", b"?=",
        b"\x00", b"\xff\xfe", b"text/calendar; method=REPLY", b"References: ", b"utf-16", b"utf-7", b"idna", b"message/rfc822",
    ]
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(FRAGMENTS | st.binary(max_size=12), min_size=1, max_size=60))
def test_any_bytes_become_a_mail_that_a_database_can_hold(pieces: list[bytes]) -> None:
    raw = b"".join(pieces)
    if not raw.strip():
        return
    read = read_mime(raw)
    people = (f"{a.name}{a.address}" for a in (*read.people, *read.sender))
    files = (f"{a.name}{a.media_type}{a.content_id}" for a in read.attachments)
    for text in (
        read.text,
        read.html,
        read.subject,
        read.message_id,
        read.marker,
        read.list_id,
        *read.references,
        *people,
        *files,
    ):
        assert "\x00" not in text
        text.encode("utf-8")
    for line in (read.subject, read.message_id, *people, *files):
        assert "\n" not in line
    assert read.message_id


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=200), st.text(max_size=200))
def test_any_header_becomes_a_mail(name: str, value: str) -> None:
    read = headers_only([("From", value), ("To", value), ("Date", value), ("Subject", value), (name, value)])
    assert read.message_id
    assert all("\n" not in a.name for a in read.people)
