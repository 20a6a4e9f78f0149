"""Mail of a simulated Google, read by a wired hub: what concerns customers, once, and nothing else."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from connectors.google.simulator import GoogleSimulator
from hub import app as hub_app
from hub.connector.stream import Phase
from hub.context import Hub
from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake.models import Account, FilteredRecord, RawRecord, RawState, StreamState
from hub.mail.models import MailCopy, MailMessage
from hub.security.models import Audit, Role
from hub.security.policy import Person
from hub.store.base import now
from hub.timeline import queries
from hub.timeline.models import Interaction, Kind
from hub.work.lease import claim, new_owner
from hub.work.models import Bucket
from tests.e2e.test_google_calendar import ADAM, CUSTOMER, NOA, Office
from tests.fakes.browser import signed_in

STREAM = f"mail:{NOA}"


class MailOffice(Office):
    """The same office, with mail instead of calendars."""

    def __init__(self, hub: Hub, google: GoogleSimulator, **settings: Any) -> None:
        super().__init__(hub, google, **{"mail": True, "calendar": False, **settings})

    def threads(self, party: int | None = None) -> list[Interaction]:
        return [row for row in self.interactions(party) if row.kind == Kind.EMAIL]

    def messages(self) -> list[MailMessage]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(MailMessage).order_by(MailMessage.at, MailMessage.id)))

    def page(self, email: str, path: str) -> str:
        """What somebody sees at an address."""
        answer = signed_in(self.hub, email).get(path)
        assert answer.status_code == 200
        return answer.text

    def audit(self) -> tuple[tuple[str, ...], int]:
        which = (StreamState.account_id == self.account) & (StreamState.stream == STREAM)
        with self.hub.db.write() as session:
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        found = hub_app.run_audit(self.hub, lease)
        assert found.error == ""
        return found.missing, found.fetched

    def health(self) -> str:
        with self.hub.db.read() as session:
            return session.get_one(Account, self.account).health

    def filtered(self) -> list[str]:
        with self.hub.db.read() as session:
            return sorted(session.scalars(select(FilteredRecord.reason)))


@pytest.fixture
def office(hub: Hub, google: GoogleSimulator) -> MailOffice:
    return MailOffice(hub, google)


def ask(google: GoogleSimulator, subject: str = "Offer?", **more: Any) -> None:
    """A customer writes to Noa."""
    google.deliver(NOA, **{"from_": f"Dana <{CUSTOMER}>", "subject": subject, "body": "How much?", **more})


def test_older_mail_of_customers_is_found_and_the_rest_is_never_fetched(
    office: MailOffice, google: GoogleSimulator
) -> None:
    for number in range(30):
        google.deliver(NOA, from_=f"shop{number}@elsewhere.example", subject="Sale", body="Buy")
    ask(google)
    google.user(NOA).mail.send(to=[CUSTOMER], subject="Our offer", body="100")
    google.quota.forget()
    office.read()
    assert {row.summary for row in office.threads()} == {"Offer?", "Our offer"}
    spent = google.spent(NOA).by_method
    assert spent["gmail.users.messages.get"][0] == 2
    assert office.filtered() == []


def test_new_mail_comes_in_and_what_is_no_customers_leaves_only_a_reason(
    office: MailOffice, google: GoogleSimulator
) -> None:
    office.read()
    ask(google)
    google.deliver(NOA, from_="stranger@elsewhere.example", subject="My secret", body="Do not tell")
    google.deliver(NOA, from_=f"Adam <{ADAM}>", subject="Lunch", body="At one?")
    office.read()
    assert [row.summary for row in office.threads()] == ["Offer?"]
    assert office.filtered() == ["internal", "no_match"]
    with office.hub.db.read() as session:
        assert "secret" not in str([row.payload for row in session.scalars(select(RawRecord))])


def test_an_answer_joins_its_thread_and_the_row_moves_up(office: MailOffice, google: GoogleSimulator) -> None:
    ask(google, message_id="<q1@customer.example>")
    office.read()
    [before] = office.threads()
    google.clock.advance(minutes=5)
    google.user(NOA).mail.send(
        to=[CUSTOMER], subject="Re: Offer?", body="100", headers={"In-Reply-To": "<q1@customer.example>"}
    )
    office.read()
    [thread] = office.threads()
    assert thread.id == before.id
    assert thread.detail["messages"] == 2
    assert thread.direction == "outbound"
    assert thread.started_at > before.started_at


def test_one_message_in_two_mailboxes_is_one_with_two_copies(hub: Hub, google: GoogleSimulator) -> None:
    office = MailOffice(hub, google, service_account=google.service_account_json(), mailboxes=f"{NOA}\n{ADAM}")
    google.deliver(
        NOA, ADAM, from_=f"Dana <{CUSTOMER}>", subject="To both", body="Hi", message_id="<b@customer.example>"
    )
    office.read()
    [thread] = office.threads()
    assert len(thread.detail["users"]) == 2
    assert len(office.messages()) == 1
    with hub.db.read() as session:
        assert len(session.scalars(select(MailCopy)).all()) == 2


def test_a_contact_who_is_added_later_brings_older_mail(office: MailOffice, google: GoogleSimulator) -> None:
    google.deliver(NOA, from_="jan@newcomer.example", subject="Hello", body="We spoke")
    office.read()
    with office.hub.db.write() as session:
        given = [parties.Given(parties.EMAIL, "jan@newcomer.example")]
        jan = parties.create(session, None, PartyKind.PERSON, "Jan", given, region="PL")
    office.read()
    assert [row.summary for row in office.threads(jan.id)] == ["Hello"]


def test_a_private_label_takes_back_what_was_kept(office: MailOffice, google: GoogleSimulator) -> None:
    ask(google, "Between us")
    office.read()
    assert len(office.threads()) == 1
    mailbox = google.user(NOA).mail
    label = mailbox.create_label("Private")
    [letter] = [one for one in mailbox.letters.values() if "SENT" not in one.labels]
    mailbox.label(letter.id, add=[label["id"]])
    office.read()
    assert office.threads() == []
    assert office.messages() == []
    assert office.filtered() == ["private"]
    with office.hub.db.read() as session:
        assert session.scalars(select(RawRecord)).all() == []


def test_history_that_is_too_old_begins_anew_from_an_anchor_and_loses_nothing(
    office: MailOffice, google: GoogleSimulator
) -> None:
    ask(google, "First")
    office.read()
    ask(google, "Second")
    google.faults.add("expire_cursor")
    office.read()
    ask(google, "Third")
    office.read()
    assert {row.summary for row in office.threads()} == {"First", "Second", "Third"}
    assert len(office.messages()) == 3


def test_mail_deleted_at_google_stays_on_the_timeline(office: MailOffice, google: GoogleSimulator) -> None:
    ask(google)
    office.read()
    mailbox = google.user(NOA).mail
    for letter in list(mailbox.letters.values()):
        mailbox.delete_forever(letter.id)
    office.read()
    assert len(office.threads()) == 1
    with office.hub.db.read() as session:
        [raw] = session.scalars(select(RawRecord)).all()
        assert raw.gone_at is not None
        assert raw.state == RawState.APPLIED


def test_content_is_only_for_whose_mailbox_it_is_where_the_account_says_so(hub: Hub, google: GoogleSimulator) -> None:
    office = MailOffice(hub, google, visibility="metadata")
    ask(google, "Secret subject")
    office.read()
    [thread] = office.threads()
    [noa_id] = thread.detail["users"]
    with hub.db.read() as session:
        for user_id, summary in ((noa_id, "Secret subject"), (noa_id + 1000, "")):
            person = Person(user_id, None, "", "", Role.AGENT)
            [item] = queries.page(session, [office.dana], person=person).items
            assert item.summary == summary


@pytest.mark.parametrize(
    "mail",
    [
        {"body": "", "html": "<p>Only HTML<script>alert(1)</script>"}, {"subject": "\u202eהצעת מחיר"},
        {"raw": b"From: dana@customer.example\nTo: noa@acme.example\n\nNo subject, no id, no date"},
        {"raw": b"From: dana@customer.example\nDate: yesterday\nMessage-ID: \nSubject: =?x?Q?=ff\n\nOdd"},
        {"raw": b"From: dana@customer.example\nTo: noa@acme.example\nContent-Type: multipart/mixed; boundary=x\n\n--y"},
        {"raw": b"From: dana@customer.example\nContent-Type: text/plain; charset=none-such\n\n\xff\xfe\x00"},
        {"raw": b"From: dana@customer.example\nTo: noa@acme.example\nMIME-Version: 1.0\nContent-Type: application/ms-tnef; "
                b"name=winmail.dat\nContent-Transfer-Encoding: base64\n\neJ8+IgAA"},
        {"raw": b"From: dana@customer.example\nTo: noa@acme.example\nMIME-Version: 1.0\nContent-Type: application/pdf; "
                b"name=plan.pdf\nContent-Transfer-Encoding: base64\n\n" + b"QUJD" * 18 * 100 + (b"QUJD" * 18 + b"\n") * 400_000},
        {"to": [f"person{number}@many.example" for number in range(5000)]},
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_odd_mail_is_kept_or_set_aside_and_the_next_one_comes(
    office: MailOffice, google: GoogleSimulator, mail: dict[str, Any]
) -> None:
    office.read()
    mailbox = google.user(NOA).mail
    if "raw" in mail:
        mailbox.receive(mail["raw"])
    else:
        ask(google, **mail)
    ask(google, "The next one")
    office.read()
    assert office.state(STREAM).trouble == ""
    assert "The next one" in {row.summary for row in office.threads()}
    assert len(office.threads()) == 2


@pytest.mark.parametrize(("fault", "project_waits"), [("quota_user", False), ("rate_limited_403", True)])
def test_a_limit_of_one_mailbox_silences_no_other(
    office: MailOffice, google: GoogleSimulator, fault: str, project_waits: bool
) -> None:
    office.read()
    google.faults.add(fault)
    office.read()
    assert office.state(STREAM).trouble == "limited"
    with office.hub.db.read() as session:
        waits = {
            bucket.name.split(":")[1]: bucket.frozen_until is not None for bucket in session.scalars(select(Bucket))
        }
    assert (waits["gmail"], waits["gmail-project"]) == (True, project_waits)


def test_two_mails_that_say_the_same_id_are_both_kept(office: MailOffice, google: GoogleSimulator) -> None:
    office.read()
    ask(google, "First", message_id="<one@customer.example>", body="the first of two")
    google.clock.advance(minutes=1)
    ask(google, "Second", message_id="<one@customer.example>", body="another one altogether")
    office.read()
    texts = {message.text.strip() for message in office.messages()}
    assert texts == {"the first of two", "another one altogether"}
    office.read()
    assert len(office.messages()) == 2


def test_an_audit_finds_what_was_lost_fetches_it_and_says_so_until_nothing_is_missing(
    office: MailOffice, google: GoogleSimulator
) -> None:
    office.read()
    google.clock.advance(minutes=1)
    ask(google, "Kept")
    google.deliver(NOA, from_="stranger@elsewhere.example", subject="Filtered", body="No")
    office.read()
    assert office.audit() == ((), 0)
    ask(google, "Lost")
    with office.hub.db.write() as session:  # as if a fault of ours had moved the cursor without the record
        state = session.scalars(select(StreamState).where(StreamState.stream == STREAM)).one()
        assert state.cursor is not None
        state.cursor = {**state.cursor, "token": str(google.user(NOA).mail.history_id)}
    ask(google, "Just now")
    missing, fetched = office.audit()
    assert (len(missing), fetched) == (1, 1)
    assert {row.summary for row in office.threads()} == {"Kept", "Lost", "Just now"}
    assert office.health() == "warnings"
    assert office.audit() == ((), 0)
    assert office.health() == "healthy"


def test_the_customers_page_shows_what_was_written_without_its_quotes_and_the_reading_is_audited(
    office: MailOffice, google: GoogleSimulator
) -> None:
    body = "Yes, please.\n<script>alert(1)</script>\n\nOn Mon, 2 Nov 2026 at 10:00, Noa Levi <noa@acme.example> wrote:\n> Would you like it?\n"
    ask(google, "Re: Offer", body=body)
    office.read()
    [thread] = office.threads()
    page = office.page(NOA, f"/customers/{office.dana_public}/items/{thread.id}")
    assert "Yes, please." in page
    assert page.index("Yes, please.") < page.index("With what it quotes") < page.index("Would you like it?")
    assert "<script>alert" not in page
    with office.hub.db.read() as session:
        assert session.scalars(select(Audit.action).where(Audit.action == "mail.read")).all() == ["mail.read"]


@pytest.mark.parametrize("what", ["delete_forever", "trash"])
def test_what_went_while_our_place_was_lost_is_noticed_and_the_rest_stays(
    office: MailOffice, google: GoogleSimulator, what: str
) -> None:
    for number in range(3):
        ask(google, subject=f"Offer {number}")
    office.read()
    box = google.user(NOA).mail
    [letter] = [one for one in box.letters.values() if one.envelope.subject == "Offer 1"]
    box.expire_history()
    getattr(box, what)(letter.id)
    office.read()
    with office.hub.db.read() as session:
        kept = session.scalars(select(RawRecord.remote_id).where(RawRecord.gone_at.is_(None))).all()
    assert sorted(kept) == sorted(
        one.id for one in box.letters.values() if one.envelope.subject in {"Offer 0", "Offer 2"}
    )
    assert office.state(STREAM).phase == Phase.INCREMENTAL
    before = google.spent(NOA).units
    office.read()
    assert google.spent(NOA).units - before < 20


def test_two_mailboxes_that_get_the_same_mail_at_the_same_time_make_it_once(hub: Hub, google: GoogleSimulator) -> None:
    office = MailOffice(hub, google, service_account=google.service_account_json(), mailboxes=f"{NOA}\n{ADAM}")
    office.read()
    for number in range(20):
        name = f"<both-{number}@customer.example>"
        google.deliver(NOA, ADAM, from_=f"Dana <{CUSTOMER}>", subject=f"To both {number}", body="Hi", message_id=name)
    streams = (f"mail:{NOA}", f"mail:{ADAM}")
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(office.read_one, streams))
    assert [office.state(stream).trouble for stream in streams] == ["", ""]
    assert len(office.messages()) == len(office.threads()) == 20
    with hub.db.read() as session:
        assert len(session.scalars(select(MailCopy)).all()) == 40


def test_an_audit_that_cannot_be_ended_is_tried_again_later_and_not_all_the_time(
    office: MailOffice, google: GoogleSimulator
) -> None:
    office.read()
    google.faults.add("html_instead_of_json")
    with office.hub.db.write() as session:
        which = (StreamState.account_id == office.account) & (StreamState.stream == STREAM)
        [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
    assert hub_app.run_audit(office.hub, lease).error
    state = office.state(STREAM)
    assert state.owner == ""
    assert state.audit_at is not None
    assert timedelta(minutes=50) < state.audit_at - now() < timedelta(minutes=70)


def test_an_audit_that_comes_while_everything_is_read_comes_again_soon(
    office: MailOffice, google: GoogleSimulator
) -> None:
    ask(google)
    office.read()
    which = (StreamState.account_id == office.account) & (StreamState.stream == STREAM)
    with office.hub.db.write() as session:
        session.execute(update(StreamState).where(which).values(phase="full"))
        [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
    assert hub_app.run_audit(office.hub, lease).too_early
    state = office.state(STREAM)
    assert state.audit_at is not None
    assert timedelta(minutes=50) < state.audit_at - now() < timedelta(minutes=70)
