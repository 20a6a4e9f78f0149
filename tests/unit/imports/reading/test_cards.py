"""Cards of contacts and events of calendars."""

from pathlib import Path
from typing import Any

import pytest

from hub.errors import UserError
from hub.imports.reading import Look, Row, look, open_table


def quoted(text: str) -> str:
    return "".join(f"={byte:02X}" for byte in text.encode())


def read(path: Path, data: bytes) -> tuple[Look, list[Row]]:
    path.write_bytes(data)
    found = look(path)
    with open_table(path, found) as table:
        rows = list(table.rows())
        assert table.total == len(rows)
        assert table.progress() == 1
        assert list(table.rows(after=rows[0].number)) == rows[1:]
        assert all(tuple(row.values) == table.columns for row in rows)
        return found, rows


def said(row: Row) -> dict[str, Any]:
    return {name: value for name, value in row.values.items() if value}


OLD = f"""BEGIN:VCARD
VERSION:2.1
N;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:{quoted("כהן")};{quoted("דנה")};;;
FN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:{quoted("דנה")}=
{quoted(" כהן")}
TEL;CELL;PREF:050-1234567
TEL;WORK;VOICE:04-8123456
ADR;HOME;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:;;{quoted("הרצל 5")};{quoted("חיפה")};;31000;IL
PHOTO;ENCODING=BASE64;JPEG:
 /9j/4AAQSkZJRgABAQ
 AAAAAAAAAA==

NOTE:C:\\new, and fol
 ded \\; here
AGENT:
BEGIN:VCARD
FN:Somebody else
TEL:1
END:VCARD
X-SHOE:43
END:VCARD
"""
CHARSET = (
    b"BEGIN:VCARD\r\nVERSION:2.1\r\nFN;CHARSET=windows-1255:"
    + "רות".encode("cp1255")
    + b"\r\nTEL;CELL:051\r\nEND:VCARD\r\n"
)
NAME = "דנה כהן מחיפה".encode()
# The second line of the name begins in the middle of a character.
NEW = (
    b"BEGIN:VCARD\nVERSION:3.0\nFN:"
    + NAME[:5]
    + b"\n "
    + NAME[5:]
    + b"\nN:Cohen;Dana;Maria,Eva;Dr.;\nORG:Acme\\, Inc;Sales\n"
    b"item1.TEL:+972501111111\nitem1.X-ABLabel:_$!<Mobile>!$_\nTEL;TYPE=WORK,VOICE:04\nBDAY:19800115\nNOTE:a\\nb\\, c\n"
    b"CATEGORIES:A,B\nEMAIL;TYPE=INTERNET:d@x.example\nUID:u1\nURL:https://x.example/?a=b:c\nEND:VCARD\n"
)
NEWEST = (
    b"BEGIN:VCARD\nVERSION:4.0\nFN:Rut\nTEL;VALUE=uri;TYPE=cell:tel:+972-50-222;ext=12\nPHOTO:https://x.example/p.jpg\n"
    b"ROLE:Head\nno line of a card\nEND:VCARD\nBEGIN:VCARD\nFN:Not closed\nBEGIN:VCARD\nVERSION:3.0\nFN:Last\n"
    b"PHOTO;ENCODING=b;TYPE=JPEG:" + b"\n ".join([b"A" * 76] * 140_000) + b"\nTEL:9\nEND:VCARD\n"
)  # fmt: skip


def test_cards_of_all_versions_are_rows_and_a_photo_is_only_noted(tmp_path: Path) -> None:
    found, rows = read(tmp_path / "cards.vcf", OLD.replace("\n", "\r\n").encode() + CHARSET + NEW + NEWEST)
    assert (found.format, found.encoding) == ("vcard", "utf-8")
    assert [(row.number, row.trouble) for row in rows] == [
        (1, ""), (22, ""), (27, ""), (43, "bad_card"), (51, "bad_card"), (53, ""),
    ]  # fmt: skip
    assert said(rows[0]) == {
        "name": "דנה כהן", "given": "דנה", "family": "כהן", "phone_1": "050-1234567", "phone_1_type": "cell",
        "phone_2": "04-8123456", "phone_2_type": "work", "address_1": "הרצל 5, חיפה, 31000, IL", "address_1_type": "home",
        "address_1_street": "הרצל 5", "address_1_city": "חיפה", "address_1_code": "31000", "address_1_country": "IL",
        "notes": "C:\\new, and fol ded ; here", "photo": "Photo jpeg, 30 characters", "other": "AGENT: VCARD\nX-SHOE: 43",
    }  # fmt: skip
    assert said(rows[1]) == {"name": "רות", "phone_1": "051", "phone_1_type": "cell"}
    assert said(rows[2]) == {
        "uid": "u1", "name": "דנה כהן מחיפה", "given": "Dana", "family": "Cohen", "middle": "Maria Eva", "prefix": "Dr.",
        "company": "Acme, Inc", "department": "Sales", "phone_1": "+972501111111", "phone_1_type": "Mobile", "phone_2": "04",
        "phone_2_type": "work", "email_1": "d@x.example", "birthday": "1980-01-15", "groups": "A, B",
        "url": "https://x.example/?a=b:c", "notes": "a\nb, c",
    }  # fmt: skip
    assert said(rows[3]) == {
        "name": "Rut", "job_title": "Head", "phone_1": "+972-50-222 x12", "phone_1_type": "cell",
        "photo": "https://x.example/p.jpg", "other": "no line of a card",
    }  # fmt: skip
    assert said(rows[4]) == {"name": "Not closed"}
    assert said(rows[5]) == {"name": "Last", "phone_1": "9", "photo": "Photo jpeg, 10640000 characters"}


def test_cards_in_utf_16_and_cards_with_more_telephones_than_columns(tmp_path: Path) -> None:
    text = "BEGIN:VCARD\nFN:רות\n" + "".join(f"TEL:{at}\n" for at in range(25)) + "END:VCARD\n"
    found, rows = read(tmp_path / "cards.vcf", text.encode("utf-16"))
    assert found.encoding == "utf-16"
    assert (rows[0].values["name"], rows[0].values["phone_20"]) == ("רות", "19; 20; 21; 22; 23; 24")
    endless = "BEGIN:VCARD\nFN:Rut\n" + "X-MANY:1234567890\n" * 20_000 + "END:VCARD\nBEGIN:VCARD\nFN:Dan\nEND:VCARD\n"
    rows = read(tmp_path / "cards.vcf", endless.encode())[1]
    assert [(row.values["name"], row.trouble) for row in rows] == [("Rut", "bad_card"), ("Dan", "")]
    (tmp_path / "cards.vcf").write_bytes(b"BEGIN:VCARD_S\n")
    with pytest.raises(UserError, match="no card"), open_table(tmp_path / "cards.vcf", Look("vcard", encoding="utf-8")):
        raise AssertionError


EVENTS = b"""BEGIN:VCALENDAR
VERSION:2.0
BEGIN:VTIMEZONE
TZID:Our zone
X-LIC-LOCATION:Asia/Jerusalem
BEGIN:STANDARD
DTSTART:19700101T000000
END:STANDARD
END:VTIMEZONE
BEGIN:VEVENT
UID:1
SUMMARY:Weekly\\, with Dana
DTSTART;TZID=Europe/Berlin:20260105T090000
DURATION:PT1H30M
RRULE:FREQ=WEEKLY;BYDAY=MO
EXDATE;TZID=Europe/Berlin:20260112T090000,20260119T090000
ATTENDEE;CN="Cohen; Dana";PARTSTAT=ACCEPTED:mailto:dana@x.example
ATTENDEE:MAILTO:rut@x.example
BEGIN:VALARM
DESCRIPTION:not this
END:VALARM
LOCATION:Haifa
DESCRIPTION:two
  lines
END:VEVENT
BEGIN:VEVENT
UID:2
DTSTART;VALUE=DATE:20260105
DTEND;VALUE=DATE:20260106
STATUS:CONFIRMED
END:VEVENT
BEGIN:VEVENT
UID:3
DTSTART;TZID=Our zone:20260705T090000
DTEND:20260705T080000Z
ATTACH;ENCODING=BASE64;VALUE=BINARY:%s
END:VEVENT
BEGIN:VEVENT
UID:4
DTSTART;TZID=Nowhere:20260705T090000
DTEND:20269905T080000Z
DURATION:P99999999999W
END:VEVENT
BEGIN:VTODO
UID:5
SUMMARY:Call back
DUE:20260709T120000
END:VTODO
BEGIN:VEVENT
UID:6
END:VCALENDAR
""" % (b"A" * 300_000)  # fmt: skip


def test_events_and_tasks_are_rows_with_their_times_in_their_zones(tmp_path: Path) -> None:
    found, rows = read(tmp_path / "events.ics", EVENTS)
    assert found.format == "ics"
    assert [(row.number, row.trouble) for row in rows] == [
        (10, ""),
        (26, ""),
        (32, ""),
        (38, "bad_event"),
        (44, ""),
        (49, "bad_event"),
    ]
    assert said(rows[0]) == {
        "kind": "event", "uid": "1", "title": "Weekly, with Dana", "start": "2026-01-05T09:00:00+01:00",
        "end": "2026-01-05T10:30:00+01:00", "all_day": "false", "time_zone": "Europe/Berlin", "rrule": "FREQ=WEEKLY;BYDAY=MO",
        "exceptions": "2026-01-12T09:00:00+01:00, 2026-01-19T09:00:00+01:00",
        "attendees": "Cohen; Dana <dana@x.example>; rut@x.example", "location": "Haifa", "description": "two lines",
    }  # fmt: skip
    assert said(rows[1]) == {
        "kind": "event", "uid": "2", "start": "2026-01-05", "end": "2026-01-06", "all_day": "true", "status": "CONFIRMED",
    }  # fmt: skip
    assert said(rows[2]) == {
        "kind": "event", "uid": "3", "start": "2026-07-05T09:00:00+03:00", "end": "2026-07-05T08:00:00+00:00",
        "all_day": "false", "time_zone": "Asia/Jerusalem", "other": "ATTACH: 300000 characters",
    }  # fmt: skip
    assert (rows[3].values["start"], rows[3].values["time_zone"], rows[3].values["other"]) == (
        "2026-07-05T09:00:00", "Nowhere", "DTEND: 20269905T080000Z",
    )  # fmt: skip
    assert said(rows[4]) == {"kind": "task", "uid": "5", "title": "Call back", "end": "2026-07-09T12:00:00"}
