"""Messages and statuses end in one same state, in whatever order, however often and in however many pages they come."""

import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.cti import adopt
from hub.identity.models import Identifier, Party
from hub.leads.models import Consent, Touchpoint
from hub.messages import adopt as message_adopt
from hub.messages.models import Conversation, MessageMedia, MessageRow
from hub.store.session import Database, open_engine
from hub.timeline.models import Interaction, Participant
from tests.unit.messages.desk import Desk, Values, message, status

_NUMBER = itertools.count(2_000_001)  # seven digits, as a number has them behind its prefix
PEERS = [("p1", ""), ("p2", ""), ("", "a"), ("", "b"), ("p1", "a"), ("p2", "a"), ("p2", "b")]
STATES = ["accepted", "sent", "delivered", "read", "failed"]


@st.composite
def plans(draw: st.DrawFn) -> tuple[list[Values], list[list[int]]]:
    """Messages and statuses, and pages of them in which each comes at least once."""
    told: list[Values] = []
    for number in range(draw(st.integers(1, 6))):
        phone, peer_id = draw(st.sampled_from(PEERS))
        is_sms = bool(phone) and not peer_id and draw(st.booleans())
        text = draw(st.sampled_from(["hello", "STOP", "start"]))
        told.append(
            message(
                f"m{number}", minute=number, peer_phone=phone, peer_id=peer_id, text=text,
                channel="sms" if is_sms else "whatsapp", direction=draw(st.sampled_from(["inbound", "outbound"])),
                peer_name="" if is_sms else draw(st.sampled_from(["", "Dana Levi", "Noa Cohen"])),
                content=draw(st.sampled_from(["text", "reaction"])),
                referral=draw(st.sampled_from([None, {"ad_id": "120"}])), media=draw(st.sampled_from([[], [{"id": "f"}]])),
            )
        )  # fmt: skip
    statuses = st.tuples(st.integers(0, 6), st.sampled_from(STATES))
    for number, state in draw(st.lists(statuses, max_size=5, unique=True)):  # what comes again says the same
        told.append(status(f"m{number}", state, minute=len(told)))
    places = draw(st.permutations([*range(len(told)), *draw(st.lists(st.integers(0, len(told) - 1), max_size=5))]))
    pages, rest = [], list(places)
    while rest:
        size = draw(st.integers(1, len(rest)))
        pages.append(rest[:size])
        rest = rest[size:]
    return told, pages


def real(told: Values, world: int) -> Values:
    """Put a plan's people into a world of their own: customers are known beyond accounts."""
    numbers = {"p1": f"+97250{world:07d}", "p2": f"+97252{world:07d}", "": ""}
    if "message_id" in told:
        return told
    peer_id = f"IL.{world}{told['peer_id']}" if told["peer_id"] else ""
    return {**told, "peer_phone": numbers[told["peer_phone"]], "peer_id": peer_id}


def run(database: Database, told: Sequence[Values], pages: Sequence[Sequence[int]]) -> Any:
    world = next(_NUMBER)
    desk = Desk(database, f"World {world}")
    for page in pages:
        some = [real(told[place], world) for place in page]
        if messages := [one for one in some if "message_id" not in one]:
            desk.take(*messages)
        if statuses := [one for one in some if "message_id" in one]:
            desk.tell(*statuses)
    with database.read() as session:
        return state(session, desk.account, world)


def state(session: Session, account: int, world: int) -> Any:
    """Say how things stand in words that are the same in every world."""

    def plain(text: str) -> str:
        return text.removesuffix(f"{world:07d}").replace(f"IL.{world}", "IL.")

    def party(number: int | None) -> Any:
        if number is None:
            return None
        row = session.get_one(Party, number)
        while row.merged_into is not None:
            row = session.get_one(Party, row.merged_into)
        held = session.scalars(select(Identifier).where(Identifier.party_id == row.id, Identifier.valid_to.is_(None)))
        return row.name, row.status, tuple(sorted((one.kind, plain(one.value)) for one in held))

    found = []
    for one in session.scalars(select(Conversation).where(Conversation.account_id == account)):
        rows = session.scalars(
            select(MessageRow).where(MessageRow.conversation_id == one.id).order_by(MessageRow.remote_id)
        )
        found.append((
            one.channel, plain(one.peer_phone), plain(one.peer_id), one.peer_name, party(one.party_id), one.last_at,
            one.last_inbound_at, one.last_outbound_at, one.unanswered_since,
            tuple(_message(session, row, party) for row in rows),
        ))  # fmt: skip
    touches = session.scalars(select(Touchpoint.ad_id).where(Touchpoint.account_id == account)).all()
    words = session.execute(select(Consent.remote_id, Consent.checked).where(Consent.account_id == account)).all()
    return sorted(found, key=repr), len(touches), sorted(tuple(one) for one in words)


def _message(session: Session, row: MessageRow, party: Any) -> Any:
    [entry] = session.scalars(select(Interaction).where(Interaction.id == row.interaction_id)).all()
    parts = session.scalars(select(Participant).where(Participant.interaction_id == entry.id)).all()
    files = session.scalars(select(MessageMedia).where(MessageMedia.message_id == row.id)).all()
    people = [party(part.party_id) for part in parts]
    return row.remote_id, row.state, row.state_at, entry.started_at, entry.detail["state"], people, len(files)


@pytest.fixture(scope="module")
def world(sqlite_template: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("world") / "hub.db"
    file.write_bytes(sqlite_template.read_bytes())
    adopt.watch()
    message_adopt.watch()
    database = Database(open_engine(f"sqlite:///{file}"))
    yield database
    database.close()


@settings(max_examples=25, suppress_health_check=[HealthCheck.too_slow])
@given(plan=plans())
def test_any_order_and_repetition_ends_in_one_same_state(
    world: Database, plan: tuple[list[Values], list[list[int]]]
) -> None:
    told, pages = plan
    in_order = run(world, told, [[place] for place in range(len(told))])
    assert run(world, told, pages) == in_order
