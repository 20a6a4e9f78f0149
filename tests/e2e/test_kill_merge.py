"""kill -9 while histories move, to a winner and back, and while the hub looks again at who is who."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from hub import app as hub_app
from hub.context import Hub
from hub.identity.merging import history
from hub.identity.merging import merge as merging
from hub.identity.merging import undo as undoing
from hub.identity.models import Link, Merge, MergeState, Party
from hub.identity.resolving.models import SecondLook
from hub.identity.resolving.second_look import EVIDENCE
from hub.store.base import now
from hub.store.session import Database, open_engine
from hub.timeline.models import Interaction, Participant
from tests.e2e import kill_merge
from tests.e2e.content import Content, copied, must_equal
from tests.e2e.mortals import Mortals
from tests.fakes.merging import Desk, whole
from tests.fakes.servers import Postgres

HISTORY = 6  # interactions of each
MOBILE, MAIL = "050-234-5678", "dana@levi.example"


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Mortals]:
    program = Mortals(tmp_path, kill_merge)
    yield program
    program.close()


def with_history(desk: Desk, account: int, remote_id: str, name: str, **more: str) -> Party:
    party = desk.take(account, remote_id, name, **more)
    for _ in range(HISTORY):
        desk.talk(party, "+97236123456")
    return party


def begin(session: Session) -> None:
    """Two that are being made one, two that are being parted, and three cards of which the last brings two together."""
    desk = Desk(session)
    session.commit()
    first, other = with_history(desk, 0, "a", "Noa Barak"), with_history(desk, 1, "b", "Omar Saleh")
    third, fourth = with_history(desk, 0, "c", "Ruth Carmi"), with_history(desk, 1, "d", "Pavel Nowak")
    row = merging.merge(session, None, third, fourth)
    while row.state == MergeState.MOVING:
        history.advance(session, row, 100)
    undoing.undo(session, None, row)
    merging.merge(session, None, first, other)
    with_history(desk, 0, "mail", "Dana Levi", emails=MAIL)
    with_history(desk, 1, "mobile", "Levi, Dana", phones=MOBILE)
    desk.take(2, "both", "Dana Levi", emails=MAIL, phones=MOBILE)
    desk.take(3, "nameless", "", phones=MOBILE)
    session.commit()


def states(session: Session) -> list[tuple[str, str]]:
    query = select(Merge.rule, Merge.state).order_by(Merge.id)
    return [(rule, state) for rule, state in session.execute(query)]


@pytest.mark.timeout(300)
def test_killed_at_every_place_nothing_is_lost_or_doubled(
    hub: Hub,
    program: Mortals,
    tmp_path: Path,
    database_url: str,
    postgres_server: Postgres,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in (merging, undoing):
        monkeypatch.setattr(module, "AT_ONCE", 1)
    with Session(hub.db.engine, expire_on_commit=False) as session:
        begin(session)
        assert states(session) == [("", MergeState.UNDOING), ("", MergeState.MOVING)]
        assert session.scalar(select(func.count()).select_from(SecondLook))
    hub_app.close_hub(hub)
    began, before = now(), Content(database_url)
    clean = copied(database_url, tmp_path, postgres_server)
    places = program.die_everywhere(tmp_path, database_url, clean)
    for what in ("before COMMIT < hub/identity/merging/background.py", "after COMMIT", "before UPDATE"):
        assert any(one.startswith(what) for one in places), (what, places)
    assert any("second_look.py" in one for one in places), places

    must_equal(database_url, clean, before, began)
    database = Database(open_engine(database_url))
    with database.read() as session:
        whole(session)
        made = {*states(session)}
        assert made == {("", MergeState.UNDONE), ("", MergeState.DONE), (EVIDENCE, MergeState.DONE)}
        assert not session.scalars(select(SecondLook)).all()
        assert session.scalar(select(func.count()).select_from(Interaction)) == 6 * HISTORY
        parts = session.execute(select(Participant.party_id, func.count()).group_by(Participant.party_id)).all()
        assert sorted(count for _, count in parts) == [HISTORY, HISTORY, 2 * HISTORY, 2 * HISTORY]
        mine = select(Link.party_id).where(Link.remote_id.in_({"mail", "mobile", "both", "nameless"}))
        assert len(set(session.scalars(mine))) == 1
    database.close()
