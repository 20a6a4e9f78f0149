"""Pictures of contacts of a simulated Google: fetched once, kept whole, shown as what they are, and only if they are pictures."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, select, update

from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.connector.simulated.picture import square
from hub.connector.simulated.wire import Answer
from hub.context import Hub
from hub.identity import photos
from hub.identity.models import Claim, ContactPhoto, PhotoState
from hub.intake import fetching, read
from hub.intake.models import Account, AccountState
from hub.intake.trouble import Trouble
from hub.mail import files
from hub.store.base import now
from hub.work.lease import Lease, claim, new_owner
from hub.work.models import Bucket
from tests.e2e.test_google_contacts import ADAM, CONTACTS, DANA, MOBILE, NOA, Office, add_dana
from tests.fakes.browser import Browser, signed_in
from tests.fakes.replay import replay
from tests.fakes.shelf import Crash, crash_at

FACE, OTHER_FACE = square("dana"), square("dana in summer")
JPEG = b"\xff\xd8\xff\xe0" + b"\0" * 60
IMAGE = "image/png"


class Desk(Office):
    """An office whose people have browsers, and a worker that is run by hand."""

    def browser(self, email: str = NOA) -> Browser:
        return signed_in(self.hub, email)

    def leases(self, limit: int = 1) -> list[Lease]:
        with self.hub.db.write() as session:
            return claim(
                session, ContactPhoto, photos.due(), owner=new_owner(), lease_s=60, limit=limit,
                order_by=photos.first(), counted=True,
            )  # fmt: skip

    def work(self) -> int:
        """Do what a worker does until nothing is due; returns how many tries that were."""
        for tries in range(50):
            leases = self.leases()
            if not leases:
                return tries
            hub_app.photo_fetcher(self.hub).fetch(leases[0])
        raise AssertionError("there is always more to do")

    def rows(self) -> list[ContactPhoto]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(ContactPhoto).order_by(ContactPhoto.id)))

    def row(self) -> ContactPhoto:
        [row] = self.rows()
        return row

    def make_due(self, **values: Any) -> None:
        with self.hub.db.write() as session:
            session.execute(update(ContactPhoto).values(due_at=now(), **values))
            session.execute(update(Bucket).values(frozen_until=None))  # as if the time that Google wants were over

    def address(self) -> str:
        return f"/customers/{self.party().public_id}"

    def picture(self) -> bytes | None:
        """What a browser gets to see of the only customer; None: there is no picture."""
        answer = self.browser().get(f"{self.address()}/photo")
        assert answer.status_code in {200, 404}
        return answer.data if answer.status_code == 200 else None

    def on_disk(self) -> list[Path]:
        return sorted(one for one in self.hub.settings.mail_files.rglob("*") if one.is_file())

    def purge(self) -> None:
        with self.hub.db.write() as session:
            hub_app._purge_files(self.hub, session)


@pytest.fixture
def desk(hub: Hub, google: GoogleSimulator) -> Desk:
    return Desk(hub, google)


@pytest.fixture
def dana(desk: Desk, google: GoogleSimulator) -> str:
    """A contact with a picture was read; nobody has fetched it yet."""
    name = add_dana(google, photo=FACE)
    desk.read()
    return name


# --- fetched and shown --------------------------------------------------------------------------------------------


def test_the_picture_of_a_contact_is_shown_on_the_customers_page(
    desk: Desk, dana: str, google: GoogleSimulator
) -> None:
    browser = desk.browser()
    assert 'class="photo"' not in browser.get(desk.address()).text
    assert desk.picture() is None
    assert desk.work() == 1
    page = browser.get(desk.address()).text
    mark = desk.row().sha256[:16]
    assert f'<img class="photo" src="{desk.address()}/photo?v={mark}" alt=""' in page
    assert google.world.base_url not in page
    answer = browser.get(f"{desk.address()}/photo?v={mark}")
    assert (answer.data, answer.headers["Content-Type"]) == (FACE, IMAGE)
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'; sandbox"
    assert answer.headers["Cache-Control"] == "private, max-age=3600"
    assert browser.get(f"{desk.address()}/photo", If_None_Match=answer.headers["ETag"]).status_code == 304


def test_no_access_of_ours_is_sent_to_where_pictures_are(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    desk.work()
    [request] = google.photo_requests
    assert not {"authorization", "cookie"} & request.headers.keys()
    assert dict(request.query) == {"sz": "192"}


def test_who_is_not_signed_in_sees_no_picture(desk: Desk, dana: str) -> None:
    desk.work()
    answer = Browser(hub_app.create_app(desk.hub)).get(f"{desk.address()}/photo")
    assert answer.status_code in {302, 303, 401}
    assert FACE not in answer.data


def test_who_has_no_picture_costs_nothing(desk: Desk, google: GoogleSimulator) -> None:
    add_dana(google)  # Google draws a letter
    desk.read()
    assert (desk.rows(), desk.work(), desk.picture()) == ([], 0, None)
    browser = desk.browser()
    assert "<img" not in browser.get(desk.address()).text
    assert "contact_photo" not in "".join(statements(desk.hub, browser, desk.address()))


def test_lists_show_pictures_and_ask_once_for_all_of_them(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    browser = desk.browser()
    desk.work()
    before = {path: len(statements(desk.hub, browser, path)) for path in ("/customers", "/search?q=levi")}
    for number in range(6):
        google.user(NOA).people.add(f"Eve{number}", "Levi", emails=[f"eve{number}@x.example"], photo=JPEG)
    desk.read()
    assert desk.work() == 6
    for path, count in before.items():
        assert browser.get(path).text.count('<img class="photo small"') == 7, path
        assert len(statements(desk.hub, browser, path)) == count, path


def statements(hub: Hub, browser: Browser, path: str) -> list[str]:
    """What a page asks the database."""
    asked: list[str] = []

    def look(_: Any, __: Any, statement: str, *___: Any) -> None:
        asked.append(statement)

    event.listen(hub.db.engine, "before_cursor_execute", look)
    try:
        assert browser.get(path).status_code == 200
    finally:
        event.remove(hub.db.engine, "before_cursor_execute", look)
    return asked


def test_a_worker_fetches_pictures_by_itself_and_not_all_workers_do(
    desk: Desk, dana: str, google: GoogleSimulator
) -> None:
    for number in range(4):
        google.user(NOA).people.add(f"Eve{number}", emails=[f"eve{number}@x.example"], photo=JPEG)
    desk.read()
    assert [len(desk.leases()) for _ in range(3)] == [1, 1, 0]
    desk.make_due(owner="", lease_until=None)
    workers = hub_app._workers(desk.hub)
    for _ in range(8):
        workers.run_once()
    assert {row.state for row in desk.rows()} == {PhotoState.READY}


# --- what changes -------------------------------------------------------------------------------------------------


def test_what_is_the_same_again_writes_and_fetches_nothing(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    desk.work()
    before = [vars(row) | {"_sa_instance_state": None} for row in desk.rows()]
    desk.read()
    google.user(NOA).people.update(dana, biographies=[{"value": "Another word"}])
    desk.read()
    replay(desk.hub, desk.account)
    with desk.hub.db.write() as session:
        read.forget_cursor(session, desk.account, CONTACTS)
    desk.read()
    assert desk.work() == 0
    assert [vars(row) | {"_sa_instance_state": None} for row in desk.rows()] == before
    assert len(google.photo_requests) == 1


def test_another_picture_takes_the_place_of_the_one_before_when_it_is_there(
    desk: Desk, dana: str, google: GoogleSimulator
) -> None:
    desk.work()
    google.user(NOA).people.put_up(dana, OTHER_FACE)
    desk.read()
    assert desk.row().state == PhotoState.PENDING
    assert desk.picture() == FACE
    assert desk.work() == 1
    assert desk.picture() == OTHER_FACE
    desk.purge()
    [file] = desk.on_disk()
    assert file.read_bytes() == OTHER_FACE


def test_a_picture_that_was_taken_down_is_shown_no_more(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    desk.work()
    google.user(NOA).people.put_up(dana, b"")
    desk.read()
    assert desk.rows() == []
    assert desk.picture() is None
    desk.purge()
    assert desk.on_disk() == []


def test_a_contact_that_is_not_for_the_hub_takes_its_picture_along(hub: Hub, google: GoogleSimulator) -> None:
    group = google.user(NOA).people.add_group("Customers")
    desk = Desk(hub, google, contact_groups="Customers")
    name = add_dana(google, photo=FACE, groups=[group])
    desk.read()
    desk.work()
    assert desk.picture() == FACE
    google.user(NOA).people.update(name, memberships=[{"contactGroupMembership": {"contactGroupId": "myContacts"}}])
    desk.read()
    assert desk.rows() == []
    desk.purge()
    assert desk.on_disk() == []


def test_who_is_deleted_at_google_keeps_the_picture_as_all_that_was_said(
    desk: Desk, dana: str, google: GoogleSimulator
) -> None:
    desk.work()
    google.user(NOA).people.delete(dana)
    google.clock.advance(hours=1)
    desk.read()
    assert desk.picture() == FACE


def test_of_several_pictures_that_of_the_source_that_counts_is_shown(hub: Hub, google: GoogleSimulator) -> None:
    desk = Desk(hub, google)
    desk.connect("Adam", refresh_token=google.oauth.grant(ADAM), address=ADAM)
    add_dana(google, photo=FACE)
    google.user(ADAM).people.add("Dana", "Levi", emails=[DANA], phones=[MOBILE], photo=OTHER_FACE)
    desk.read()
    assert desk.work() == 2
    faces = {row.url: row.sha256 for row in desk.rows()}
    shown = {FACE: OTHER_FACE, OTHER_FACE: FACE}
    first = desk.picture()
    assert first is not None
    [wins] = [row for row in desk.rows() if row.url == desk.party().fields["photo_url"]]
    assert faces[wins.url] == wins.sha256
    with hub.db.write() as session:  # its source takes it back: the other one is shown, though it does not count more
        session.execute(update(ContactPhoto).where(ContactPhoto.id == wins.id).values(sha256=""))
    assert desk.picture() == shown[first]
    with hub.db.write() as session:  # and the source that counts decides, not the time of fetching
        session.execute(update(ContactPhoto).where(ContactPhoto.id == wins.id).values(sha256=wins.sha256))
        session.execute(
            update(ContactPhoto).where(ContactPhoto.id != wins.id).values(fetched_at=now() + timedelta(days=1))
        )
    assert desk.picture() == first


# --- what is no picture -------------------------------------------------------------------------------------------

HTML = Answer(200, b"<!DOCTYPE html><script>alert(1)</script>", "image/png")
SVG = Answer(200, b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>', "image/svg+xml")
HUGE = Answer(200, FACE + b"\0" * 5 * 2**20, IMAGE)


@pytest.mark.alike
@pytest.mark.parametrize(
    ("answer", "state", "word"),
    [
        (HTML, PhotoState.REFUSED, "no JPEG"),
        (SVG, PhotoState.REFUSED, "no JPEG"),
        (Answer(200, b"", IMAGE), PhotoState.REFUSED, "no JPEG"),
        (Answer(200, b"BM" + b"\0" * 60, "image/bmp"), PhotoState.REFUSED, "no JPEG"),
        (HUGE, PhotoState.REFUSED, "larger than"),
        (Answer(404), PhotoState.GONE, "404"),
        (Answer(410), PhotoState.GONE, "410"),
        (Answer(401), PhotoState.REFUSED, "401"),
        (Answer(403), PhotoState.REFUSED, "403"),
        (Answer(302, headers={"Location": "https://evil.example/face.png"}), PhotoState.REFUSED, "not at an address"),
        (Answer(302, headers={"Location": "http://127.0.0.1/face.png"}), PhotoState.REFUSED, "not at an address"),
        (Answer(302, headers={"Location": "//169.254.169.254/"}), PhotoState.REFUSED, "not at an address"),
        (Answer(307, headers={"Location": "file:///etc/passwd"}), PhotoState.REFUSED, "not at an address"),
        (Answer(302), PhotoState.REFUSED, "without an end"),
    ],
)
def test_what_is_no_picture_is_set_aside_with_the_reason_and_never_shown(
    desk: Desk, dana: str, google: GoogleSimulator, answer: Answer, state: PhotoState, word: str
) -> None:
    google.answer_photo(dana, *[answer] * 4)
    assert desk.work() == 1
    row = desk.row()
    assert (row.state, row.sha256, row.due_at) == (state, "", None)
    assert word in row.reason
    assert desk.picture() is None
    assert 'class="photo"' not in desk.browser().get(desk.address()).text
    assert desk.on_disk() == []
    with desk.hub.db.read() as session:
        assert session.get_one(Account, desk.account).state == AccountState.ACTIVE


def test_a_picture_that_moved_within_google_is_followed(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    google.answer_photo(dana, Answer(302, headers={"Location": "/photos/else/photo.png"}))
    desk.work()
    assert desk.picture() == square("else")


def test_one_that_became_something_else_is_no_longer_shown(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    desk.work()
    google.user(NOA).people.put_up(dana, HTML.body)
    desk.read()
    desk.work()
    assert (desk.picture(), desk.row().state) == (None, PhotoState.REFUSED)


def test_an_address_elsewhere_is_never_asked(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    desk.make_due(url="https://evil.example/face.png")
    assert desk.work() == 1
    assert "not at an address" in desk.row().reason
    assert google.photo_requests == []


def test_a_remote_that_hands_out_no_pictures_is_not_asked_again(desk: Desk, dana: str) -> None:
    [lease] = desk.leases()
    stranger: Any = object()
    photos.Fetcher(desk.hub.db, lambda *_: stranger, photos.shelf(desk.hub.settings)).fetch(lease)
    assert (desk.row().state, desk.row().reason) == (PhotoState.REFUSED, "Google hands out no pictures")


def test_a_fault_of_our_own_is_written_down_and_not_repeated_for_ever(
    desk: Desk, dana: str, caplog: pytest.LogCaptureFixture
) -> None:
    [lease] = desk.leases()

    def broken(*_: object) -> Any:
        raise ZeroDivisionError("secret")

    photos.Fetcher(desk.hub.db, broken, photos.shelf(desk.hub.settings)).fetch(lease)
    row = desk.row()
    assert (row.state, row.trouble) == (PhotoState.AWAY, Trouble.DEFECT)
    assert "secret" not in row.reason
    assert desk.work() == 0


# --- who is away --------------------------------------------------------------------------------------------------


@pytest.mark.alike
@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_who_is_away_is_asked_again_later(desk: Desk, dana: str, google: GoogleSimulator, status: int) -> None:
    google.answer_photo(dana, Answer(status, headers={"Retry-After": "100"}))
    assert desk.work() == 1
    row = desk.row()
    assert row.state == PhotoState.PENDING
    assert row.due_at is not None
    assert row.due_at > now() + timedelta(seconds=90)
    assert str(status) in row.reason
    desk.make_due()
    assert desk.work() == 1
    assert desk.picture() == FACE
    assert (desk.row().trouble, desk.row().failures, desk.row().reason) == ("", 0, "")


def test_half_a_picture_is_none(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    google.faults.add("reset")
    desk.work()
    assert (desk.row().state, desk.row().trouble) == (PhotoState.PENDING, Trouble.AWAY)
    assert desk.on_disk() == []
    desk.make_due()
    desk.work()
    assert desk.picture() == FACE


def test_one_that_stays_away_is_given_up_and_tried_anew_after_days(
    desk: Desk, dana: str, google: GoogleSimulator
) -> None:
    google.answer_photo(dana, *[Answer(503)] * fetching.MOST_FAILURES)
    for _ in range(fetching.MOST_FAILURES):
        desk.make_due()
        assert desk.work() == 1
    row = desk.row()
    assert (row.state, row.failures) == (PhotoState.AWAY, fetching.MOST_FAILURES)
    assert "503" in row.reason
    assert row.due_at is not None
    assert row.due_at > now() + timedelta(days=6)
    desk.purge()
    assert desk.work() == 0
    desk.make_due()
    assert desk.work() == 0
    desk.purge()
    assert desk.work() == 1
    assert desk.picture() == FACE


def test_a_limit_holds_all_pictures_of_its_account(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    google.user(NOA).people.add("Eve", emails=["eve@x.example"], photo=JPEG)
    desk.read()
    google.answer_photo(dana, Answer(429, headers={"Retry-After": "100"}))
    assert desk.work() == 1
    assert sorted(row.trouble for row in desk.rows()) == ["", Trouble.LIMITED]
    desk.make_due()
    assert desk.work() == 2


def test_a_paused_account_is_not_asked_and_goes_on_afterwards(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    for state, tries in ((AccountState.PAUSED, 0), (AccountState.ACTIVE, 1)):
        with desk.hub.db.write() as session:
            session.execute(update(Account).values(state=state))
        assert desk.work() == tries
        assert len(google.photo_requests) == tries


def test_an_account_whose_settings_are_broken_waits_for_somebody(desk: Desk, dana: str) -> None:
    desk.set(every_s=1)
    assert desk.work() == 1
    row = desk.row()
    assert (row.state, row.trouble) == (PhotoState.PENDING, Trouble.AUTH)
    assert row.due_at is not None
    assert row.due_at > now() + timedelta(hours=5)
    desk.set(every_s=300)
    desk.make_due()
    assert desk.work() == 1
    assert desk.picture() == FACE


# --- crashes ------------------------------------------------------------------------------------------------------


def test_a_process_that_dies_at_any_statement_loses_and_doubles_nothing(
    desk: Desk, dana: str, google: GoogleSimulator
) -> None:
    for statement in range(1, 60):
        desk.make_due(state=PhotoState.PENDING, sha256="", owner="", lease_until=None)
        try:
            with crash_at(desk.hub.db.engine, statement):
                desk.work()
        except Crash:
            row = desk.row()
            assert (row.state == PhotoState.READY) is bool(row.sha256)
            desk.make_due(owner=row.owner, lease_until=now() - timedelta(seconds=1))
            desk.work()
        else:
            break
        finally:
            assert desk.picture() == FACE, statement
    assert statement > 8, "the death never came"
    desk.purge()
    assert len(desk.on_disk()) == 1


def test_one_that_lost_its_lease_changes_nothing(desk: Desk, dana: str) -> None:
    [slow] = desk.leases()
    desk.make_due(lease_until=now() - timedelta(seconds=1))
    [fast] = desk.leases()
    hub_app.photo_fetcher(desk.hub).fetch(slow)
    assert (desk.row().owner, desk.row().state) == (fast.owner, PhotoState.PENDING)
    assert desk.on_disk() == []
    hub_app.photo_fetcher(desk.hub).fetch(fast)
    assert desk.picture() == FACE


def test_a_picture_that_changes_while_it_is_fetched_is_not_kept_as_the_new_one(
    desk: Desk, dana: str, google: GoogleSimulator
) -> None:
    [lease] = desk.leases()
    fetcher = hub_app.photo_fetcher(desk.hub)
    old = desk.row()
    google.user(NOA).people.put_up(dana, OTHER_FACE)
    desk.read()
    fetcher._settle(lease, old, photos.Outcome(PhotoState.READY, draft=fetcher.shelf.receive([FACE]), media_type=IMAGE))
    assert (desk.row().state, desk.row().sha256) == (PhotoState.PENDING, "")
    desk.work()
    assert desk.picture() == OTHER_FACE


def test_one_that_is_taken_back_while_it_is_fetched_stays_away(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    [lease] = desk.leases()
    google.user(NOA).people.put_up(dana, b"")
    desk.read()
    hub_app.photo_fetcher(desk.hub).fetch(lease)
    assert desk.rows() == []
    assert desk.on_disk() == []


def test_a_picture_that_kills_its_workers_is_given_up(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    for _ in range(fetching.MOST_DEATHS):
        desk.leases()
        desk.make_due(lease_until=now() - timedelta(seconds=1))
    assert desk.work() == 1
    assert (desk.row().state, desk.row().reason) == (PhotoState.AWAY, "every try broke off")
    assert google.photo_requests == []


def test_another_picture_is_not_blamed_for_what_the_one_before_did(
    desk: Desk, dana: str, google: GoogleSimulator
) -> None:
    for _ in range(fetching.MOST_DEATHS):
        desk.leases()
        desk.make_due(lease_until=now() - timedelta(seconds=1))
    google.user(NOA).people.put_up(dana, OTHER_FACE)
    desk.read()
    assert desk.work() == 1
    assert desk.picture() == OTHER_FACE


# --- the shelf ----------------------------------------------------------------------------------------------------


def test_purging_the_files_of_mails_leaves_pictures_alone(desk: Desk, dana: str) -> None:
    desk.work()
    with desk.hub.db.write() as session:
        assert files.purge(session, files.shelf(desk.hub.settings)) == 0
    desk.purge()
    assert desk.picture() == FACE


def test_a_picture_that_somebody_took_from_the_disk_is_fetched_again(desk: Desk, dana: str) -> None:
    desk.work()
    for file in desk.on_disk():
        file.unlink()
    assert desk.picture() is None
    assert desk.work() == 1
    assert desk.picture() == FACE


def test_bytes_on_the_disk_that_are_no_picture_are_not_shown_either(desk: Desk, dana: str) -> None:
    desk.work()
    for file in desk.on_disk():
        file.chmod(0o600)
        file.write_bytes(HTML.body)
    assert desk.picture() is None


def test_the_same_picture_of_two_contacts_lies_on_the_disk_once(desk: Desk, dana: str, google: GoogleSimulator) -> None:
    google.user(NOA).people.add("Eve", emails=["eve@x.example"], photo=FACE)
    desk.read()
    assert desk.work() == 2
    assert len(desk.on_disk()) == 1


def test_the_claim_keeps_the_address_as_the_source_says_it(desk: Desk, dana: str) -> None:
    with desk.hub.db.read() as session:
        claimed = session.scalars(select(Claim).where(Claim.field == "photo_url")).one()
    assert claimed.value == {"value": desk.row().url}
