"""Mail of a simulated Microsoft 365, read by a wired hub: what concerns customers, once, and nothing else."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import delete, select, update

from connectors.google.simulator import GoogleSimulator
from connectors.microsoft.simulated.mailbox import DELETIONS, Mailbox, Message
from connectors.microsoft.simulator import MicrosoftSimulator, create
from hub import app as hub_app
from hub.connector.simulated.mime import Attachment
from hub.connector.simulator import Faults
from hub.connector.stream import Phase
from hub.context import Hub
from hub.identity import parties
from hub.identity.models import Identifier, PartyKind
from hub.intake import accounts, read
from hub.intake.models import Account, FilteredRecord, RawRecord, StreamState
from hub.intake.read import Reader
from hub.mail import files
from hub.mail.models import FileState, MailCopy, MailFile, MailMessage
from hub.security import users
from hub.security.models import Role
from hub.store.base import now
from hub.timeline.models import Interaction, Kind, Participant
from hub.work.lease import claim, new_owner
from hub.work.models import Bucket
from tests.fakes.browser import signed_in

NOA, ADAM = "noa@acme.example", "adam@acme.example"
CUSTOMER = "dana@customer.example"
WHOLE = f"mail:{NOA}"


class Office:
    """A hub with one Microsoft account, whose mail is read on demand."""

    def __init__(self, hub: Hub, microsoft: MicrosoftSimulator, **settings: Any) -> None:
        self.hub, self.microsoft = hub, microsoft
        self.box: Mailbox = microsoft.user(NOA).mail
        with hub.db.write() as session:
            for address, name in ((NOA, "Noa"), (ADAM, "Adam")):
                users.add(session, address, name, Role.AGENT)
            given = [parties.Given(parties.EMAIL, CUSTOMER)]
            dana = parties.create(session, None, PartyKind.PERSON, "Dana", given, region="IL")
            self.dana, self.dana_public = dana.id, dana.public_id
        values = {**microsoft.settings(), "calendar": False, "contacts": False, "timeout_s": 5}
        self.account = self.connect("microsoft", {**values, **settings})

    def connect(self, connector: str, values: dict[str, Any]) -> int:
        with self.hub.db.write() as session:
            return accounts.create(session, self.hub.connectors[connector], self.hub.vault, connector, values).id

    # --- reading --------------------------------------------------------------------------------------------------

    def read(self, account: int = 0) -> None:
        """Read every stream of an account once, as workers do."""
        reader = hub_app.reader(self.hub)
        self.read_one(read.LISTING, reader, account)
        for stream in self.streams(account):
            self.read_one(stream, reader, account)

    def read_one(self, stream: str, reader: Reader | None = None, account: int = 0) -> dict[str, int]:
        which = (StreamState.account_id == (account or self.account)) & (StreamState.stream == stream)
        with self.hub.db.write() as session:
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        return dict((reader or hub_app.reader(self.hub)).read(lease))

    def streams(self, account: int = 0) -> list[str]:
        with self.hub.db.read() as session:
            return [state.stream for state in read.wanted(session, account or self.account)]

    def key(self, folder: str = "inbox") -> str:
        """The stream of a folder, by its id or well-known name."""
        return f"{WHOLE}:{self.box.folder(folder).id}"

    def state(self, stream: str) -> StreamState:
        with self.hub.db.read() as session:
            query = select(StreamState).where(StreamState.account_id == self.account, StreamState.stream == stream)
            return session.scalars(query).one()

    def audit(self, folder: str = "inbox") -> tuple[tuple[str, ...], int]:
        which = (StreamState.account_id == self.account) & (StreamState.stream == self.key(folder))
        with self.hub.db.write() as session:
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        found = hub_app.run_audit(self.hub, lease)
        assert found.error == ""
        return found.missing, found.fetched

    # --- what is there --------------------------------------------------------------------------------------------

    def threads(self, party: int = 0) -> list[Interaction]:
        """The conversations on a customer's timeline, in order."""
        with self.hub.db.read() as session:
            query = select(Interaction).join(Participant, Participant.interaction_id == Interaction.id)
            query = query.where(Participant.party_id == (party or self.dana), Interaction.kind == Kind.EMAIL)
            return list(session.scalars(query.order_by(Interaction.started_at, Interaction.id)))

    def subjects(self, party: int = 0) -> list[str]:
        return sorted(row.summary for row in self.threads(party))

    def messages(self) -> list[MailMessage]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(MailMessage).order_by(MailMessage.at, MailMessage.id)))

    def raws(self) -> list[RawRecord]:
        with self.hub.db.read() as session:
            return list(session.scalars(select(RawRecord).order_by(RawRecord.id)))

    def filtered(self) -> list[str]:
        with self.hub.db.read() as session:
            return sorted(session.scalars(select(FilteredRecord.reason)))

    def health(self) -> str:
        with self.hub.db.read() as session:
            return session.get_one(Account, self.account).health

    def ask(self, subject: str = "Offer?", **more: Any) -> Message:
        """A customer writes to Noa."""
        return self.box.receive(**{"from_": f"Dana <{CUSTOMER}>", "subject": subject, "body": "How much?", **more})


@pytest.fixture
def microsoft() -> Iterator[MicrosoftSimulator]:
    simulator = create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


@pytest.fixture
def office(hub: Hub, microsoft: MicrosoftSimulator) -> Office:
    return Office(hub, microsoft)


def test_mail_with_customers_stands_on_their_timelines_and_of_the_rest_only_a_reason(office: Office) -> None:
    office.ask()
    office.box.send(to=[CUSTOMER], subject="Our offer", body="100")
    office.ask("In the archive", folder="archive")
    office.box.receive(from_="stranger@elsewhere.example", subject="My secret", body="Do not tell")
    office.box.receive(from_=f"Adam <{ADAM}>", subject="Lunch", body="At one?")
    office.box.receive(from_="dana@customer.example", subject="Winner!", folder="junkemail")
    office.read()
    assert office.subjects() == ["In the archive", "Offer?", "Our offer"]
    assert office.filtered() == ["internal", "no_match", "spam"]
    office.ask("One more")
    office.read()
    assert office.subjects() == ["In the archive", "Offer?", "One more", "Our offer"]
    assert "secret" not in str([raw.payload for raw in office.raws()])
    page = signed_in(office.hub, NOA).get(f"/customers/{office.dana_public}/items/{office.threads()[0].id}")
    assert page.status_code == 200
    assert "How much?" in page.text


def test_an_answer_from_outlook_joins_its_conversation_and_the_row_moves_up(
    office: Office, microsoft: MicrosoftSimulator
) -> None:
    office.ask(message_id="<q1@customer.example>")
    office.read()
    [before] = office.threads()
    microsoft.clock.advance(minutes=5)
    office.box.send(to=[CUSTOMER], subject="Re: Offer?", body="100", headers={"In-Reply-To": "<q1@customer.example>"})
    office.read()
    [thread] = office.threads()
    assert (thread.id, thread.detail["messages"], thread.direction) == (before.id, 2, "outbound")
    assert thread.started_at > before.started_at


def test_the_same_mail_at_microsoft_and_at_google_is_one(
    hub: Hub, microsoft: MicrosoftSimulator, google: GoogleSimulator
) -> None:
    office = Office(hub, microsoft)
    other = office.connect("google", {
        **google.settings(), "service_account": google.service_account_json(), "mailboxes": ADAM, "calendar": False,
        "contacts": False, "timeout_s": 5,
    })  # fmt: skip
    letter = {
        "from_": f"Dana <{CUSTOMER}>", "to": [NOA, ADAM], "subject": "To both", "body": "Hi", "at": microsoft.clock.now(),
        "message_id": "<b@customer.example>",
    }  # fmt: skip
    microsoft.deliver(NOA, **letter)
    google.deliver(ADAM, **letter)
    office.box.send(
        to=[CUSTOMER, ADAM], subject="Re: To both", body="Yes", headers={"In-Reply-To": "<b@customer.example>"}
    )
    [answer] = office.box.inside(office.box.folder("sentitems"))
    google.user(ADAM).mail.receive(answer.raw)
    for _ in range(2):
        office.read()
        office.read(other)
        [thread] = office.threads()
        assert thread.detail["messages"] == len(office.messages()) == 2
        assert len(thread.detail["users"]) == 2
    with hub.db.read() as session:
        assert len(session.scalars(select(MailCopy)).all()) == 4


def test_a_customer_who_is_added_later_brings_older_mail_of_all_folders(office: Office) -> None:
    for folder in ("inbox", "archive"):
        office.box.receive(from_="jan@newcomer.example", subject=f"In {folder}", folder=folder)
    office.read()
    assert office.filtered() == ["no_match", "no_match"]
    with office.hub.db.write() as session:
        given = [parties.Given(parties.EMAIL, "jan@newcomer.example")]
        jan = parties.create(session, None, PartyKind.PERSON, "Jan", given, region="PL")
    office.read()
    assert office.subjects(jan.id) == ["In archive", "In inbox"]
    assert office.filtered() == []
    office.read()
    assert office.subjects(jan.id) == ["In archive", "In inbox"]


def test_a_private_category_takes_back_what_was_kept(office: Office) -> None:
    letter = office.ask("Between us")
    office.read()
    assert len(office.threads()) == 1
    office.box.categorise(letter.key, "Private")
    office.read()
    assert (office.threads(), office.messages(), office.raws()) == ([], [], [])
    assert office.filtered() == ["private"]


def test_what_is_thrown_away_is_taken_back_and_what_is_fetched_out_again_comes_back(office: Office) -> None:
    letter = office.ask()
    office.read()
    office.box.trash(letter.key)
    office.read()
    assert (office.threads(), office.raws()) == ([], [])
    assert office.filtered() == ["trash"]
    office.box.move(letter.key, "inbox")
    office.read()
    assert office.subjects() == ["Offer?"]
    assert office.filtered() == []


def test_mail_deleted_for_good_stays_on_the_timeline(office: Office) -> None:
    letter, hidden = office.ask(), office.ask("Hidden")
    office.read()
    office.box.delete_forever(letter.key)
    office.box.delete(hidden.key)
    office.read()
    assert office.subjects() == ["Hidden", "Offer?"]
    assert all(raw.gone_at is not None for raw in office.raws())


@pytest.mark.parametrize("fault", ["", "moved_unseen"])
@pytest.mark.parametrize("order", [("inbox", "archive"), ("archive", "inbox")])
def test_mail_that_moves_stays_one_whoever_tells_first(office: Office, fault: str, order: tuple[str, str]) -> None:
    letter = office.ask()
    office.read()
    [before] = office.threads()
    if fault:
        office.microsoft.faults.add(fault)
    office.box.move(letter.key, "archive")
    for folder in order:
        office.read_one(office.key(folder))
    [thread] = office.threads()
    [raw] = office.raws()
    assert (thread.id, len(office.messages()), raw.gone_at) == (before.id, 1, None)
    assert raw.payload["labels"] == ["Archive"]
    # Its place is lost then, and both folders are read from the beginning.
    office.box.expire()
    for folder in order:
        office.read_one(office.key(folder))
    [raw] = office.raws()
    assert raw.gone_at is None
    assert office.subjects() == ["Offer?"]


def test_mail_that_goes_to_a_new_folder_is_kept_before_the_folder_is_known(office: Office) -> None:
    letter = office.ask()
    office.read()
    folder = office.box.new_folder("Dana's", "inbox")
    office.box.move(letter.key, folder.id)
    office.read_one(office.key())
    assert office.subjects() == ["Offer?"]
    assert office.raws()[0].payload["labels"] == ["Inbox", "Dana's"]
    office.read()
    assert office.key(folder.id) in office.streams()
    assert len(office.messages()) == 1
    key = office.key(folder.id)
    office.box.delete_folder(folder.id)
    office.read_one(key)
    office.read()
    assert key not in office.streams()
    assert office.subjects() == ["Offer?"]
    assert office.raws()[0].gone_at is not None


@pytest.mark.parametrize("fault", ["expire_cursor", "expire_cursor_location"])
def test_a_lost_place_loses_nothing_and_what_went_meanwhile_is_noticed(office: Office, fault: str) -> None:
    first, second = office.ask("First"), office.ask("Second")
    office.ask("Third")
    office.read()
    office.box.expire()
    office.box.trash(first.key)
    office.box.move(second.key, "archive")
    office.ask("Fourth")
    office.microsoft.faults.add(fault)
    office.read()
    office.read()
    assert office.subjects() == ["Fourth", "Second", "Third"]
    assert len(office.messages()) == 3
    assert {raw.gone_at for raw in office.raws()} == {None}
    assert office.state(office.key()).phase == Phase.INCREMENTAL


@pytest.mark.parametrize(
    "fault", ["replay_page", "reorder_page", "empty_page", "same_twice", "throttled_batch_item", "token_expired"]
)
def test_whatever_happens_while_it_is_read_everything_comes_once(office: Office, fault: str) -> None:
    for number in range(7):
        office.ask(f"Mail {number}")
    office.microsoft.page(3)
    office.microsoft.faults.add(f"{fault}=2")
    for _ in range(3):
        office.read()
        with office.hub.db.write() as session:  # the silence that was wanted is over
            session.execute(delete(Bucket))
    assert office.subjects() == [f"Mail {number}" for number in range(7)]
    assert len(office.messages()) == 7


@pytest.mark.parametrize(
    "mail",
    [
        {"body": "", "html": "<p>Only HTML<script>alert(1)</script>"}, {"subject": "\u202eהצעת מחיר"},
        {"raw": b"From: dana@customer.example\r\nTo: noa@acme.example\r\n\r\nNo subject, no id, no date"},
        {"raw": b"From: dana@customer.example\r\nDate: yesterday\r\nMessage-ID: \r\nSubject: =?x?Q?=ff\r\n\r\nOdd"},
        {"raw": b"To: dana@customer.example\r\nSubject: Nobody wrote this\r\n\r\nx"},
        {"raw": b"From: dana@customer.example\r\nContent-Type: text/plain; charset=none-such\r\n\r\n\xff\xfe\x00"},
        {"to": [f"person{number}@many.example" for number in range(500)]},
        {"from_": '"Dana \\" <x@y.example>" <dana@customer.example>', "cc": '"Noa, <boss@acme.example>" <jan@customer.example>'},
    ],
    ids=lambda value: str(value)[:30],
)  # fmt: skip
def test_odd_mail_is_kept_and_the_next_one_comes(office: Office, mail: dict[str, Any]) -> None:
    office.read()
    if "raw" in mail:
        office.box.receive(mail["raw"])
    else:
        office.ask(**mail)
    office.ask("The next one")
    office.read()
    assert office.state(office.key()).trouble == ""
    assert "The next one" in office.subjects()
    assert len(office.threads()) == 2


def test_ids_that_differ_only_in_case_are_two_mails(office: Office) -> None:
    first = office.ask("First")
    office.ask("Second", like=first)
    office.read()
    assert office.subjects() == ["First", "Second"]
    office.box.delete_forever(first.key)
    office.read()
    assert [raw.payload["message"]["subject"] for raw in office.raws() if raw.gone_at is None] == ["Second"]


def test_an_audit_finds_what_nobody_told_of_and_says_so_until_nothing_is_missing(
    hub: Hub, microsoft: MicrosoftSimulator
) -> None:
    office = Office(hub, microsoft, requests_per_minute=60_000)
    office.read()
    office.microsoft.clock.advance(minutes=1)
    office.ask("Kept")
    office.box.receive(from_="stranger@elsewhere.example", subject="Filtered")
    office.read()
    assert office.audit() == ((), 0)
    places = {"From the junk": "junkemail", "Thrown away": "deleteditems", "Deleted": DELETIONS}
    hidden = [office.ask(subject).key for subject in places]
    office.read()
    for one, folder in zip(hidden, places.values(), strict=True):
        office.box.move(one, folder)
    office.read()
    office.microsoft.faults.add("moved_unseen=3")
    for one in hidden:
        office.box.move(one, "inbox")
    office.read()
    assert [raw.remote_id for raw in office.raws() if raw.gone_at is None and raw.remote_id in hidden] == []
    missing, fetched = office.audit()
    assert (missing, fetched) == (tuple(sorted(hidden)), 3)
    assert office.subjects() == ["Deleted", "From the junk", "Kept", "Thrown away"]
    assert office.health() == "warnings"
    assert office.audit() == ((), 0)
    assert office.health() == "healthy"


def test_a_file_of_a_mail_is_fetched_when_somebody_wants_it(office: Office) -> None:
    content = b"%PDF-1.7 " + bytes(range(256)) * 800
    office.ask(
        attachments=[Attachment("offer.pdf", content), Attachment("logo.png", b"\x89PNG", "image/png", "logo@x")]
    )
    office.read()
    [message] = office.messages()
    assert [(one["name"], one["type"]) for one in message.attachments] == [
        ("offer.pdf", "application/pdf"), ("logo.png", "image/png"),
    ]  # fmt: skip
    with office.hub.db.write() as session:
        files.ask(session, session.get_one(MailMessage, message.id), [0], files.limits(office.hub.settings))
    with office.hub.db.write() as session:
        [lease] = claim(session, MailFile, files.due(), owner=new_owner(), lease_s=60)
    hub_app.fetcher(office.hub).fetch(lease)
    with office.hub.db.read() as session:
        row = session.get_one(MailFile, lease.id)
    assert (row.state, row.reason) == (FileState.READY, "")
    with files.shelf(office.hub.settings).open(row.sha256) as file:
        assert file.read() == content


def test_a_mailbox_day_costs_little_more_than_it_must(office: Office, microsoft: MicrosoftSimulator) -> None:
    """Looks at each folder, one request for each mail of a customer, and the list of folders."""
    with office.hub.db.write() as session:  # the customer is no newcomer, whose older mail is looked for
        session.execute(update(Identifier).values(valid_from=now() - timedelta(days=1)))
    office.read()
    microsoft.quota.forget()
    looks = 20
    for number in range(looks):
        microsoft.clock.advance(minutes=5)
        letter = office.ask(f"Mail {number}")
        office.box.receive(from_="stranger@elsewhere.example", subject="x")
        office.box.read(letter.key)
        for stream in office.streams():
            office.read_one(stream)
    folders = len(office.streams())
    assert microsoft.spent(NOA).requests <= (looks * folders + looks) * 1.1
    assert len(office.messages()) == looks


def test_mail_of_several_mailboxes_is_read_by_an_app_without_anybodys_consent(
    hub: Hub, microsoft: MicrosoftSimulator
) -> None:
    office = Office(hub, microsoft, app_only=True, mailboxes=f"{NOA}\n{ADAM}", refresh_token="", address="")
    microsoft.deliver(
        NOA, ADAM, from_=f"Dana <{CUSTOMER}>", subject="To both", body="Hi", message_id="<b@customer.example>"
    )
    office.read()
    [thread] = office.threads()
    assert len(thread.detail["users"]) == 2
    assert len(office.messages()) == 1
    with hub.db.read() as session:
        assert len(session.scalars(select(MailCopy)).all()) == 2
