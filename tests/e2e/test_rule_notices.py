"""What rules tell colleagues: notices on screens and on My day, and mails."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import select, update

from hub import app as hub_app
from hub.context import Hub
from hub.errors import NotFoundError, RejectedError, RetryLaterError
from hub.notice.carrier import Message, UnansweredError
from hub.notice.rule_letters import PAUSE, TRIED_FOR, RuleLetters
from hub.rules import notices
from hub.rules.models import RuleFiring, RuleLetter, RuleNotice
from hub.security.models import Role, User
from hub.store.base import now
from tests.e2e.rules_desk import Rules
from tests.fakes.browser import signed_in

HOSTILE = "<script>alert(1)</script> \u202edlo"


@pytest.fixture
def rules(hub: Hub) -> Rules:
    made = Rules(hub)
    made.colleague("Ada", Role.ADMIN)
    made.colleague("Noa")
    made.colleague("Omer")
    return made


def fire(rules: Rules, do: str, name: str = "Dana Levi", to: str = "owner", owner: str = "Noa") -> int:
    party = rules.customer(name, owner=rules.people[owner])
    if not rules_are_on(rules):
        rules.rule("call_missed", {"do": do, "to": [to], "text": "{customer} called"})
    rules.call(party)
    rules.look()
    return party


def rules_are_on(rules: Rules) -> bool:
    with rules.hub.db.read() as session:
        return bool(hub_app.rules.listed(session))


# --- notices --------------------------------------------------------------------------------------------------------


@dataclass
class Told:
    """Hears what browsers are told."""

    heard: list[tuple[int, str, dict[str, Any]]] = field(default_factory=list)

    def tell(self, user_id: int, event: str, news: dict[str, Any]) -> None:
        self.heard.append((user_id, event, news))


def test_notices_are_told_once_kept_put_away_and_brought_back(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    noa, omer = rules.people["Noa"], rules.people["Omer"]
    fire(rules, "notice")
    told = Told()
    monkeypatch.setattr(rules.hub.bus, "tell", told.tell)
    for waits in (True, False):
        with rules.hub.db.write() as session:
            assert notices.waits(session) == waits
            hub_app.tell_notices(rules.hub, session)
    [(user_id, event, news)] = told.heard
    assert (user_id, event, news["text"]) == (noa.id, "rule.notice", "Dana Levi called")
    with rules.hub.db.write() as session:
        [shown] = notices.of_user(session, noa.id)
        assert (str(shown.id), shown.party and shown.party.name) == (news["id"], "Dana Levi")
        assert not notices.of_user(session, omer.id)
        for do in (notices.put_away, notices.bring_back, notices.put_all_away):
            with pytest.raises(NotFoundError):
                do(session, omer.id, shown.id)
            with pytest.raises(NotFoundError):
                do(session, noa.id, uuid4())
        for _ in range(2):
            notices.put_away(session, noa.id, shown.id)
            assert not notices.of_user(session, noa.id)
        notices.bring_back(session, noa.id, shown.id)
        assert notices.of_user(session, noa.id) == [shown]


def test_all_that_was_seen_is_put_away_and_what_came_since_stays(rules: Rules) -> None:
    noa = rules.people["Noa"].id
    for name in ("Dana", "Tom"):
        fire(rules, "notice", name)
    with rules.hub.db.write() as session:
        newest = notices.of_user(session, noa)[0].id
    fire(rules, "notice", "Rut")
    with rules.hub.db.write() as session:
        notices.put_all_away(session, noa, newest)
        assert [one.text for one in notices.of_user(session, noa)] == ["Rut called"]


def test_old_notices_are_forgotten(rules: Rules) -> None:
    fire(rules, "notice", "Dana")
    fire(rules, "notice", "Tom")
    with rules.hub.db.write() as session:
        old = select(RuleNotice.id).order_by(RuleNotice.id).limit(1).scalar_subquery()
        session.execute(
            update(RuleNotice).where(RuleNotice.id == old).values(created_at=now() - notices.KEPT_FOR),
            execution_options={"synchronize_session": False},
        )
        notices.forget(session)
        assert [one.text for one in session.scalars(select(RuleNotice))] == ["Tom called"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_my_day_lists_them_for_their_reader_alone(rules: Rules) -> None:
    for name in (HOSTILE, "Tom", "Rut"):
        fire(rules, "notice", name)
    browser, other = signed_in(rules.hub, "noa@example.com"), signed_in(rules.hub, "omer@example.com")
    page = browser.get("/").text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert "<script>alert" not in page
    assert "h-notices" not in other.get("/").text
    with rules.hub.db.read() as session:
        ids: list[UUID] = [one.id for one in notices.of_user(session, rules.people["Noa"].id)]
    assert other.post(f"/notices/{ids[0]}/away").status_code == 404
    assert other.post("/notices/away", newest=str(ids[0])).status_code == 404
    assert browser.post("/notices/away", newest="\0nonsense").status_code == 404
    done = browser.post(f"/notices/{ids[0]}/away", htmx=True)
    assert done.status_code == 200
    assert "Rut called" not in done.text
    assert f"/notices/{ids[0]}/back" in done.text
    assert "Rut called" in browser.post(f"/notices/{ids[0]}/back", htmx=True).text
    assert browser.post(f"/notices/{ids[1]}/away").status_code == 303, "without a script the page comes again"
    assert browser.post("/notices/away", newest=str(ids[0]), htmx=True).text.strip() == ""
    assert browser.get("/notices", HX_Request="true").text.strip() == ""


# --- mails ----------------------------------------------------------------------------------------------------------


@dataclass
class Carrier:
    """Takes mails, or does not."""

    refuses: Callable[[Message], Exception | None] = lambda _: None
    mails: list[Message] = field(default_factory=list)
    remembers: bool = True

    def carry(self, message: Message) -> None:
        self.mails.append(message)
        if (error := self.refuses(message)) is not None:
            raise error


@pytest.fixture
def post() -> Carrier:
    return Carrier()


def letters(rules: Rules, carrier: Carrier | None) -> RuleLetters:
    return RuleLetters(
        rules.hub.db, carrier, rules.hub.settings, hub_app._catalog, lambda one: f"https://hub.example/customers/{one}"
    )


def later(rules: Rules) -> None:
    """So much time passes that it is tried again."""
    with rules.hub.db.write() as session:
        session.execute(update(RuleLetter).where(RuleLetter.tried_at.is_not(None)).values(tried_at=now() - PAUSE))


def kept(rules: Rules) -> RuleLetter:
    [one] = rules.letters()
    return one


def test_a_letter_goes_once_in_its_readers_language_with_a_link(rules: Rules, post: Carrier) -> None:
    with rules.hub.db.write() as session:
        session.get_one(User, rules.people["Noa"].id).language = "he"
    fire(rules, "mail", HOSTILE)
    for _ in range(2):
        letters(rules, post).turn()
    [mail] = post.mails
    assert mail.to.address == "noa@example.com"
    assert mail.subject.startswith("When call_missed: <script>")
    assert "\u202e" not in mail.subject
    assert "https://hub.example/customers/" in mail.text
    assert 'dir="rtl" lang="he"' in mail.html
    assert "<script>" not in mail.html
    with rules.hub.db.read() as session:
        firing = session.scalars(select(RuleFiring)).one()
        assert mail.key == f"{firing.public_id}-{session.get_one(User, rules.people['Noa'].id).public_id}"
    assert (mail.again, mail.at) == (False, kept(rules).created_at)
    assert kept(rules).sent_at is not None


def test_who_dies_after_sending_sends_it_again_under_the_same_key(rules: Rules, post: Carrier) -> None:
    fire(rules, "mail")

    class Died(BaseException):
        pass

    def dies(_: Message) -> Exception | None:
        raise Died

    with pytest.raises(Died):
        letters(rules, Carrier(dies, post.mails)).turn()
    assert kept(rules).unanswered == 1
    letters(rules, post).turn()
    assert len(post.mails) == 1, "it waits a while"
    later(rules)
    letters(rules, post).turn()
    first, second = post.mails
    assert (first.key, first.at, first.again, second.again) == (second.key, second.at, False, True)
    assert kept(rules).sent_at is not None


@pytest.mark.parametrize(("remembers", "mails"), [(False, 3), (True, 6)])
def test_where_no_answer_ever_comes_three_mails_are_enough(rules: Rules, remembers: bool, mails: int) -> None:
    fire(rules, "mail")
    carrier = Carrier(lambda _: UnansweredError("cut off"), remembers=remembers)
    for _ in range(6):
        letters(rules, carrier).turn()
        later(rules)
    assert len(carrier.mails) == mails
    assert len({(one.key, one.at) for one in carrier.mails}) == 1
    assert bool(kept(rules).sent_at) is not remembers, "one that finds what it carried makes no second mail"


def test_a_try_that_certainly_brought_nothing_is_no_doubt(rules: Rules, post: Carrier) -> None:
    fire(rules, "mail")
    for _ in range(5):
        letters(rules, Carrier(lambda _: RetryLaterError("away"))).turn()
        later(rules)
    letters(rules, post).turn()
    assert [one.again for one in post.mails] == [False]


def test_where_no_mail_goes_out_it_waits_and_is_given_up_when_it_is_no_news(rules: Rules) -> None:
    fire(rules, "mail")
    fire(rules, "mail", "Tom")
    away = Carrier(lambda _: RetryLaterError("no mail goes out"))
    letters(rules, away).turn()
    assert len(away.mails) == 1, "the others need not find out one by one"
    assert [one.last_error for one in rules.letters()] == ["no mail goes out", ""]
    assert {one.given_up_at for one in rules.letters()} == {None}
    with rules.hub.db.write() as session:
        session.execute(update(RuleLetter).values(created_at=now() - TRIED_FOR - timedelta(minutes=1)))
    letters(rules, None).turn()
    assert all(one.given_up_at for one in rules.letters())


def test_a_letter_that_is_refused_or_whose_reader_left_is_given_up(rules: Rules) -> None:
    fire(rules, "mail")
    fire(rules, "mail", "Tom", owner="Omer")
    rules.leave(rules.people["Omer"])
    carrier = Carrier(lambda _: RejectedError("no such mailbox"))
    letters(rules, carrier).turn()
    assert [one.to.address for one in carrier.mails] == ["noa@example.com"]
    refused, left = rules.letters()
    assert (refused.last_error, bool(refused.given_up_at)) == ("no such mailbox", True)
    assert (left.last_error, bool(left.given_up_at)) == ("", True)
    letters(rules, carrier).turn()
    assert len(carrier.mails) == 1
