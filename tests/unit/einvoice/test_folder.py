"""The watched folder: each file once, when it rests; a bad one waits with its reason, and none stops the others."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.einvoice import folder as watched
from connectors.einvoice.check import check
from connectors.einvoice.folder import FolderStream
from connectors.einvoice.remote import EinvoiceRemote
from connectors.einvoice.settings import EinvoiceSettings
from hub.connector.checking import Alone
from hub.connector.contract import Account, Level
from hub.connector.ledger import TakesFiles
from hub.connector.stream import Cursor, Gone, Page, Phase, Upsert
from hub.errors import DisabledError, GoneError, RetryLaterError, ShapeError
from tests.unit.einvoice.files import factur_x, fixture, payload, replaced


def settings(folder: Path, **changes: object) -> EinvoiceSettings:
    return EinvoiceSettings.model_validate({"folder": str(folder), "settle_s": 0, **changes})


def pages(made: EinvoiceSettings, cursor: Cursor | None = None) -> Iterator[Page]:
    """A whole pass, each page by another object out of a cursor that was kept."""
    cursor = cursor or FolderStream(made).begin()
    while True:
        page = FolderStream(made).pull(Cursor.of_json(json.loads(json.dumps(cursor.as_json()))))
        yield page
        if not page.more:
            return
        cursor = page.next


def look(made: EinvoiceSettings, cursor: Cursor | None = None) -> tuple[list[Upsert | Gone], Cursor]:
    found = list(pages(made, cursor))
    changes = [one for page in found for one in page.changes]
    assert all(isinstance(one, Upsert | Gone) for one in changes)
    return [one for one in changes if isinstance(one, Upsert | Gone)], found[-1].next


def numbers(changes: list[Upsert | Gone]) -> list[str]:
    return [
        str(one.payload.get("number") or one.payload.get("unreadable")) for one in changes if isinstance(one, Upsert)
    ]


def test_every_invoice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(fixture("ubl-invoice.xml"))
    (tmp_path / "FAKTURA (1), kopia.XML").write_bytes(fixture("fa3-vat.xml"))
    (tmp_path / "Rechnung 3.Pdf").write_bytes(factur_x(fixture("cii.xml")))
    (tmp_path / "notes.txt").write_text("none")
    (tmp_path / "below").mkdir()
    (tmp_path / "below.xml").mkdir()
    made = settings(tmp_path)

    changes, cursor = look(made)
    assert sorted(numbers(changes)) == ["2026 / 0017", "FV 7/03/2026", "RE-2026/3"]
    assert (cursor.phase, bool(cursor.token)) == (Phase.INCREMENTAL, True)
    assert look(made, cursor)[0] == []


def test_new_files_are_found_whatever_their_date(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(fixture("ubl-invoice.xml"))
    _, cursor = look(settings(tmp_path))
    old = tmp_path / "old.xml"
    old.write_bytes(fixture("fa3-vat.xml"))
    os.utime(old, (1, 1))
    assert numbers(look(settings(tmp_path), cursor)[0]) == ["FV 7/03/2026"]


def test_a_copy_is_the_same_record_and_a_corrected_file_another_version_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(fixture("ubl-invoice.xml"))
    [first], cursor = look(settings(tmp_path))
    (tmp_path / "b.xml").write_bytes(fixture("ubl-invoice.xml"))
    [copy], cursor = look(settings(tmp_path), cursor)
    assert first == copy

    (tmp_path / "a.xml").write_bytes(replaced("ubl-invoice.xml", ("Care of", "More care of")))
    [corrected], cursor = look(settings(tmp_path), cursor)
    assert isinstance(corrected, Upsert)
    assert isinstance(first, Upsert)
    assert corrected.remote_id == first.remote_id
    assert corrected.payload != first.payload


def test_a_file_that_is_moved_away_takes_nothing_along(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(fixture("ubl-invoice.xml"))
    _, cursor = look(settings(tmp_path))
    (tmp_path / "a.xml").unlink()
    found = list(pages(settings(tmp_path), cursor))
    assert [page.changes for page in found] == [[]]
    assert not found[-1].complete, "what is not shown is not gone"


def test_a_file_rests_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(fixture("ubl-invoice.xml")[:500])
    made = settings(tmp_path, settle_s=3600)
    changes, cursor = look(made)
    assert changes == []
    path.write_bytes(fixture("ubl-invoice.xml"))
    changes, cursor = look(made, cursor)
    assert changes == [], "it changed since the look before"
    changes, cursor = look(made, cursor)
    assert numbers(changes) == ["2026 / 0017"], "nobody touched it since, whatever its clock says"


def test_a_file_that_grows_while_it_is_read_is_read_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.xml"
    path.write_bytes(fixture("ubl-invoice.xml")[:500])
    made = settings(tmp_path)
    real = os.fstat

    def grown(descriptor: int) -> os.stat_result:
        facts = real(descriptor)
        with path.open("ab") as other:
            other.write(b" ")
        return facts

    monkeypatch.setattr(watched.os, "fstat", grown)
    changes, cursor = look(made)
    assert changes == []
    monkeypatch.undo()
    path.write_bytes(fixture("ubl-invoice.xml"))
    assert numbers(look(made, cursor)[0]) == ["2026 / 0017"]


def test_a_bad_file_waits_with_its_reason_until_it_is_mended(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_bytes(b"<note/>")
    (tmp_path / "2.xml").write_bytes(fixture("ubl-invoice.xml"))
    changes, cursor = look(settings(tmp_path))
    bad, good = sorted(changes, key=lambda one: one.remote_id, reverse=True)
    assert isinstance(bad, Upsert)
    assert (bad.payload["file"], "no invoice that is known" in str(bad.payload["unreadable"])) == ("1.xml", True)
    assert bad.remote_id.startswith("file:")
    assert isinstance(good, Upsert)

    (tmp_path / "1.xml").write_bytes(fixture("fa3-vat.xml"))
    changes, cursor = look(settings(tmp_path), cursor)
    assert [type(one) for one in changes] == [Gone, Upsert]
    assert changes[0].remote_id == bad.remote_id
    assert look(settings(tmp_path), cursor)[0] == []


def test_a_bad_file_that_is_taken_away_waits_no_longer(tmp_path: Path) -> None:
    (tmp_path / "1.xml").write_bytes(b"")
    [bad], cursor = look(settings(tmp_path))
    (tmp_path / "1.xml").unlink()
    changes, cursor = look(settings(tmp_path), cursor)
    assert changes == [Gone(bad.remote_id)]
    assert look(settings(tmp_path), cursor)[0] == []


def test_links_lead_nowhere_else(tmp_path: Path) -> None:
    outside = tmp_path / "outside.xml"
    outside.write_bytes(fixture("ubl-invoice.xml"))
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "away.xml").symlink_to(outside)
    (inside / "lost.xml").symlink_to(inside / "nothing.xml.part")
    os.mkfifo(inside / "pipe.xml")
    (inside / "real").write_bytes(fixture("fa3-vat.xml"))
    (inside / "near.xml").symlink_to("real")
    changes, _ = look(settings(inside))
    said = {str(one.payload.get("file")): numbers([one])[0] for one in changes if isinstance(one, Upsert)}
    assert said["away.xml"] == "it is a link that leads out of the folder"
    assert "cannot be opened" in said["lost.xml"]
    assert said["pipe.xml"] == "it is no file"
    assert said["None"] == "FV 7/03/2026"


def test_a_file_that_is_too_large_is_not_even_opened(tmp_path: Path) -> None:
    with (tmp_path / "big.xml").open("wb") as big:
        big.truncate(watched.LARGEST + 1)
    assert numbers(look(settings(tmp_path))[0]) == ["the file is larger than 20 MB"]


def test_names_that_are_no_text_are_read(tmp_path: Path) -> None:
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff\xfe.xml")).write_bytes(fixture("ubl-invoice.xml"))
    assert numbers(look(settings(tmp_path))[0]) == ["2026 / 0017"]


def test_many_files_are_many_pages_and_nothing_is_read_twice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "PAGE_FILES", 4)
    for number in range(11):
        (tmp_path / f"{number}.xml").write_bytes(replaced("fa3-upr.xml", ("<P_2>1<", f"<P_2>N{number}<")))
    found = list(pages(settings(tmp_path)))
    assert [len(page.changes) for page in found] == [4, 4, 3]
    assert [page.next.phase for page in found] == [Phase.FULL, Phase.FULL, Phase.INCREMENTAL]
    assert len({one.remote_id for page in found for one in page.changes}) == 11


def test_a_page_is_no_larger_than_memory_likes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "PAGE_BYTES", 1)
    for name in ("ubl-invoice.xml", "fa3-vat.xml"):
        (tmp_path / name).write_bytes(fixture(name))
    assert [len(page.changes) for page in pages(settings(tmp_path))] == [1, 1]


def test_a_folder_that_is_not_there_is_waited_for(tmp_path: Path) -> None:
    with pytest.raises(RetryLaterError, match="is not there"):
        look(settings(tmp_path / "none"))
    (tmp_path / "file").touch()
    with pytest.raises(DisabledError, match="is no folder"):
        look(settings(tmp_path / "file"))


def test_too_many_files_are_said_and_nothing_is_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watched, "MOST_FILES", 1)
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_bytes(fixture("fa3-vat.xml"))
    with pytest.raises(DisabledError, match="more than 1 files"):
        look(settings(tmp_path))


def test_another_folder_or_other_names_begin_anew(tmp_path: Path) -> None:
    one = FolderStream(settings(tmp_path)).asked
    assert one == FolderStream(settings(tmp_path)).asked
    assert one != FolderStream(settings(tmp_path, pattern="*.xml")).asked
    assert one != FolderStream(settings(tmp_path / "x")).asked


@pytest.mark.parametrize("folder", ["invoices", "../x", "C:\\x", "/srv/\0x"])
def test_a_folder_needs_its_whole_path(folder: str) -> None:
    with pytest.raises(ValueError, match="whole path"):
        EinvoiceSettings(folder=folder)


# --- the account ------------------------------------------------------------------------------------------------------------


def account(folder: str) -> Account[EinvoiceSettings]:
    return Account(1, "Files", EinvoiceSettings(folder=folder), "PL", "Europe/Warsaw")


def test_without_a_folder_there_is_no_stream() -> None:
    remote = EinvoiceRemote(account(""), Alone())
    assert remote.streams() == []
    with pytest.raises(GoneError):
        remote.stream("invoices")
    assert {one.level for one in check(account(""))} == {Level.GREEN}


def test_a_file_that_is_handed_over_is_the_record_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_bytes(fixture("fa3-kor.xml"))
    [read], _ = look(settings(tmp_path))
    remote = EinvoiceRemote(account(""), Alone())
    assert isinstance(remote, TakesFiles)
    [taken] = remote.records_of("whatever.bin", fixture("fa3-kor.xml"))
    assert isinstance(read, Upsert)
    assert (taken.stream, taken.remote_id, taken.payload) == ("invoices", read.remote_id, read.payload)
    assert taken.payload["references"][0]["key"] == f"invoices:{payload('fa3-vat.xml')['id']}"
    with pytest.raises(ShapeError):
        remote.records_of("a.xml", b"<note/>")


def test_the_self_check_names_a_file_that_cannot_be_opened(tmp_path: Path) -> None:
    (tmp_path / "a.xml").symlink_to("/etc/hostname")
    [found, _] = check(account(str(tmp_path)))
    assert (found.level, "a.xml" in found.text) == (Level.AMBER, True)
