"""What people do in the simulated Odoo, each step in a transaction: its own, or one that stays open for a while."""

from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar, cast

from connectors.odoo.simulated.schema import Row
from connectors.odoo.simulated.store import ROOT, Transaction
from connectors.odoo.simulated.world import World

F = TypeVar("F", bound=Callable[..., Any])


class Session:
    """Somebody's work. Without an open transaction each step is one, and is over when the method returns."""

    def __init__(self, world: World, tx: Transaction | None = None) -> None:
        self.world = world
        self._tx = tx

    @property
    def tx(self) -> Transaction:
        if self._tx is None:
            raise RuntimeError("there is no open transaction")
        return self._tx

    def commit(self) -> None:
        """Let others see what was done since `begin`."""
        with self.world.lock:
            self.tx.commit()

    def rollback(self) -> None:
        """Let nothing have happened since `begin`."""
        with self.world.lock:
            self.tx.rollback()

    def row(self, model: str, number: int) -> Row:
        """A record as this session sees it. Raises OdooError: it is no more."""
        return (self._tx or self.world.view).row(model, number)


def step(method: F) -> F:
    """Do something within the open transaction; where there is none, in one of its own."""

    @wraps(method)
    def inner(self: Session, *args: Any, **kwargs: Any) -> Any:
        with self.world.lock:
            if self._tx is not None:
                return method(self, *args, **kwargs)
            with self.world.transaction(ROOT) as tx:
                return method(within(self, tx), *args, **kwargs)

    return cast("F", inner)


def within(session: Session, tx: Transaction) -> Any:
    """The same person, in an open transaction."""
    # A simulator is a session too; what is done in a transaction needs none of its threads and ports.
    made = object.__new__(type(session))
    Session.__init__(made, session.world, tx)
    return made
