"""Leads of one form, for a suite that knows nothing of them (`hub.connector.simulator.Container`)."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from connectors.facebook.simulated.doings import Doings
from connectors.facebook.simulated.samples import ENGLISH, TERMS
from connectors.facebook.simulated.things import Form, Lead, Question
from hub.connector.simulator import Container

_PLENTY = "100000"
_NOTE = "what_may_we_do_for_you?"
# Leads are sent this far apart, so that whoever reads a little again reads one or none again.
_APART = timedelta(hours=3)
_BEGAN = timedelta(days=80)  # within what is kept


class LeadContainer:
    """One form of a page of its own; another form stands beside it.

    A lead is sent once: nobody changes it, and what Facebook forgets later is kept by whoever read it.
    """

    shares_limits = True
    tells = True
    only_grows = True

    def __init__(self, doings: Doings) -> None:
        self._doings = doings
        page = doings.add_page("Contract Garden")
        questions = (*ENGLISH, Question(_NOTE, "What may we do for you?"))
        self._form: Form = doings.add_form(page, "Offer", questions=questions, checkboxes=[TERMS])
        doings.add_form(page, "Beside")
        self._ad = doings.advertise(self._form, "Spring")
        self._leads: list[Lead] = []
        self._began: datetime = doings.world.clock.now().replace(microsecond=0) - _BEGAN
        self._spoilt = 0
        self.stream = f"lead:{page.id}:{self._form.id}"
        self.settings: Mapping[str, str] = {"pages": page.id, "calls_per_minute": _PLENTY}

    def grow(self, count: int, customer: str) -> Sequence[str]:
        """Let somebody, and then others of his house, ask for so many things, three hours apart."""
        return [self._sent(customer, self._began + _APART * len(self._leads)).id for _ in range(count)]

    def change(self, remote_id: str) -> None:
        """Nobody changes what he sent."""

    def remove(self, remote_id: str) -> None:
        """Nobody takes back what he sent."""

    def spoil(self, customer: str) -> str:
        """Let a lead come, the newest of all, whose campaign has no name but a list."""
        with self._doings.lock:
            self._spoilt += 1
            made = self._sent(customer, self._doings.world.clock.now() - timedelta(minutes=1))
            made.odd = {"campaign_name": ["Spring"]}
            return made.id

    def mend(self, remote_id: str) -> None:
        """Make it what it should be."""
        with self._doings.lock:
            self._doings.world.leads[remote_id].odd = {}

    def texts(self) -> Mapping[str, str]:
        """What was asked for."""
        with self._doings.lock:
            return {one.id: _note(one) for one in self._leads if self._doings.world.is_there(one)}

    def titles(self) -> Mapping[str, str]:
        """The name of the form; only the first lead is the customer's own."""
        with self._doings.lock:
            return {one.id: self._form.name for one in self._leads[:1]}

    def tell(self, address: str) -> None:
        """Enter the address in the app's dashboard, and install the app on the page."""
        self._doings.tell(address)

    def expire(self) -> None:
        """Where to go on from is a moment, which Facebook cannot forget."""

    def _sent(self, customer: str, at: datetime) -> Lead:
        number = len(self._leads) + 1
        name, _, domain = customer.partition("@")
        answers = {
            "full_name": name.title() if number == 1 else f"Customer {number}", "email": customer if number == 1 else f"{name}.{number}@{domain}",
            "phone_number": f"+9725412{number:05}", _NOTE: f"Wish {number} (version 1)",
        }  # fmt: skip
        with self._doings.lock:
            made = self._doings.submit(self._form, answers, ad=self._ad, at=at)
            self._leads.append(made)
            return made


def _note(lead: Lead) -> str:
    [found] = lead.answers[_NOTE] or [""]
    return found


CONTAINERS: Mapping[str, Callable[[Doings], Container]] = {"lead": LeadContainer}
