"""Two customers with a long history merged and taken back, as workers do it, while a page of theirs is read and notes are written.

`python -m tests.bench merges=60000` gives the loser so many interactions. Baseline: the same rows moved there and back by a
bare UPDATE each, which nobody can take back later and everybody waits for. The longest write is what others wait for on
SQLite.
"""

import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch

from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from hub import app as hub_app
from hub import log
from hub.app import mover
from hub.context import Hub
from hub.identity import parties
from hub.identity.merging import background
from hub.identity.merging.merge import merge
from hub.identity.merging.undo import undo
from hub.identity.models import Merge, MergeState, Party
from hub.security.policy import Person
from hub.settings import load
from hub.timeline import queries
from hub.timeline.models import Interaction, Note, Participant
from hub.work.lease import claim, new_owner
from tests.bench.table import Row, quantile

SIZE = 60_000
WHOLE_S, WRITE_S, USED_S = 5.0, 0.5, 1.0
PAGE = 10_000
BEGAN = datetime(2020, 1, 1, tzinfo=UTC)
NOA = Person(0, None, "", "Noa", "admin")


def run(size: int = SIZE) -> list[Row]:
    log.setup("error", "text")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-"))
        url = f"sqlite:///{Path(folder) / 'hub.db'}"
        hub = hub_app.create_hub(load({"HUB_HOME": folder, "HUB_DATABASE__URL": url, "HUB_LOG__LEVEL": "error"}))
        stack.callback(hub_app.close_hub, hub)
        keep, lose = fill(hub, size)
        bare = [moved_bare(hub, lose, keep), moved_bare(hub, keep, lose)]
        writes: list[float] = []
        with used(hub, keep) as waited:
            forth = worked(hub, writes, lambda session: merge(session, None, *both(session, keep, lose)))
            back = worked(hub, writes, lambda session: undo(session, None, session.scalars(select(Merge)).one()))
        with hub.db.read() as session:
            assert session.scalars(select(Merge.state)).one() == MergeState.UNDONE
            assert session.scalar(select(func.count()).where(Participant.party_id == lose)) == size, "as it was"
    return [
        _row(f"two customers with {size:,} interactions: merged", forth, bare[0]),
        _row("  taken back", back, bare[1]),
        Row("  longest write", f"{max(writes):.2f} s", f"<= {WRITE_S} s", ok=max(writes) <= WRITE_S),
        Row(f"  page read and note written meanwhile ({len(waited)}), p95", f"{quantile(waited, 0.95):.2f} s",
            f"<= {USED_S} s", ok=quantile(waited, 0.95) <= USED_S),
    ]  # fmt: skip


def _row(what: str, took: float, bare: float) -> Row:
    return Row(
        what,
        f"{took:.1f} s",
        f"<= {WHOLE_S:.0f} s",
        f"{bare:.1f} s bare UPDATE",
        f"{took / bare:.1f}x",
        took <= WHOLE_S,
    )


def both(session: Session, *ids: int) -> list[Party]:
    return [session.get_one(Party, number) for number in ids]


def fill(hub: Hub, size: int) -> tuple[int, int]:
    """Make two customers, the second with a history; returns them."""
    with hub.db.write() as session:
        keep, lose = Party(name="Dana Levi"), Party(name="D. Levi")
        session.add_all([keep, lose])
        session.flush()
        ids = keep.id, lose.id
    for begin in range(0, size, PAGE):
        moments = [BEGAN + timedelta(minutes=n) for n in range(begin, min(begin + PAGE, size))]
        rows = [{"kind": "call", "started_at": at, "direction": "inbound", "summary": "Hello"} for at in moments]
        with hub.db.write() as session:
            made = session.scalars(insert(Interaction).returning(Interaction.id), rows).all()
            session.execute(
                insert(Participant),
                [
                    {"interaction_id": one, "party_id": ids[1], "origin_party_id": ids[1], "started_at": at, "kind": "call",
                     "identifier_kind": "phone", "value": "+972502345678"}
                    for one, at in zip(made, moments, strict=True)
                ],
            )  # fmt: skip
    return ids


def moved_bare(hub: Hub, former: int, party: int) -> float:
    began = time.perf_counter()
    with hub.db.write() as session:
        session.execute(update(Participant).where(Participant.party_id == former).values(party_id=party))
    return time.perf_counter() - began


def worked(hub: Hub, writes: list[float], begin: Callable[[Session], object]) -> float:
    """Begin, and go on as a worker does until nothing is left to do now; returns the seconds."""
    began = time.perf_counter()
    with timed(hub, writes):
        with hub.db.write() as session:
            begin(session)
        while True:
            with hub.db.write() as session:
                leases = claim(session, Merge, background.due(), owner=new_owner(), lease_s=60)
            if not leases:
                return time.perf_counter() - began
            mover(hub).run(leases[0])


@contextmanager
def timed(hub: Hub, writes: list[float]) -> Iterator[None]:
    """Measure how long each write of this thread holds the database."""
    write, mine = hub.db.write, threading.get_ident()

    @contextmanager
    def measured() -> Iterator[Session]:
        with write() as session:
            session.connection()  # waits for its turn
            began = time.perf_counter()
            yield session
        if threading.get_ident() == mine:
            writes.append(time.perf_counter() - began)

    with patch.object(hub.db, "write", measured):
        yield


@contextmanager
def used(hub: Hub, keep: int) -> Iterator[list[float]]:
    """Somebody else reads the customer's page and writes a note, again and again; returns how long each took."""
    over, waited = threading.Event(), [0.0]
    write = hub.db.write

    def work() -> None:
        while not over.is_set():
            began = time.perf_counter()
            with hub.db.read() as session:
                ids = parties.with_merged(session, session.get_one(Party, keep))
                queries.page(session, ids, person=NOA)
            with write() as session:
                session.add(Note(party_id=keep, text="Hello"))
            waited.append(time.perf_counter() - began)
            over.wait(0.05)

    other = threading.Thread(target=work)
    other.start()
    try:
        yield waited
    finally:
        over.set()
        other.join()
