"""What is looked at all the time: the switches, every ten minutes; and once a day whether a test lead arrives.

A test lead travels the whole way that a real one takes: Meta posts it, the hub fetches it, it stands in the inbox (as a
test, which counts nowhere). It is made, waited for, and deleted at Meta. What a process that died left there, the next
test deletes first: a form can have only one test lead.
Source: https://developers.facebook.com/docs/marketing-api/guides/lead-ads/testing-troubleshooting
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from connectors.facebook import auth
from connectors.facebook.check import LATER, watched
from connectors.facebook.client import Client, place
from connectors.facebook.leads import RECORDS
from connectors.facebook.settings import FacebookSettings
from hub.connector.contract import Arrived, Finding, Level, Look
from hub.errors import ConflictError, ConnectorError, GoneError, RejectedError, RetryLaterError, ScopeError, ShapeError

EVERY = timedelta(minutes=10)
SOON = timedelta(seconds=5)  # while a test lead is waited for
WITHIN = timedelta(seconds=60)
DAILY, AFTER_MISS = timedelta(days=1), timedelta(hours=1)
CANARY = "canary"
_WHY = "Look at the other lines of the self-check, and at what waits for its turn in this connection."
_log = logging.getLogger(__name__)

Clients = Callable[[str], Client]


def look(settings: FacebookSettings, client: Clients, memory: Mapping[str, Any], arrived: Arrived) -> Look:
    """Look at what is due: the switches, the test lead, or both (`hub.connector.contract.Watched`)."""
    moment = datetime.now(UTC)
    known = [Finding(one["topic"], Level(one["level"]), one["text"], one["action"]) for one in memory.get("found", ())]
    looked_at = _moment(memory.get("looked_at"))
    if looked_at is None or moment - looked_at >= EVERY - SOON:
        known, looked_at = _merged(known, watched(settings, client)), moment
    canary = Canary.of(memory.get(CANARY))
    canary = canary.step(settings, client, arrived, moment) if settings.canary_form else Canary()
    known = [one for one in known if one.topic != CANARY] + canary.findings()
    found = [{"topic": one.topic, "level": str(one.level), "text": one.text, "action": one.action} for one in known]
    kept = {"looked_at": looked_at.isoformat(), "found": found, CANARY: canary.as_json()}
    return Look(known, SOON if canary.lead else EVERY, kept)


def _merged(before: Sequence[Finding], found: Sequence[Finding]) -> list[Finding]:
    """Return what was found; of what could not be asked now, what was found before."""
    unasked = {one.topic for one in found if one.action == LATER}
    asked = [one for one in found if one.topic not in unasked]
    # Where nobody could be asked there is nothing new of what is behind it either.
    topics = {one.topic for one in asked}
    return [*asked, *(one for one in before if one.topic not in topics and (unasked or one.topic == CANARY))]


@dataclass(frozen=True, slots=True)
class Canary:
    """The daily test lead, as it stands."""

    lead: str = ""  # that is waited for
    sent_at: datetime | None = None
    level: str = ""  # of the last test that ended
    text: str = ""
    page: str = ""  # of the form
    form: str = ""

    @classmethod
    def of(cls, kept: Any) -> "Canary":
        """Read what `as_json` wrote."""
        if not isinstance(kept, dict):
            return cls()
        return cls(
            kept.get("lead", ""), _moment(kept.get("sent_at")), kept.get("level", ""), kept.get("text", ""),
            kept.get("page", ""), kept.get("form", ""),
        )  # fmt: skip

    def as_json(self) -> dict[str, str]:
        """Return it as the hub keeps it."""
        return {
            "lead": self.lead, "sent_at": self.sent_at.isoformat() if self.sent_at else "", "level": self.level,
            "text": self.text, "page": self.page, "form": self.form,
        }  # fmt: skip

    def findings(self) -> list[Finding]:
        """Return what the last test says."""
        if not self.level:
            return []
        return [Finding(CANARY, Level(self.level), self.text, "" if self.level == Level.GREEN else _WHY)]

    def step(self, settings: FacebookSettings, client: Clients, arrived: Arrived, moment: datetime) -> "Canary":
        """Wait for the lead, or make one where it is time.

        When the process dies behind a request, the next step deletes what was made and makes another.
        """
        if self.form != settings.canary_form:
            return Canary(form=settings.canary_form).step(settings, client, arrived, moment)
        try:
            if self.lead:
                return self._waited(client, arrived, moment)
            pause = DAILY if self.level == Level.GREEN else AFTER_MISS
            return self if self.sent_at is not None and moment - self.sent_at < pause else self._sent(settings, client)
        except RetryLaterError as error:
            _log.info("the test lead waits: %s", error)
            return self
        except (ConnectorError, ShapeError) as error:
            text = f"No test lead can be made of the form {self.form}: {error}"
            return replace(self, lead="", sent_at=moment, level=str(Level.AMBER), text=text)

    def _waited(self, client: Clients, arrived: Arrived, moment: datetime) -> "Canary":
        assert self.sent_at is not None
        came_at = arrived(RECORDS, self.lead)
        took = (came_at or moment) - self.sent_at
        if came_at is not None and took <= WITHIN:
            _remove(client(self.page), self.lead)
            text = (
                f"The test lead of {self.sent_at:%Y-%m-%d %H:%M} UTC arrived after {took.total_seconds():.0f} seconds."
            )
            return replace(self, lead="", level=str(Level.GREEN), text=text)
        if took <= WITHIN:
            return self
        # It is left at Meta, where it can still be fetched, until the next one is made.
        text = f"The test lead of {self.sent_at:%Y-%m-%d %H:%M} UTC did not arrive within {WITHIN.seconds} seconds."
        _log.warning("%s", text)
        return replace(self, lead="", level=str(Level.RED), text=text)

    def _sent(self, settings: FacebookSettings, client: Clients) -> "Canary":
        page = self.page or _page_of(client(auth.PERSON), self.form)
        if not settings.wants(page):
            raise ScopeError(f"its page {page} is not among the pages of the settings.")
        if self.form in settings.unwanted_forms:
            raise ScopeError("it is switched off, so its leads are not read.")
        of_page = client(page)
        for one in of_page.all(f"/{place(self.form)}/test_leads", {"fields": "id"}):
            _remove(of_page, str(one.get("id")))
        sent_at = datetime.now(UTC)
        lead = str(_made(of_page, self.form).get("id") or "")
        if not lead.isdecimal():
            raise RejectedError("Meta made one and did not say which.")
        return replace(self, lead=lead, sent_at=sent_at, page=page)


def _made(client: Client, form: str) -> Mapping[str, Any]:
    """Make a test lead with Meta's own dummy answers; where there is one that was not shown, once more without it."""
    path = f"/{place(form)}/test_leads"
    try:
        return client.post(path, {})
    except ConflictError:
        for one in client.all(path, {"fields": "id"}):
            _remove(client, str(one.get("id")))
        return client.post(path, {})


def _remove(client: Client, lead: str) -> None:
    try:
        client.delete(f"/{place(lead)}")
    except GoneError:
        _log.info("the test lead %s is no more", lead)


def _page_of(person: Client, form: str) -> str:
    told = person.get(f"/{place(form)}", {"fields": "id,page{id}"}).get("page")
    page = str(told.get("id") or "") if isinstance(told, dict) else ""
    if not page.isdecimal():
        raise ScopeError("Meta does not say whose form it is.")
    return page


def _moment(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(text) if text else None
    except (TypeError, ValueError):
        return None
