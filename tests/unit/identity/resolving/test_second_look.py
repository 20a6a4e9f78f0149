"""Who is who, looked at again: what a later record reveals changes the answer as if it had been known from the start."""

import random
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub.connector.contract import Delivered
from hub.identity import link, parties, reviews
from hub.identity.merging.merge import merge
from hub.identity.merging.split import split
from hub.identity.merging.undo import SPLIT, undo
from hub.identity.models import Link, Merge, MergeState, NotSame, NumberRule, Party, PartyStatus, Review, SharedRecord
from hub.identity.parties import Given
from hub.identity.partition import partition
from hub.identity.partition_pairs import RecordKind
from hub.identity.resolving import second_look
from hub.identity.resolving.models import SecondLook
from hub.identity.resolving.second_look import EVIDENCE
from hub.identity.resolving.sources import HAND, Sources
from hub.identity.rules import Identifier, IdentifierKind
from hub.intake import receive
from hub.intake.models import Account, RawRecord
from hub.store.base import now
from hub.store.session import Database
from tests.fakes.merging import Desk, opened, whole
from tests.unit.identity.practice import Practice, made

MOBILE, OTHER, THIRD = "050-234-5678", "054-765-4321", "052-888-7766"
MAIL = "dana@levi.example"


@pytest.fixture
def desk(database: Database) -> Iterator[Desk]:
    with opened(database) as made:
        yield made


def look(desk: Desk) -> None:
    """Let the workers look at everybody who waits."""
    desk.session.flush()
    for _ in range(50):
        if not second_look.waits(desk.session):
            break
        second_look.page(desk.session)
        desk.session.flush()
        desk.session.expire_all()
    assert not second_look.waits(desk.session), "it comes to an end"
    whole(desk.session)


def together(desk: Desk) -> set[frozenset[str]]:
    """The remote ids of each customer's records."""
    found: dict[int, set[str]] = defaultdict(set)
    for row in desk.session.execute(select(Link.party_id, Link.remote_id)):
        found[row.party_id].add(row.remote_id)
    return {frozenset(several) for several in found.values()}


def groups(*several: str) -> set[frozenset[str]]:
    return {frozenset(one.split()) for one in several}


def test_a_record_without_a_name_leaves_whose_number_turns_out_to_be_shared(desk: Desk) -> None:
    desk.take(0, "dana", "Dana Levi", phones=MOBILE)
    desk.take(1, "nameless", "", phones=MOBILE, emails="x@mail.example")
    look(desk)
    assert together(desk) == groups("dana nameless")
    desk.take(2, "omar", "Omar Saleh", phones=MOBILE)
    look(desk)
    assert together(desk) == groups("dana", "nameless", "omar")
    [row] = desk.session.scalars(select(Merge))
    assert (row.rule, row.state, row.reasons[0]) == ("split", MergeState.UNDONE, EVIDENCE)
    assert not desk.session.scalars(select(NotSame)).all(), "nobody said that they are not one"
    asked = desk.session.scalars(select(Review)).all()
    assert len(asked) == 2, "whose it is, a person may say"


def test_two_that_a_third_brings_together_become_one(desk: Desk) -> None:
    first = desk.take(0, "mail", "Dana Levi", emails=MAIL)
    desk.take(1, "mobile", "Levi, Dana", phones=MOBILE)
    desk.write(first, "Likes tea")
    look(desk)
    assert together(desk) == groups("mail", "mobile")
    desk.take(2, "both", "Dana Levi", emails=MAIL, phones=MOBILE)
    look(desk)
    assert together(desk) == groups("mail mobile both")
    [row] = desk.session.scalars(select(Merge))
    assert (row.rule, row.score, row.winner_id) == (EVIDENCE, 0.93, first.id), "the older one stays"
    assert row.reasons[0][0] in {"same_mobile", "same_email"}


def test_what_a_person_took_back_stays_so(desk: Desk) -> None:
    desk.take(0, "mail", "Dana Levi", emails=MAIL)
    desk.take(1, "mobile", "Dana Levi", phones=MOBILE)
    desk.take(2, "both", "Dana Levi", emails=MAIL, phones=MOBILE)
    look(desk)
    last = desk.session.scalars(select(Merge).order_by(Merge.id.desc())).first()
    assert last is not None
    undo(desk.session, None, last)
    before = together(desk)
    assert len(before) == 2
    desk.take(2, "both", "Dana Levi", emails=MAIL, phones=[MOBILE, THIRD])
    look(desk)
    assert together(desk) == before


def test_what_a_person_merged_or_parted_stays_so(desk: Desk) -> None:
    dana = desk.take(0, "dana", "Dana Levi", phones=MOBILE)
    omar = desk.take(1, "omar", "Omar Saleh", phones=MOBILE)
    merge(desk.session, None, dana, omar)
    party = desk.take(2, "mail", "Ruth Barak", emails=MAIL)
    same = desk.take(3, "same", "Ruth Barak", emails=MAIL)
    assert party.id == same.id
    split(desk.session, None, party, [desk.link(3, "same").id])
    for account, remote_id, name in ((0, "dana", "Dana Levi"), (3, "same", "Ruth Barak")):
        desk.take(account, remote_id, name, phones=MOBILE if account == 0 else [THIRD], emails=MAIL)
    look(desk)
    assert together(desk) == groups("dana omar", "mail", "same")


def test_what_a_person_wrote_stays_with_its_customer(desk: Desk) -> None:
    dana = desk.take(0, "dana", "Dana Levi", phones=MOBILE)
    parties.edit(desk.session, None, dana, name="Mrs. Levi, purchasing", job_title="Buyer")
    parties.add_identifier(desk.session, None, dana, Given("phone", THIRD), region="IL")
    own = parties.create(desk.session, None, "person", "Avi Carmi", [Given("phone", OTHER)], region="IL")
    desk.take(1, "avi", "Avi Carmi", phones=OTHER)
    desk.take(2, "third", "Dana Levi", phones=THIRD)
    look(desk)
    assert together(desk) == groups("dana third", "avi")
    assert desk.link(1, "avi").party_id == own.id
    assert desk.link(0, "dana").party_id == dana.id
    assert desk.link(2, "third").party_id == dana.id


def test_a_number_that_was_taken_off_is_no_evidence_but_what_was_one_stays_one(desk: Desk) -> None:
    dana = desk.take(0, "dana", "Dana Levi", phones=MOBILE)
    desk.take(1, "other", "Dana Levi", phones=MOBILE)
    desk.take(1, "other", "Dana Levi", phones=OTHER)
    look(desk)
    assert together(desk) == groups("dana other"), "a source was tidied: that is no reason to part them"
    held = {row.value: row.id for row in parties.identifiers(desk.session, dana)}
    parties.remove_identifier(desk.session, None, dana, held["+972502345678"])
    desk.take(2, "new", "Dana Levi", phones=MOBILE)
    look(desk)
    assert together(desk) == groups("dana other", "new")


def test_what_we_wrote_ourselves_is_whose_it_was_written_for(desk: Desk) -> None:
    """Else a contact that we made would leave, and another one would be made for the same customer, without end."""
    desk.take(0, "dana", "Dana Levi", phones=MOBILE)
    desk.take(1, "copy", "Dana Levi", phones=MOBILE)
    row = desk.link(1, "copy")
    desk.session.add(SharedRecord(link_id=row.id, base={}, ours={}, pushed_at=now()))
    for number, name in enumerate(("Omar Saleh", "Ruth Barak", "Pavel Nowak", "Layla Haddad")):
        desk.take(2, f"o{number}", name, phones=MOBILE)
    look(desk)
    assert frozenset({"dana", "copy"}) in together(desk)


def test_a_number_that_many_call_from_joins_nobody(desk: Desk) -> None:
    desk.take(0, "dana", "Dana Levi", phones=MOBILE)
    desk.session.add(NumberRule(value="+972502345678", rule="shared"))
    desk.take(1, "nameless", "", phones=MOBILE, emails=MAIL)
    look(desk)
    assert together(desk) == groups("dana", "nameless")


def test_an_account_that_knows_two_says_so(desk: Desk) -> None:
    desk.take(0, "1", "Dana Levi", emails=MAIL)
    desk.take(0, "2", "Dana Levi", emails=MAIL)
    look(desk)
    assert together(desk) == groups("1", "2")
    link.lose(
        desk.session,
        desk.accounts[0],
        [desk.session.scalars(select(RawRecord).where(RawRecord.remote_id == "1")).one()],
    )
    desk.take(0, "2", "Dana Levi", emails=MAIL, phones=MOBILE)
    look(desk)
    assert together(desk) == groups("1 2"), "the first card is gone: somebody wrote her down anew"


def test_a_history_that_still_moves_is_waited_for(desk: Desk) -> None:
    first = desk.take(0, "mail", "Dana Levi", emails=MAIL)
    other = desk.take(1, "else", "Dana Levi", phones=OTHER)
    row = merge(desk.session, None, first, other)
    row.state = MergeState.MOVING
    desk.take(2, "mobile", "Dana Levi", phones=MOBILE)
    desk.take(3, "both", "Dana Levi", emails=MAIL, phones=MOBILE)
    second_look.page(desk.session)
    assert desk.session.scalars(select(SecondLook)).all()
    assert not second_look.waits(desk.session)
    row.state = MergeState.DONE
    desk.session.execute(update(SecondLook).values(due_at=now() - timedelta(seconds=1)))
    look(desk)
    assert together(desk) == groups("mail else mobile both")


def test_a_look_that_fails_leaves_nothing_half_done_and_comes_back(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.take(0, "mail", "Dana Levi", emails=MAIL)
    desk.take(1, "mobile", "Levi, Dana", phones=MOBILE)
    desk.take(2, "both", "Dana Levi", emails=MAIL, phones=MOBILE)

    def broken(*_: object) -> None:
        raise RuntimeError("no")

    with monkeypatch.context() as patched:
        patched.setattr(reviews, "propose", broken)
        before = together(desk)
        second_look.page(desk.session)
        desk.session.flush()
        desk.session.expire_all()
        assert together(desk) == before
    rows = desk.session.scalars(select(SecondLook)).all()
    assert {(row.failures, row.error) for row in rows} == {(1, "RuntimeError")}
    assert not second_look.waits(desk.session), "it is tried again later"
    desk.session.execute(update(SecondLook).values(due_at=now() - timedelta(seconds=1)))
    look(desk)
    assert together(desk) == groups("mail mobile both")


# --- any order ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def practice() -> Practice:
    return made(companies=8, people=30)


def payload(values: tuple[Identifier, ...]) -> dict[str, Any]:
    """What a source writes so that these identifiers come of it."""
    kinds = {kind: [one.value for one in values if one.kind is kind] for kind in IdentifierKind}
    tax = kinds[IdentifierKind.TAX_ID]
    return {
        "phones": kinds[IdentifierKind.MOBILE] + kinds[IdentifierKind.FIXED],
        "emails": kinds[IdentifierKind.EMAIL] + kinds[IdentifierKind.ROLE_MAILBOX],
        "tax_id": tax[0] if tax else "",
        "tax_country": "IL" if tax else "",
    }


def arrive(session: Session, practice: Practice, chance: random.Random) -> set[frozenset[str]]:
    """Take the records in any order and in pages of any size; returns who is one then."""
    accounts: dict[str, Account] = {}
    records = [one for one in practice.records if one.kind is not RecordKind.CALL]
    chance.shuffle(records)
    while records:
        size = chance.choice((1, 3, 20))
        page, records = records[:size], records[size:]
        by_account: dict[str, list[Any]] = defaultdict(list)
        for one in page:
            scopes = [value.scope for value in one.identifiers if value.kind is IdentifierKind.REMOTE_ID]
            by_account[scopes[0] if scopes else ""].append(one)
        for name, several in by_account.items():
            account = accounts.get(name)
            if account is None:
                account = accounts[name] = Account(name=name, connector="google")
                session.add(account)
                session.flush()
            said = {
                one.key: {
                    "remote_id": one.key, "name": one.name, "kind": one.kind, "company": one.company,
                    **payload(one.identifiers),
                }
                for one in several
            }  # fmt: skip
            kept = receive.keep_page(
                session, account.id, "people", [Delivered("people", key, values) for key, values in said.items()]
            )
            given = [link.Given(raw, said[raw.remote_id]) for raw in receive.rows(session, kept)]
            link.take(session, account, given, region="IL", apart=bool(name))
        if chance.random() < 0.7:
            while second_look.waits(session):
                second_look.page(session)
    while second_look.waits(session):
        second_look.page(session)
    found: dict[int, set[str]] = defaultdict(set)
    for row in session.execute(select(Link.party_id, Link.remote_id)):
        found[row.party_id].add(row.remote_id)
    return {frozenset(several) for several in found.values()}


@pytest.mark.parametrize("seed", [2, 7])
def test_the_order_of_arrival_does_not_matter(database: Database, practice: Practice, seed: int) -> None:
    with Session(database.engine, expire_on_commit=False) as session:
        found = arrive(session, practice, random.Random(seed))
        whole(session)
        sources = Sources(session)
        records = sources.of(session.scalars(select(Party.id).where(Party.status == PartyStatus.ACTIVE)).all())
        name = {f"{row.id:019}": row.remote_id for row in session.execute(select(Link.id, Link.remote_id))}
        wanted = [
            frozenset(name[key] for key in group if not key.startswith(HAND)) for group in partition(records).groups
        ]
        assert found == {group for group in wanted if group}, "as if all had come at once"
        assert set(session.scalars(select(Merge.rule))) == {EVIDENCE, SPLIT}, "some of it is found out late"
        session.rollback()
