"""What people see and decide about mail: the page as it was sent, who sees a conversation, what is never kept."""

import re
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.connector.simulated.mime import Attachment
from hub.context import Hub
from hub.flow import Taker
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake.models import Account, FilteredRecord, RawRecord
from hub.mail import blocks
from hub.mail.models import FileState, MailBlock, MailCopy, MailFile
from hub.security import tokens, users
from hub.security.models import Audit, Role, User
from hub.store.base import now
from hub.work.lease import claim, new_owner
from tests.e2e.test_google_calendar import ADAM, CUSTOMER, NOA
from tests.e2e.test_google_mail import ask
from tests.e2e.test_mail_files import LOGO, PDF, Desk
from tests.fakes.api import ApiClient
from tests.fakes.browser import Browser

MANAGER, ADMIN = "maya@acme.example", "root@acme.example"
LETTER = (
    '<p style="position:fixed">Hello <b>Noa</b></p><script>alert(1)</script><img src="cid:logo@x" alt="logo">'
    '<img src="https://spy.example/open.gif"><a href="https://customer.example/">us</a>'
)


@pytest.fixture
def desk(hub: Hub, google: GoogleSimulator) -> Desk:
    with hub.db.write() as session:
        for email, role in ((MANAGER, Role.MANAGER), (ADMIN, Role.ADMIN)):
            users.add(session, email, role.title(), role)
    return Desk(hub, google)


@pytest.fixture
def lettered(desk: Desk, google: GoogleSimulator) -> Desk:
    """A mail with a page, a logo in it and a picture from elsewhere has come in."""
    ask(google, html=LETTER, attachments=[Attachment("logo.png", LOGO, content_id="<logo@x>")])
    desk.read()
    return desk


def mail(desk: Desk) -> str:
    return f"/mails/{desk.messages()[-1].public_id}"


# --- as it was sent -----------------------------------------------------------------------------------------------


def test_a_mail_is_shown_as_it_was_sent_with_its_own_pictures_and_nothing_from_elsewhere(lettered: Desk) -> None:
    browser, at = lettered.browser(), mail(lettered)
    waiting = browser.get(f"{at}/as-sent", HX_Request="true").text
    assert "being fetched" in waiting
    assert "<iframe" not in waiting
    lettered.work()
    shown = browser.get(f"{at}/as-sent?again=1", HX_Request="true").text
    assert "being fetched" not in shown
    assert 'sandbox="allow-popups allow-popups-to-escape-sandbox"' in shown
    assert f'src="{at}/page"' in shown
    assert "tells the sender" in shown
    answer = browser.get(f"{at}/page")
    page = answer.text
    assert "Hello <b>Noa</b>" in page
    assert '<img src="data:image/png;base64,iVBORw0KGgo' in page
    for word in ("script", "alert", "position", "spy.example", "cid:"):
        assert word not in page, word
    assert answer.headers["Content-Security-Policy"] == (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; base-uri 'none'; "
        "frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
    )
    assert 'target="_blank"' in page
    assert "noopener" in page


def test_pictures_from_elsewhere_are_loaded_in_the_one_view_that_asks_for_them(lettered: Desk) -> None:
    browser, at = lettered.browser(), mail(lettered)
    shown = browser.get(f"{at}/as-sent?again=1&now=1&pictures=all", HX_Request="true").text
    assert f'src="{at}/page?pictures=all"' in shown
    assert "Load pictures" not in shown
    answer = browser.get(f"{at}/page?pictures=all")
    assert "https://spy.example/open.gif" in answer.text
    assert "img-src data: https: http:;" in answer.headers["Content-Security-Policy"]
    assert "spy.example" not in browser.get(f"{at}/page").text
    with lettered.hub.db.read() as session:
        lines = session.scalars(select(Audit).where(Audit.action == "mail.shown_as_sent").order_by(Audit.id)).all()
    assert [line.detail["pictures"] for line in lines] == ["everywhere", "the mail"]


def test_only_the_pages_that_show_mails_may_hold_frames_and_only_of_ours(lettered: Desk) -> None:
    browser = lettered.browser()
    [row] = lettered.threads()
    for path in ("", f"/items/{row.id}"):
        policy = browser.get(f"/customers/{lettered.dana_public}{path}").headers["Content-Security-Policy"]
        assert policy.endswith("; frame-src 'self'")
    assert "frame-src" not in browser.get("/").headers["Content-Security-Policy"]


@pytest.mark.alike
@pytest.mark.parametrize(
    "content",
    [b"<svg onload=alert(1)>", b"GIF", b"", b"\x89PNG\r\n\x1a\n" + b"x" * 6 * 2**20],
    ids=lambda one: str(one)[:9],
)
def test_a_picture_that_is_none_is_left_out(desk: Desk, google: GoogleSimulator, content: bytes) -> None:
    logo = Attachment("logo.png", content, "image/png", content_id="<logo@x>")
    ask(google, html='<img src="cid:logo@x">Hi', attachments=[logo])
    desk.read()
    browser = desk.browser()
    browser.get(f"{mail(desk)}/as-sent", HX_Request="true")
    if desk.file() is not None:
        desk.work()
    page = browser.get(f"{mail(desk)}/page").text
    assert "data:" not in page
    assert "Hi" in page


def test_a_page_that_shows_a_picture_a_thousand_times_does_not_grow_without_end(
    desk: Desk, google: GoogleSimulator
) -> None:
    logo = Attachment("logo.png", LOGO + b"\0" * 2**20, content_id="<logo@x>")
    ask(google, html='<img src="cid:logo@x">' * 1000, attachments=[logo])
    desk.read()
    browser = desk.browser()
    browser.get(f"{mail(desk)}/as-sent", HX_Request="true")
    desk.work()
    assert len(browser.get(f"{mail(desk)}/page").data) < 14 * 2**20


def test_a_picture_that_cannot_be_fetched_is_not_asked_for_again_by_the_waiting_page(
    lettered: Desk, google: GoogleSimulator
) -> None:
    browser, at = lettered.browser(), mail(lettered)
    browser.get(f"{at}/as-sent", HX_Request="true")
    google.faults.add("scope_missing")
    lettered.work()
    shown = browser.get(f"{at}/as-sent?again=1", HX_Request="true").text
    assert "could not be fetched" in shown
    assert "<iframe" in shown
    assert lettered.file().state == FileState.NEEDS_YOU
    assert "being fetched" in browser.get(f"{at}/as-sent", HX_Request="true").text  # a person tries again


def test_a_long_mail_is_shown_to_its_end(desk: Desk, google: GoogleSimulator) -> None:
    ask(google, body="word " * 3000 + "THE END\u202e")
    desk.read()
    [row] = desk.threads()
    page = desk.page(NOA, f"/customers/{desk.dana_public}/items/{row.id}")
    assert "THE END" in page
    assert "\u202e" not in page


# --- who sees it --------------------------------------------------------------------------------------------------

# of the account, of the thread, whether the mail is private: who reads it (R), sees that there is one (m), or nothing (-)
SEEN = """
account   thread    owner colleague manager admin
all       -         R     R         R       R
all       metadata  R     m         m       m
all       owner     R     -         -       -
metadata  -         R     m         m       m
metadata  all       R     R         R       R
metadata  owner     R     -         -       -
owner     -         R     -         -       -
owner     all       R     R         R       R
owner     metadata  R     m         m       m
"""
PEOPLE = {"owner": NOA, "colleague": ADAM, "manager": MANAGER, "admin": ADMIN}
ROWS = [line.split() for line in SEEN.strip().split("\n")[1:]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]}-{row[1]}")
def test_who_sees_what_of_a_mail_by_account_and_thread(desk: Desk, google: GoogleSimulator, row: list[str]) -> None:
    account, thread, *expected = row
    with desk.hub.db.write() as session:
        found = session.get_one(Account, desk.account)
        found.settings = {**found.settings, "visibility": account}
    ask(google, "Zebra subject", html="<p>Okapi inside</p>", attachments=[PDF])
    desk.read()
    owner = desk.browser(NOA)
    if thread != "-":
        assert owner.post(visibility_at(desk), visibility=thread).status_code == 303
    owner.post(f"{mail(desk)}/files/0", htmx=True)
    desk.work()
    assert [seen(desk, PEOPLE[who]) for who in PEOPLE] == expected


def visibility_at(desk: Desk) -> str:
    [row] = desk.threads()
    return f"/customers/{desk.dana_public}/items/{row.id}/visibility"


def seen(desk: Desk, email: str) -> str:
    """What somebody sees, by every way there is; all ways must agree."""
    browser = desk.browser(email)
    [row] = desk.threads()
    customer = f"/customers/{desk.dana_public}"
    timeline = browser.get(customer).text
    word = "-" if "k-email" not in timeline else "R" if "Zebra" in timeline else "m"
    assert ("Zebra" in browser.get(f"{customer}?find=zebra&filters=on", HX_Request="true").text) == (word == "R")
    item = browser.get(f"{customer}/items/{row.id}")
    assert (item.status_code == 200) == (word != "-")
    assert ("Zebra" in item.text or "Okapi" in item.text or "offer.pdf" in item.text) == (word == "R")
    for path in ("/files/0", "/page"):
        answer = browser.get(mail(desk) + path)
        assert (answer.status_code == 200) == (word == "R"), path
        assert answer.data
    for path in ("/files/0/state", "/as-sent"):
        assert (browser.get(mail(desk) + path).status_code == 200) == (word == "R"), path
    assert (browser.post(f"{mail(desk)}/files/0").status_code == 303) == (word == "R")
    told = api(desk, email).get(f"/parties/{desk.dana_public}/timeline").get_json()["items"]
    assert [(one["summary"], bool(one["detail"])) for one in told] == {
        "R": [("Zebra subject", True)], "m": [("", False)], "-": []
    }[word]  # fmt: skip
    return word


def api(desk: Desk, email: str) -> ApiClient:
    with desk.hub.db.write() as session:
        user = session.scalars(select(User).where(User.email == email)).one()
        secret = tokens.add(session, f"of {email} {now()}", user.role, user)
    return ApiClient(hub_app.create_app(desk.hub).test_client(), secret)


def test_a_private_mail_is_nobodys_in_the_hub_whatever_the_account_says(desk: Desk, google: GoogleSimulator) -> None:
    ask(google, headers={"Sensitivity": "Private"})
    desk.read()
    assert desk.messages() == []


@pytest.mark.parametrize(
    ("email", "status"),
    [(NOA, 303), (ADAM, 403), (MANAGER, 403), (ADMIN, 303)],
    ids=["owner", "colleague", "manager", "admin"],
)
def test_whose_mailbox_it_is_in_and_an_administrator_may_choose(
    desk: Desk, google: GoogleSimulator, email: str, status: int
) -> None:
    ask(google)
    desk.read()
    browser, at = desk.browser(email), visibility_at(desk)
    item = browser.get(at.removesuffix("/visibility"), HX_Request="true").text
    assert ("Who sees what it says" in item) == (status == 303)
    assert browser.post(at, visibility="owner").status_code == status
    assert desk.threads()[0].visibility == ("owner" if status == 303 else "all")
    with desk.hub.db.read() as session:
        lines = session.scalars(select(Audit).where(Audit.action == "mail.visibility")).all()
    assert [(one.actor, one.detail["was"], one.detail["now"]) for one in lines] == (
        [(email, "all", "owner")] if status == 303 else []
    )


def test_an_administrator_changes_what_he_cannot_read_but_not_what_he_does_not_see(
    desk: Desk, google: GoogleSimulator
) -> None:
    ask(google, "Zebra")
    desk.read()
    at = visibility_at(desk)
    desk.browser(NOA).post(at, visibility="metadata")
    admin = desk.browser(ADMIN)
    assert "Who sees what it says" in admin.get(at.removesuffix("/visibility"), HX_Request="true").text
    assert "Zebra" not in admin.get(at.removesuffix("/visibility"), HX_Request="true").text
    assert admin.post(at, visibility="").status_code == 303
    desk.browser(NOA).post(at, visibility="owner")
    assert admin.post(at, visibility="all").status_code == 404
    assert desk.browser(NOA).post(at, visibility="everybody").status_code == 422


def test_the_choice_outlives_later_mail_of_the_thread_and_can_be_taken_back(
    desk: Desk, google: GoogleSimulator
) -> None:
    ask(google, message_id="<q@customer.example>")
    desk.read()
    browser, at = desk.browser(), visibility_at(desk)
    shown = browser.post(at, htmx=True, visibility="metadata").text
    assert 'value="metadata" selected' in shown
    ask(google, "Re: Offer?", headers={"In-Reply-To": "<q@customer.example>"})
    desk.read()
    [row] = desk.threads()
    assert (row.detail["messages"], row.visibility) == (2, "metadata")
    browser.post(at, visibility="")
    assert desk.threads()[0].visibility == "all"


# --- what is never kept -------------------------------------------------------------------------------------------


def take_back(desk: Desk) -> None:
    """What a worker does for a block that is due."""
    with desk.hub.db.write() as session:
        [lease] = claim(session, MailBlock, blocks.due(), owner=new_owner(), lease_s=60)
    hub_app.take_back(desk.hub, lease)


def block(desk: Desk, what: str, email: str = NOA) -> Browser:
    browser = desk.browser(email)
    assert browser.post("/settings/mail", block=what).status_code == 303
    return browser


def test_a_block_takes_stored_mail_back_and_lets_nothing_new_in(desk: Desk, google: GoogleSimulator) -> None:
    with desk.hub.db.write() as session:
        given = [parties.Given(parties.EMAIL, "jan@other.example")]
        parties.create(session, None, PartyKind.PERSON, "Jan", given, region="PL")
    for number in range(3):
        ask(google, f"Secret {number}")
    google.deliver(NOA, from_="jan@other.example", subject="Stays", body="Hi")
    desk.read()
    browser = block(desk, "  Customer.EXAMPLE ")
    page = browser.get("/settings/mail").text
    assert "customer.example" in page
    assert "0 stored mails looked at" in page
    take_back(desk)
    assert "3 stored mails were taken back" in browser.get("/settings/mail/list", HX_Request="true").text
    ask(google, "Later")
    desk.read()
    assert [one.subject for one in desk.messages()] == ["Stays"]
    assert desk.threads() == []
    assert desk.filtered() == ["user_block"] * 4
    with desk.hub.db.read() as session:
        assert "Secret" not in str([one.payload for one in session.scalars(select(RawRecord))])
        audits = session.scalars(select(Audit).where(Audit.action == "mail.block_added")).all()
    assert [("customer" in str(one.detail), one.actor) for one in audits] == [(False, NOA)]
    assert desk.audit() == ((), 0)  # and the comparison with the mailbox misses nothing


def test_a_colleague_who_has_the_same_mail_keeps_it(hub: Hub, google: GoogleSimulator) -> None:
    desk = Desk(hub, google, service_account=google.service_account_json(), mailboxes=f"{NOA}\n{ADAM}")
    google.deliver(NOA, ADAM, from_=CUSTOMER, subject="Both", body="Hi", message_id="<b@customer.example>")
    ask(google, "Only hers")
    desk.read()
    block(desk, CUSTOMER)
    take_back(desk)
    assert [one.subject for one in desk.messages()] == ["Both"]
    [row] = desk.threads()
    with hub.db.read() as session:
        adam = session.scalars(select(User.id).where(User.email == ADAM)).one()
        assert [copy.user_id for copy in session.scalars(select(MailCopy))] == [adam]
    assert row.detail["users"] == [adam]


def test_taking_back_goes_on_where_it_was_after_a_crash(
    desk: Desk, google: GoogleSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(blocks, "PAGE", 2)
    for number in range(7):
        ask(google, f"Mail {number}")
    desk.read()
    browser = block(desk, CUSTOMER)
    calls = 0
    withdraw = Taker.withdraw

    def dies(self: Any, *args: Any) -> None:
        nonlocal calls
        calls += 1
        withdraw(self, *args)
        if calls == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as dying:
        dying.setattr(Taker, "withdraw", dies)
        with pytest.raises(KeyboardInterrupt):
            take_back(desk)
    assert len(desk.messages()) == 5
    assert "2 stored mails looked at · 2 taken back" in browser.get("/settings/mail/list", HX_Request="true").text
    with desk.hub.db.write() as session:
        session.execute(update(MailBlock).values(lease_until=now() - timedelta(seconds=1)))
    take_back(desk)
    assert desk.messages() == []
    with desk.hub.db.read() as session:
        row = session.scalars(select(MailBlock)).one()
        assert (row.looked, row.taken, row.again) == (7, 7, True)


def test_mail_that_was_being_read_while_the_block_came_is_taken_back_by_the_second_look(
    desk: Desk, google: GoogleSimulator
) -> None:
    block(desk, CUSTOMER)
    take_back(desk)
    ask(google, "Just then")
    with desk.hub.db.write() as session:  # the page was sifted before the block was there
        [row] = session.scalars(select(MailBlock))
        kept = row.block
        row.block = "elsewhere.example"
    desk.read()
    assert len(desk.messages()) == 1
    with desk.hub.db.write() as session:
        session.execute(update(MailBlock).values(block=kept, due_at=now()))
    take_back(desk)
    assert desk.messages() == []
    with desk.hub.db.read() as session:
        row = session.scalars(select(MailBlock)).one()
        assert (row.due_at, row.taken) == (None, 1)


def test_a_block_that_is_removed_lets_mail_in_again(desk: Desk, google: GoogleSimulator) -> None:
    desk.read()
    browser = block(desk, CUSTOMER)
    with desk.hub.db.read() as session:
        number = session.scalars(select(MailBlock.id)).one()
    assert desk.browser(ADAM).post(f"/settings/mail/{number}/remove").status_code == 404
    assert browser.post(f"/settings/mail/{number}/remove").status_code == 303
    ask(google)
    desk.read()
    assert len(desk.messages()) == 1


def test_the_owner_of_a_mailbox_that_is_nobodys_address_here_blocks_too(desk: Desk, google: GoogleSimulator) -> None:
    with desk.hub.db.write() as session:
        session.execute(update(User).where(User.email == NOA).values(email="noa@renamed.example"))
        owner = session.scalars(select(User.id).where(User.email == "noa@renamed.example")).one()
        session.get_one(Account, desk.account).owner_id = owner
    block(desk, CUSTOMER, "noa@renamed.example")
    ask(google)
    desk.read()
    assert desk.messages() == []
    assert set(desk.filtered()) <= {"user_block"}


@pytest.mark.alike
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "neither an address nor a domain"), ("nonsense", "neither an address"), ("a b@x.example", "neither an"),
        ("http://x.example/", "neither an address"), ("x" * 400 + ".example", "neither an address"),
        (NOA, "our own addresses"), ("acme.example", "our own addresses"), ("@ACME.example", "our own addresses"),
        ("<script>alert(1)</script>", "neither an address"),
    ],
)  # fmt: skip
def test_what_cannot_be_blocked_is_said_beside_the_field(desk: Desk, typed: str, said: str) -> None:
    answer = desk.browser().post("/settings/mail", block=typed)
    assert answer.status_code == 422
    assert said in answer.text
    assert "<script>alert" not in answer.text
    with desk.hub.db.read() as session:
        assert session.scalars(select(MailBlock)).all() == []


def test_what_everybody_leaves_out_is_shown_and_cannot_be_changed_there(desk: Desk) -> None:
    page = desk.browser().get("/settings/mail").text
    assert "For everybody here" in page
    assert "Prywatne" in page
    assert len(re.findall(r"<form[^>]*action=\"/settings/mail", page)) == 1
    assert "/settings/mail" in desk.browser().get("/settings").text


def test_one_persons_blocks_are_nobody_elses(desk: Desk) -> None:
    block(desk, "lawyer.example")
    block(desk, "lawyer.example")
    for email in (ADAM, ADMIN):
        assert "lawyer.example<" not in desk.browser(email).get("/settings/mail").text
    with desk.hub.db.read() as session:
        assert len(session.scalars(select(MailBlock)).all()) == 1
        assert session.scalars(select(FilteredRecord)).all() == []
        assert session.scalars(select(MailFile)).all() == []
