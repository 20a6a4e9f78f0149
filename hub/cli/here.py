"""Doing here and now, before one's eyes, what the workers of a running hub would do."""

import gc
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import click
from sqlalchemy import ColumnElement

from hub.context import Hub
from hub.store.base import Base, now
from hub.work.lease import Lease, claim, new_owner, release

LOOK_S = 0.5  # between looks how far a worker is that works at the same
REST = 0.25  # of a page's time; see `Pace`
INTERRUPTED = 130  # exit status after Ctrl-C, as shells have it
Answer = TypeVar("Answer")


def work_at(
    hub: Hub,
    table: type[Base],
    which: ColumnElement[bool],
    run: Callable[[Lease], object],
    over: Callable[[], Answer | None],
    *,
    lease_s: float = 0.0,
) -> Answer:
    """Work at a row, or wait for whoever does, until it is over; interrupted, it is given back.

    Args:
        which: finds the row, as long as there is something to do.
        over: looks what became of it; None: it goes on.
        lease_s: else as long as workers have it.
    """
    owner = new_owner()
    while True:
        with hub.db.write() as session:
            leases = claim(session, table, which, owner=owner, lease_s=lease_s or hub.settings.work.lease_s)
        for lease in leases:
            try:
                run(lease)
            except KeyboardInterrupt:
                with hub.db.write() as session:
                    release(session, table, lease, due_at=now())
                raise
        if (answer := over()) is not None:
            return answer
        if not leases:
            time.sleep(LOOK_S)


@contextmanager
def interruptible(said: str) -> Iterator[None]:
    """Do what may take long; whoever presses Ctrl-C hears how it goes on."""
    try:
        with little_garbage():
            yield
    except KeyboardInterrupt:
        click.echo(said, err=True)
        sys.exit(INTERRUPTED)


@contextmanager
def little_garbage() -> Iterator[None]:
    """Look for garbage seldom: what a page of records leaves behind is none in circles, and goes with the page."""
    before = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(200_000, 10, 1_000)  # more than the objects of a page
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()
