"""Files of mails of a simulated Google: fetched when somebody wants one, once, whole, and only for who may see the mail."""

import os
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, update

from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.connector.simulated.mime import Attachment
from hub.context import Hub
from hub.intake.models import Account, AccountState
from hub.mail import files
from hub.mail.models import FileState, MailFile, MailMessage
from hub.security.models import Audit
from hub.settings import Settings
from hub.settings import load as load_settings
from hub.store.base import now
from hub.store.shelf import Shelf
from hub.work.lease import Lease, claim, new_owner
from hub.work.models import Bucket
from tests.e2e.test_google_calendar import ADAM, CUSTOMER, NOA
from tests.e2e.test_google_mail import MailOffice, ask
from tests.fakes.browser import Browser, signed_in

PDF = Attachment("offer.pdf", b"%PDF-1.7 " + bytes(range(256)) * 800)
LOGO = b"\x89PNG\r\n\x1a\n" + b"\0" * 40


class Desk(MailOffice):
    """An office whose people have browsers, and a worker that is run by hand."""

    def browser(self, email: str = NOA) -> Browser:
        return signed_in(self.hub, email)

    def address(self, place: int = 0, number: int = -1) -> str:
        return f"/mails/{self.messages()[number].public_id}/files/{place}"

    def lease(self) -> Lease:
        with self.hub.db.write() as session:
            [lease] = claim(session, MailFile, files.due(), owner=new_owner(), lease_s=60)
        return lease

    def work(self) -> None:
        """What a worker does."""
        hub_app.fetcher(self.hub).fetch(self.lease())

    def file(self) -> MailFile:
        with self.hub.db.read() as session:
            return session.scalars(select(MailFile).order_by(MailFile.id.desc())).first()  # type: ignore[return-value]

    def shelf(self) -> Shelf:
        return files.shelf(self.hub.settings)

    def on_disk(self) -> list[Path]:
        return sorted(one for one in self.shelf().folder.rglob("*") if one.is_file())

    def purge(self) -> int:
        with self.hub.db.write() as session:
            return files.purge(session, self.shelf())


@pytest.fixture
def desk(hub: Hub, google: GoogleSimulator) -> Desk:
    return Desk(hub, google)


@pytest.fixture
def offered(desk: Desk, google: GoogleSimulator) -> Desk:
    """A mail with a file has come in."""
    ask(google, attachments=[PDF])
    desk.read()
    return desk


def fetched(google: GoogleSimulator) -> int:
    """How many files the mailbox was asked for."""
    found = google.spent(NOA).by_method.get("gmail.users.messages.attachments.get", (0, 0))
    return int(found[0])


def test_a_file_is_fetched_when_somebody_wants_it_and_not_before(offered: Desk, google: GoogleSimulator) -> None:
    browser, address = offered.browser(), offered.address()
    assert fetched(google) == 0
    assert browser.get(address).location.endswith("/state")
    waiting = browser.post(address, htmx=True)
    assert "Being fetched" in waiting.text
    assert "load delay" in waiting.text
    offered.work()
    assert f'href="{address}"' in browser.get(f"{address}/state", HX_Request="true").text
    answer = browser.get(address)
    assert answer.data == PDF.content
    assert fetched(google) == 1
    said = answer.headers
    assert said["Content-Disposition"] == 'attachment; filename="offer.pdf"'
    assert said["Content-Type"] == "application/octet-stream"
    assert said["X-Content-Type-Options"] == "nosniff"
    assert said["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert said["Content-Length"] == str(len(PDF.content))
    [file] = offered.on_disk()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_each_saving_is_in_the_audit_and_looking_is_not(offered: Desk) -> None:
    browser, address = offered.browser(), offered.address()
    browser.post(address, htmx=True)
    offered.work()
    browser.get(f"{address}/state")
    browser.client.head(address)
    assert browser.get(address).data == PDF.content
    with offered.hub.db.read() as session:
        [line] = session.scalars(select(Audit).where(Audit.action == "mail.file_read")).all()
    assert (line.actor, line.detail["name"], line.detail["size"]) == (NOA, "offer.pdf", len(PDF.content))


def test_the_same_file_of_two_mails_lies_on_the_disk_once(offered: Desk, google: GoogleSimulator) -> None:
    ask(google, "Again", attachments=[PDF])
    offered.read()
    browser = offered.browser()
    for number in range(2):
        browser.post(offered.address(number=number), htmx=True)
        offered.work()
    assert len(offered.on_disk()) == 1
    assert browser.get(offered.address(number=0)).data == PDF.content


def test_a_logo_is_not_listed_as_a_file_but_a_picture_that_nothing_shows_is(
    desk: Desk, google: GoogleSimulator
) -> None:
    logo = Attachment("logo.png", LOGO, content_id="<logo@x>")
    ask(google, html='<img src="cid:logo@x">Hello', attachments=[logo, PDF])
    ask(google, "Two", attachments=[Attachment("photo.png", LOGO)])
    desk.read()
    pages = [desk.page(NOA, f"/customers/{desk.dana_public}/items/{one.id}") for one in desk.threads()]
    assert [("logo.png" in page, "offer.pdf" in page, "photo.png" in page) for page in pages] == [
        (False, True, False), (False, False, True),
    ]  # fmt: skip


def test_a_mail_that_is_gone_at_the_provider_says_so(offered: Desk, google: GoogleSimulator) -> None:
    browser, address = offered.browser(), offered.address()
    for letter in list(google.user(NOA).mail.letters.values()):
        google.user(NOA).mail.delete_forever(letter.id)
    browser.post(address, htmx=True)
    offered.work()
    assert "no longer in any mailbox" in browser.get(f"{address}/state").text
    offered.read()  # now the hub knows, and does not even ask
    browser.post(address, htmx=True)
    offered.work()
    assert offered.file().state == FileState.GONE


def test_a_mailbox_that_needs_a_person_says_so_and_works_again_afterwards(
    offered: Desk, google: GoogleSimulator
) -> None:
    browser, address = offered.browser(), offered.address()
    google.faults.add("scope_missing")
    browser.post(address, htmx=True)
    offered.work()
    assert "needs a person first" in browser.get(f"{address}/state").text
    browser.post(address, htmx=True)
    offered.work()
    assert browser.get(address).data == PDF.content


def test_a_paused_account_is_not_asked(offered: Desk, google: GoogleSimulator) -> None:
    with offered.hub.db.write() as session:
        session.execute(update(Account).values(state=AccountState.PAUSED))
    google.quota.forget()
    offered.browser().post(offered.address(), htmx=True)
    offered.work()
    assert offered.file().state == FileState.NEEDS_YOU
    assert not google.spent(NOA).by_method


def test_another_mailbox_with_a_copy_helps_out(hub: Hub, google: GoogleSimulator) -> None:
    desk = Desk(hub, google, service_account=google.service_account_json(), mailboxes=f"{NOA}\n{ADAM}")
    mail = {"from_": CUSTOMER, "subject": "Both", "body": "Hi", "message_id": "<b@customer.example>"}
    google.deliver(NOA, ADAM, attachments=[PDF], **mail)
    desk.read()
    mailbox = google.user(NOA).mail
    for letter in list(mailbox.letters.values()):
        mailbox.delete_forever(letter.id)
    browser = desk.browser()
    browser.post(desk.address(), htmx=True)
    desk.work()
    assert browser.get(desk.address()).data == PDF.content


@pytest.mark.alike
@pytest.mark.parametrize("fault", ["unavailable", "rate_limited", "truncated_json", "html_instead_of_json", "reset"])
def test_a_provider_that_is_away_is_asked_again_by_itself(offered: Desk, google: GoogleSimulator, fault: str) -> None:
    browser, address = offered.browser(), offered.address()
    browser.post(address, htmx=True)
    google.faults.add(fault)
    offered.work()
    file = offered.file()
    assert (file.state, file.sha256) == (FileState.PENDING, "")
    assert file.due_at is not None
    assert file.due_at > now()
    assert offered.on_disk() == []
    _make_due(offered)
    offered.work()
    assert browser.get(address).data == PDF.content


@pytest.mark.parametrize("fault", ["truncated_json", "reset", "server_error"])
def test_a_file_that_breaks_off_in_the_middle_is_never_half_a_file(
    offered: Desk, google: GoogleSimulator, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser, address = offered.browser(), offered.address()
    browser.post(address, htmx=True)
    _second_answer_fails(google, fault, monkeypatch)
    offered.work()
    assert offered.file().state == FileState.PENDING
    assert offered.on_disk() == []
    _make_due(offered)
    offered.work()
    assert browser.get(address).data == PDF.content


def _second_answer_fails(google: GoogleSimulator, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the answer with the file itself go wrong, and not the one that names it."""
    answered = 0

    def count(_: object) -> None:
        nonlocal answered
        answered += 1
        if answered == 1:
            google.faults.add(fault)

    monkeypatch.setattr(google._gateway, "observers", [*google._gateway.observers, count])


def _make_due(desk: Desk, **values: Any) -> None:
    with desk.hub.db.write() as session:
        session.execute(update(MailFile).values(due_at=now(), **values))
        session.execute(update(Bucket).values(frozen_until=None))  # as if the time that Google wants were over


def test_a_provider_that_stays_away_is_given_up_and_a_person_may_try_again(
    offered: Desk, google: GoogleSimulator
) -> None:
    browser, address = offered.browser(), offered.address()
    browser.post(address, htmx=True)
    _make_due(offered, asked_at=now() - files.PATIENCE - timedelta(seconds=1))
    google.faults.add("unavailable")
    offered.work()
    assert "could not be reached" in browser.get(f"{address}/state").text
    browser.post(address, htmx=True)
    offered.work()
    assert offered.file().state == FileState.READY


# --- what is not fetched ------------------------------------------------------------------------------------------


@pytest.fixture
def strict(settings: Settings) -> Settings:
    environment = {
        "HUB_HOME": str(settings.home), "HUB_DATABASE__URL": settings.database_url, "HUB_LOG__LEVEL": "error",
        "HUB_MAIL__LARGEST_FILE_MB": "1",
    }  # fmt: skip
    return load_settings(environment)


@pytest.mark.alike
@pytest.mark.parametrize(
    ("attachment", "state"),
    [
        (Attachment("big.pdf", b"x" * (2**20 + 1)), FileState.TOO_LARGE),
        (Attachment("run.EXE", b"MZ"), FileState.REFUSED),
        (Attachment("invoice.pdf.js", b"alert()"), FileState.REFUSED),
        (Attachment("unnamed", b"MZ", "application/x-msdownload"), FileState.REFUSED),
    ],
)
def test_what_the_settings_refuse_is_not_asked_for(
    strict: Settings, google: GoogleSimulator, attachment: Attachment, state: FileState
) -> None:
    hub = hub_app.create_hub(strict)
    desk = Desk(hub, google)
    ask(google, attachments=[attachment])
    desk.read()
    browser = desk.browser()
    answer = browser.post(desk.address(), htmx=True)
    assert "not fetched" in answer.text or "too large" in answer.text
    assert desk.file().state == state
    assert desk.file().due_at is None
    assert fetched(google) == 0
    assert browser.get(desk.address()).status_code == 303
    hub_app.close_hub(hub)


def test_a_file_that_is_larger_than_its_mail_says_is_given_up_while_it_comes(
    strict: Settings, google: GoogleSimulator
) -> None:
    hub = hub_app.create_hub(strict)
    desk = Desk(hub, google)
    ask(google, attachments=[Attachment("big.pdf", b"x" * 3 * 2**20)])
    desk.read()
    with hub.db.write() as session:
        row = session.scalars(select(MailMessage)).one()
        row.attachments = [{**row.attachments[0], "size": 10}]
    desk.browser().post(desk.address(), htmx=True)
    desk.work()
    assert desk.file().state == FileState.TOO_LARGE
    assert desk.on_disk() == []
    hub_app.close_hub(hub)


@pytest.mark.alike
@pytest.mark.parametrize(
    ("script", "state"),
    [
        ('grep -q VIRUS "$1" && exit 1; exit 0', FileState.READY),
        ('grep -q PDF "$1" && exit 1; exit 0', FileState.INFECTED),
        ("exit 2", FileState.UNCHECKED),
        ("kill -9 $$", FileState.UNCHECKED),
        ("exec sleep 60", FileState.UNCHECKED),
        (None, FileState.UNCHECKED),
    ],
)
def test_the_scanner_decides_before_anybody_gets_a_file(
    settings: Settings, google: GoogleSimulator, tmp_path: Path, script: str | None, state: FileState
) -> None:
    program = tmp_path / "scan me.sh"
    if script is not None:
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
    environment = {
        "HUB_HOME": str(settings.home), "HUB_DATABASE__URL": settings.database_url, "HUB_LOG__LEVEL": "error",
        "HUB_MAIL__SCAN_COMMAND": str(program), "HUB_MAIL__SCAN_S": "1",
    }  # fmt: skip
    hub = hub_app.create_hub(load_settings(environment))
    desk = Desk(hub, google)
    ask(google, attachments=[PDF])
    desk.read()
    browser = desk.browser()
    browser.post(desk.address(), htmx=True)
    desk.work()
    assert desk.file().state == state
    assert len(desk.on_disk()) == (state == FileState.READY)
    answer = browser.get(desk.address())
    assert (answer.status_code == 200) == (state == FileState.READY)
    hub_app.close_hub(hub)


# --- names --------------------------------------------------------------------------------------------------------


@pytest.mark.alike
@pytest.mark.parametrize(
    ("name", "disposition"),
    [
        ("הצעה.pdf", "attachment; filename=\"____.pdf\"; filename*=UTF-8''%D7%94%D7%A6%D7%A2%D7%94.pdf"),
        ("../../etc/passwd", None),
        ("invoice\u202efdp.exe.pdf", None),
        ('a"b;c.pdf', None),
        ("CON.pdf", 'attachment; filename="_CON.pdf"'),
    ],
)
def test_a_file_has_a_harmless_name(desk: Desk, google: GoogleSimulator, name: str, disposition: str | None) -> None:
    ask(google, attachments=[Attachment(name, b"x", "application/pdf")])
    desk.read()
    browser = desk.browser()
    browser.post(desk.address(), htmx=True)
    desk.work()
    answer = browser.get(desk.address())
    said = answer.headers["Content-Disposition"]
    assert said.startswith("attachment; ")
    assert answer.data == b"x"
    assert not set("/\\\u202e\r\n").intersection(said.partition("filename=")[2])
    if disposition is not None:
        assert said == disposition


# --- the end ------------------------------------------------------------------------------------------------------


def test_the_nightly_purge_takes_what_no_mail_has_any_more_and_nothing_else(
    offered: Desk, google: GoogleSimulator
) -> None:
    ask(google, "Other", attachments=[Attachment("other.pdf", b"other")])
    offered.read()
    browser = offered.browser()
    for number in range(2):
        browser.post(offered.address(number=number), htmx=True)
        offered.work()
    assert len(offered.on_disk()) == 2
    assert offered.purge() == 0
    mailbox = google.user(NOA).mail
    label = mailbox.create_label("Private")
    kept, private = offered.messages()
    [letter] = [one for one in mailbox.letters.values() if b"Other" in one.raw]
    mailbox.label(letter.id, add=[label["id"]])
    offered.read()
    assert [one.id for one in offered.messages()] == [kept.id]
    assert browser.get(f"/mails/{private.public_id}/files/0").status_code == 404
    assert offered.purge() == 1
    assert len(offered.on_disk()) == 1
    assert browser.get(f"/mails/{kept.public_id}/files/0").data == PDF.content


def test_why_a_file_could_not_be_had_is_forgotten_after_a_day(offered: Desk, google: GoogleSimulator) -> None:
    google.faults.add("scope_missing")
    offered.browser().post(offered.address(), htmx=True)
    offered.work()
    offered.purge()
    assert offered.file().state == FileState.NEEDS_YOU
    with offered.hub.db.write() as session:
        session.execute(update(MailFile).values(asked_at=now() - timedelta(hours=25)))
    offered.purge()
    with offered.hub.db.read() as session:
        assert session.scalars(select(MailFile)).all() == []


def test_a_file_that_was_lost_from_the_disk_is_fetched_again(offered: Desk) -> None:
    browser, address = offered.browser(), offered.address()
    browser.post(address, htmx=True)
    offered.work()
    offered.on_disk()[0].unlink()
    assert browser.get(address).location.endswith("/state")
    offered.work()
    assert browser.get(address).data == PDF.content


@pytest.mark.parametrize("where", ["receive", "scan", "place", "placed", "release"])
def test_a_worker_that_dies_leaves_no_row_without_its_file_and_another_one_goes_on(
    offered: Desk, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    browser, address = offered.browser(), offered.address()
    browser.post(address, htmx=True)
    with monkeypatch.context() as dying:
        _die_at(dying, where)
        with pytest.raises(KeyboardInterrupt):
            offered.work()
    assert (offered.file().state, offered.file().sha256) == (FileState.PENDING, "")
    assert browser.get(address).status_code == 303
    assert offered.purge() == (where in {"placed", "release"})  # there before its row: nobody's
    with offered.hub.db.write() as session:
        session.execute(update(MailFile).values(lease_until=now() - timedelta(seconds=1)))
    offered.work()
    assert browser.get(address).data == PDF.content
    assert len(offered.on_disk()) == 1


def _die_at(monkeypatch: pytest.MonkeyPatch, where: str) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def placed(act: Callable[..., None]) -> Callable[..., None]:
        def then_die(*args: Any) -> None:
            act(*args)
            raise KeyboardInterrupt

        return then_die

    match where:
        case "receive":
            monkeypatch.setattr(os, "fsync", die)
        case "release":
            monkeypatch.setattr(files, "release", die)
        case "placed":
            monkeypatch.setattr(Shelf, "place", placed(Shelf.place))
        case _:
            monkeypatch.setattr(Shelf, where, die)


def test_a_worker_that_lost_its_lease_changes_nothing(offered: Desk) -> None:
    offered.browser().post(offered.address(), htmx=True)
    late = offered.lease()
    with offered.hub.db.write() as session:
        session.execute(update(MailFile).values(lease_until=now() - timedelta(seconds=1)))
    offered.work()
    before = offered.file()
    hub_app.fetcher(offered.hub).fetch(late)
    after = offered.file()
    assert (after.state, after.sha256, after.attempt) == (before.state, before.sha256, before.attempt)
    assert len(offered.on_disk()) == 1


@pytest.mark.alike
@pytest.mark.parametrize("place", [1, 99, 10**30])
def test_a_file_that_is_not_there_is_not_found(offered: Desk, place: int) -> None:
    browser = offered.browser()
    for address in (offered.address(place), f"{offered.address(place)}/state"):
        assert browser.get(address).status_code == 404
    assert browser.post(offered.address(place)).status_code == 404
    assert browser.get(f"/mails/{UUID(int=1)}/files/0").status_code == 404


def test_two_who_ask_at_once_have_it_fetched_once(offered: Desk, google: GoogleSimulator) -> None:
    for email in (NOA, ADAM):
        offered.browser(email).post(offered.address(), htmx=True)
    offered.work()
    with offered.hub.db.write() as session:
        assert claim(session, MailFile, files.due(), owner=new_owner(), lease_s=60) == []
    assert fetched(google) == 1
