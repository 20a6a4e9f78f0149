"""Open questions of customers: tickets of a simulated Zammad and of a manifest, and notes of ours that are questions."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import func, select, update

from connectors.zammad import simulator
from connectors.zammad.simulator import TICKETS, ZammadSimulator
from hub import app as hub_app
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.flow import Taker
from hub.identity import parties
from hub.identity.merging.merge import merge
from hub.identity.merging.undo import undo
from hub.identity.models import Merge, Party, PartyKind
from hub.imports.models import What
from hub.intake import accounts, channels, read
from hub.intake.models import LISTING, Account, OauthGrant, RawRecord, RawState, StreamState
from hub.intake.read import Reader
from hub.security import users
from hub.security.models import Role, User
from hub.security.policy import Person
from hub.tickets import queries
from hub.tickets.models import TicketRow
from hub.timeline import index, notes, questions
from hub.timeline.models import Interaction, Note, Question
from hub.web.console import open_questions
from hub.work.lease import claim, new_owner
from hub.work.models import Bucket
from tests.contract.streams import reached
from tests.e2e.test_imports import bring
from tests.e2e.test_note_files import erase_all_of, run
from tests.fakes.api import ApiClient, Office, add_call
from tests.fakes.api import office as make_office
from tests.fakes.browser import signed_in
from tests.fakes.exchange import FakeExchange

LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)
DANA, OMER = "dana@customer.example", "omer@customer.example"
only_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@dataclass
class Desk:
    """A hub with one account at a simulated help desk."""

    hub: Hub
    site: ZammadSimulator
    account: int
    stream: str = TICKETS

    def read(self, stream: str = "", *, anew: bool = False) -> StreamState:
        which = (StreamState.account_id == self.account) & (StreamState.stream == (stream or self.stream))
        with self.hub.db.write() as session:
            if anew:
                read.forget_cursor(session, self.account, self.stream)
            session.execute(update(StreamState).where(which).values(lease_until=LONG_AGO))
            session.execute(update(OauthGrant).where(OauthGrant.lease_until.is_not(None)).values(lease_until=LONG_AGO))
            session.execute(update(Bucket).values(frozen_until=None))
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
        Reader(self.hub.db, self.hub.remotes.open, Taker(self.hub.flow), slice_s=60).read(lease)
        with self.hub.db.read() as session:
            return session.get_one(StreamState, lease.id)

    def party(self, email: str) -> Party:
        with self.hub.db.read() as session:
            [found] = session.scalars(
                select(Party).where(Party.id.in_(parties.holders_of(session, "email", {email}).values()))
            )
            return found

    def open(self, email: str) -> list[str]:
        with self.hub.db.read() as session:
            return [one.title for one in queries.open_of(session, [self.party(email).id])]

    def rows(self) -> dict[str, TicketRow]:
        with self.hub.db.read() as session:
            return {row.key: row for row in session.scalars(select(TicketRow))}


@contextmanager
def desk(hub: Hub, connector: str = "zammad", **changes: str) -> Iterator[Desk]:
    site = simulator.create(0, Faults())
    site.start()
    try:
        settings = {**site.settings(), "timeout_s": "2", **changes}
        if connector == "manifest":
            del settings["token"], settings["webhook_token"]
            settings |= {"manifest": OWN, "secrets": f"token={site.key}"}
        with hub.db.write() as session:
            row = accounts.create(session, hub.connectors[connector], hub.vault, "Desk", settings, time_zone="UTC")
            account = row.id
        made = Desk(hub, site, account)
        made.read(LISTING)
        yield made
    finally:
        site.stop()


def test_tickets_are_read_followed_and_leave_the_open_ones(hub: Hub) -> None:
    with desk(hub) as made:
        site = made.site
        site.page(2)
        with hub.db.write() as session:
            known = parties.create(
                session, None, PartyKind.PERSON, "Dana", [parties.Given("email", DANA)], region="IL"
            ).id
        tickets = [site.add(TICKETS, DANA, title=f"Question {number}") for number in range(5)]
        site.person(OMER, mobile="054-7654321")
        others = site.add(TICKETS, OMER, title="Where is it?", state="pending reminder")
        nobodys = site.add(TICKETS, title="Spam")
        state = made.read()
        assert (state.trouble, state.last_error) == ("", "")
        assert made.party(DANA).id == known
        assert made.open(DANA) == [f"Question {number}" for number in range(5)]  # the oldest first
        assert made.open(OMER) == ["Where is it?"]
        assert made.party(OMER).name == "Omer"
        asked = site.asked
        made.read()
        assert site.asked - asked <= 4, (
            "nothing new is a page or two of what is read again, and nobody is asked for twice"
        )

        # Closed, changed within the same second as another, given to another customer, deleted.
        site.change(tickets[0], state="closed", close_at="2026-11-04T09:00:00.000Z")
        with site.lock:
            tickets[1].facts["title"], tickets[1].changed = "Question 1, once more", tickets[0].changed
        site.change(tickets[2])
        tickets[2].customer = OMER
        made.read()
        assert made.open(DANA) == ["Question 1, once more", "Question 3", "Question 4"]
        assert made.open(OMER) == ["Question 2", "Where is it?"]
        closed = made.rows()[f"tickets:{tickets[0].number}"]
        assert (closed.state, closed.closed_at) == ("closed", datetime(2026, 11, 4, 9, tzinfo=UTC))
        site.change(tickets[0], state="open")
        made.read()
        assert made.open(DANA)[0] == "Question 0"

        # Committed late: it is dated before what was read last.
        late = site.add(TICKETS, DANA, title="Late")
        with site.lock:
            late.changed = tickets[0].changed - timedelta(minutes=9)
        made.read()
        assert "Late" in made.open(DANA)
        site.remove(others)
        made.read(anew=True)
        assert made.open(OMER) == ["Question 2"]
        rows = made.rows()
        with hub.db.read() as session:
            assert session.scalar(select(func.count()).select_from(Interaction)) == len(rows) == 8
            assert rows[f"tickets:{nobodys.number}"].party_remote_id == ""
            raws = session.scalars(select(RawRecord).where(RawRecord.state == RawState.SET_ASIDE)).all()
            assert raws == []


@only_sqlite
def test_trouble_of_the_help_desk_loses_and_doubles_nothing(hub: Hub) -> None:
    with desk(hub, timeout_s="1") as made:
        site = made.site
        site.page(2)
        names = []
        for fault in (
            "rate_limited",
            "server_error",
            "hang",
            "truncated_json",
            "replay_page",
            "empty_page",
            "token_expired",
        ):
            names += [f"{fault} {number}" for number in range(3)]
            for name in names[-3:]:
                site.add(TICKETS, DANA, title=name)
            site.faults.add(fault)
            made.read()
            made.read()
            assert sorted(made.open(DANA)) == sorted(names), fault
        site.faults.add("revoked=always")
        assert made.read().trouble == "auth"
        site.faults.clear()
        with hub.db.write() as session:
            read.begin(session, made.account)


def test_a_signed_webhook_is_a_hint_and_an_unsigned_one_nothing(hub: Hub) -> None:
    with desk(hub) as made, reached(hub) as house:
        ticket = made.site.add(TICKETS, DANA, title="Now")
        made.read()
        with hub.db.write() as session:
            channels.plan(session, channels.reached_at(house.hub.settings))
            which = (StreamState.account_id == made.account) & (StreamState.stream == channels.PUSH)
            [lease] = claim(session, StreamState, which, owner=new_owner(), lease_s=60)
            account = session.get_one(Account, made.account)
        hub_app.push_channels(house.hub).keep(lease)
        address = channels.address(channels.reached_at(house.hub.settings), account)

        def due_in() -> float:
            with hub.db.read() as session:
                state = session.scalars(select(StreamState).where(StreamState.stream == TICKETS)).one()
                assert state.due_at is not None
                return (state.due_at - datetime.now(UTC)).total_seconds()

        with hub.db.write() as session:
            later = datetime.now(UTC) + timedelta(hours=1)
            mine = StreamState.stream == TICKETS
            session.execute(update(StreamState).where(mine).values(due_at=later, last_run_at=LONG_AGO))
        made.site.change(ticket, title="Now, changed")
        made.site.faults.add("forged_notification")
        assert made.site.post(address, ticket) == 401
        assert due_in() > 1000
        assert made.site.post(address, ticket) in {200, 204}
        assert due_in() <= 1
        assert house.post(-1) in {200, 204}, "doubled"
        assert made.open(DANA) == ["Now"], "what a post says is not believed"
        made.read()
        assert made.open(DANA) == ["Now, changed"]


OWN = """\
version = 1
name = "own_desk"
title = "Own Desk"
docs = "https://desk.example/docs"
help = "A help desk of our own."
auth = { type = "header", name = "Authorization", prefix = "Token token=", value = { setting = "token" } }

[settings.token]
title = "Token"
description = "Of the API."
secret = true
required = true

[[stream]]
name = "tickets"
title = "Tickets"
path = "/api/v1/tickets/search"
query = { expand = true }
id = "id"
page = { type = "page", param = "page", size_param = "per_page", size = 100 }
cursor = { type = "stop_when_older", field = "updated_at", order = { sort_by = "updated_at", order_by = "desc" } }
one = "/api/v1/tickets/{id}"
link = "{base_url}/t/{id}"
"""


@only_sqlite
def test_a_manifest_of_ones_own_brings_tickets(hub: Hub) -> None:
    with desk(hub, "manifest") as made:
        told = {"party_email": DANA, "party_name": "Dana Levi", "opened_at": "2026-11-01T08:00:00Z"}
        made.site.add(TICKETS, state="waiting", title="Own words", **told)
        made.site.add(TICKETS, state="resolved", title="Done", **told)
        assert made.read().trouble == ""
        assert made.open(DANA) == ["Own words"]
        with hub.db.read() as session:
            [ticket] = queries.open_of(session, [made.party(DANA).id])
        assert (ticket.state, ticket.opened_at) == ("pending", datetime(2026, 11, 1, 8, tzinfo=UTC))
        assert ticket.url.endswith("/t/1")


def ask(made: Desk) -> Party:
    """Let Dana ask four things."""
    made.site.add(TICKETS, DANA, title="The invoice is <b>wrong</b>")
    for number in range(3):
        made.site.add(TICKETS, DANA, title=f"Again {number}")
    made.read()
    return made.party(DANA)


def is_on_a_card(office: Office, dana: Party) -> None:
    """Look at the card of a call with Dana: three of her five questions, and how many there are."""
    with office.hub.db.write() as session:
        facts = {"party_id": dana.id, "number": "+972541234567", "direction": "inbound"}
        call = add_call(session, office.account, "c1", datetime.now(UTC), [office.agent], **facts)
        address = f"/calls/{call.public_id}/card"
    shown = (
        signed_in(office.hub, "noa@example.com", office.app)
        .get(address)
        .text.partition('aria-label="Open questions"')[2]
        .partition("</section>")[0]
    )
    assert "(5)" in shown
    assert shown.count("<li>") == 3
    assert "and 2 more" in shown


def test_open_questions_are_shown_closed_listed_and_found(hub: Hub) -> None:
    with desk(hub) as made:
        dana = ask(made)
        office = make_office(hub, FakeExchange())
        noa = signed_in(hub, "noa@example.com", office.app)
        api: ApiClient = office.as_admin

        # A question of ours, by the page and by the API.
        path = f"/customers/{dana.public_id}"
        assert noa.post(f"{path}/notes", note="When do we deliver?", question="yes").status_code == 303
        asked = api.post("/notes", {"text": "Which size?", "party": str(dana.public_id), "kind": "question"}).get_json()
        assert (asked["kind"], asked["closed_at"]) == ("question", None)
        page = noa.get(path).text
        section = page[page.index('id="h-questions"') :].partition("</section>")[0]
        assert "(6)" in section
        assert "When do we deliver?" in section
        assert "Which size?" in section
        assert "The invoice is &lt;b&gt;wrong" in section
        assert "/#ticket/zoom/1" in section
        with hub.db.read() as session:
            waiting = open_questions.of_party(session, [dana.id], open_questions.ON_CARD)
        assert (len(waiting.lines), waiting.total, waiting.more) == (3, 6, 3)
        assert [line.number for line in waiting.lines] == ["22001", "22002", "22003"]

        closed = api.post(f"/notes/{asked['id']}/close").get_json()
        assert closed["closed_at"] is not None
        assert api.post(f"/notes/{asked['id']}/close").get_json()["closed_at"] == closed["closed_at"]
        plain = api.post("/notes", {"text": "No question", "party": str(dana.public_id)}).get_json()
        assert api.post(f"/notes/{plain['id']}/close").status_code == 422
        with hub.db.read() as session:
            [mine] = questions.open_of(session, [dana.id])
        assert noa.post(f"{path}/notes/{mine.id}/close").status_code == 303
        with hub.db.read() as session:
            assert questions.open_of(session, [dana.id]) == []
            by = select(User.email).join(Question, Question.closed_by == User.id).order_by(User.email)
            assert session.scalars(by).all() == ["adam@example.com", "noa@example.com"]
        assert "Which size?" not in noa.get(path).text.partition('id="h-questions"')[2].partition("</section>")[0]
        assert noa.post(f"{path}/notes/{mine.id}/reopen").status_code == 303

        # Listed, searched for, filtered.
        listed = [one for page in api.pages(f"/tickets?party={dana.public_id}", 3) for one in page]
        assert [one["number"] for one in listed] == ["22001", "22002", "22003", "22004"]
        assert {one["party"]["id"] for one in listed} == {str(dana.public_id)}
        assert api.get("/tickets?state=closed").get_json()["items"] == []
        assert len(api.get("/tickets?open=true").get_json()["items"]) == 4
        assert api.get("/search?q=invoice").status_code == 200
        with hub.db.read() as session:
            found, _ = index.find(
                session,
                users.person(session.scalars(select(User).where(User.email == "noa@example.com")).one()),
                "invoice",
                kinds=["ticket"],
                limit=5,
            )
        assert [one.title for one in found] == ["The invoice is <b>wrong</b>"]
        assert "Again 1" in noa.get(f"{path}?filters=on&kind=ticket").text
        is_on_a_card(office, dana)


def test_questions_follow_merges_and_go_with_who_is_erased(hub: Hub) -> None:
    with desk(hub) as made:
        dana = ask(made)
        with hub.db.write() as session:
            notes.add(
                session,
                Person(0, None, "", "A program", Role.ADMIN),
                party_id=dana.id,
                text="Which size?",
                is_question=True,
            )

        # Merged into another and taken apart again.
        with hub.db.write() as session:
            other = parties.create(session, None, PartyKind.PERSON, "Dana L.", region="IL")
            kept_one = session.get_one(Party, other.id)
            merge(session, None, kept_one, session.get_one(Party, dana.id), winner=kept_one)
        with hub.db.read() as session:
            assert queries.count_of(session, [other.id]) == 4
            assert questions.count_of(session, [other.id]) == 1
        with hub.db.write() as session:
            undo(session, None, session.scalars(select(Merge)).one())
        with hub.db.read() as session:
            assert (queries.count_of(session, [other.id]), queries.count_of(session, [dana.id])) == (0, 4)

        # Erased: it goes, and the next look does not bring it back, a new ticket of the same person neither.
        assert erase_all_of(hub, dana).error == ""
        assert made.rows() == {}
        made.site.add(TICKETS, DANA, title="After that")
        made.read(anew=True)
        assert made.rows() == {}
        with hub.db.read() as session:
            assert session.scalars(select(Note.text).where(Note.party_id == dana.id)).all() == []
            kept = str([raw.payload for raw in session.scalars(select(RawRecord))])
        assert DANA not in kept
        assert "wrong" not in kept


QUESTIONS = """id,kind,started_at,ended_at,body,people
q1,Question,2026-10-01 10:00,,When do we deliver?,p1
q2,question,2026-10-02 10:00,2026-10-03 10:00,Which size?,p1
"""


@only_sqlite
def test_questions_of_an_old_system_are_open_unless_they_ended(hub: Hub) -> None:
    adam = make_office(hub, FakeExchange()).admin
    run(hub, bring(hub, "id,name\np1,Dana Levi\n", What.PEOPLE))
    batch = run(hub, bring(hub, QUESTIONS, What.INTERACTIONS))
    assert batch.error == ""
    with hub.db.write() as session:
        dana = session.scalars(select(Party).where(Party.name == "Dana Levi")).one()
        [one] = questions.open_of(session, [dana.id])
        assert (one.text, one.asked_at.date().isoformat()) == ("When do we deliver?", "2026-10-01")
        questions.close(session, users.person(session.get_one(User, adam.id)), notes.get(session, one.id))
    run(hub, bring(hub, QUESTIONS.replace("Which size?", "Which size now?"), What.INTERACTIONS))
    with hub.db.read() as session:
        assert questions.open_of(session, [dana.id]) == [], "what somebody closed here stays closed"
        assert session.scalars(select(Note.text).order_by(Note.text)).all() == [
            "When do we deliver?",
            "Which size now?",
        ]
        states = session.scalars(select(Interaction.detail).where(Interaction.kind == "note")).all()
        assert [one["question"] for one in states] == ["closed", "closed"]
