"""A random plan for leads: whatever webhooks, Meta, the database and the workers do, each lead is there once and whole.

Webhooks are dropped, doubled, reordered and late, leads show up to three days after they were sent, forms are archived and
copied, Meta throttles, errs and shuts us out, the database is away while webhooks come, and workers die on any line.
"""

import random
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import func, select, update
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from connectors.facebook import leads as lead_stream
from connectors.facebook.forms import TEXTS
from connectors.facebook.samples import SAMPLES
from connectors.facebook.simulated.things import Form, Lead
from connectors.facebook.simulator import FacebookSimulator, create
from hub import app as hub_app
from hub.context import Hub
from hub.intake import accounts, named, read
from hub.intake.models import NAMED, NamedRecord, OauthGrant, RawRecord, RawState, StreamState
from hub.leads.models import Consent, LeadRow, Touchpoint
from hub.store.base import now
from hub.store.session import DATABASE_AWAY, Database
from hub.timeline.models import Interaction, Kind
from hub.work.lease import claim, new_owner
from tests.e2e.calls import until
from tests.e2e.life import Weather, Workers
from tests.e2e.reached import reached

STEPS = 36
HOURS = 3  # between two steps
SEEDS = (7, 40)
CHANCES = {
    **dict.fromkeys(
        (
            "server_error", "unavailable", "transient", "rate_limited", "leadgen_throttled", "user_throttled",
            "html_instead_of_json", "truncated_json", "reset", "token_expired", "lead_access_revoked", "late_lead",
        ),
        0.01,
    ),
    **dict.fromkeys(("expire_cursor", "replay_page", "reorder_page", "empty_page", "same_twice"), 0.05),
    **dict.fromkeys(("dropped_notification", "duplicated_notification", "reordered_notification"), 0.1),
    "forged_notification": 0.03,
    "ad_fields_refused": 0.03,
}  # fmt: skip


class Died(BaseException):
    """The process died on this line."""


class Ground:
    """The database under the hub: away for the web, deadly for workers, when it is told to."""

    def __init__(self, db: Database, dice: random.Random) -> None:
        self._whole, self._dice = db.write, dice
        self._main = threading.current_thread()
        self.is_shaky = False
        self.came: Counter[str] = Counter()

    @contextmanager
    def write(self) -> Iterator[Session]:
        fate = self._dice.random() if self.is_shaky else 1.0
        is_web = threading.current_thread() is not self._main
        if is_web and fate < 0.3:
            self.came["away"] += 1
            raise OperationalError("BEGIN", {}, ConnectionError("the database is away"))
        if not is_web and fate < 0.02:
            self._die("before")
        with self._whole() as session:
            yield session
            if not is_web and fate < 0.04:
                self._die("unsaved")
        if not is_web and fate < 0.06:
            self._die("saved")

    def _die(self, how: str) -> None:
        self.came[how] += 1
        raise Died


class Plan:
    """What happens at Meta, and what the hub's workers do of it."""

    def __init__(self, hub: Hub, meta: FacebookSimulator, seed: int) -> None:
        self.hub, self.meta, self.dice = hub, meta, random.Random(seed)
        with hub.db.write() as session:
            values = {**meta.settings(), "timeout_s": "20", "calls_per_minute": "1000000"}
            row = accounts.create(session, hub.connectors["facebook"], hub.vault, "Facebook", values, region="IL")
            read.begin(session, row.id)
            account = row.id
        self.workers = Workers(hub, account)
        self.ground = Ground(hub.db, random.Random(seed + 1))
        self.forms: list[Form] = [meta.hebrew, meta.english]
        self.ads = {form.id: meta.advertise(form, f"Campaign {number}") for number, form in enumerate(self.forms)}
        self.sent: dict[str, Lead] = {}
        self.late: set[str] = set()

    # --- what people do -------------------------------------------------------------------------------------------

    def step(self) -> None:
        self.meta.clock.advance(hours=HOURS * self.dice.random() * 2)
        doings: dict[Callable[[], object], int] = {
            self.a_lead: 12, self.some_leads: 2, self.a_late_lead: 4, self.webhooks_come: 6, self.webhooks_are_lost: 2,
            self.a_form_is_archived: 1, self.a_form_is_copied: 1, self.the_app_is_removed: 1,
        }  # fmt: skip
        self.dice.choices(list(doings), list(doings.values()))[0]()

    def a_lead(self, *, late_s: float | None = None) -> None:
        form, number = self.dice.choice(self.forms), len(self.sent)
        ad = self.dice.choice([self.ads.get(form.id), None])
        given = {
            "FULL_NAME": f"Person {number}", "PHONE": f"+97250{2000000 + number}", "EMAIL": f"p{number}@customer.example",
        }  # fmt: skip
        answers = {one.key: given.get(one.type, "k1" if one.options else "later") for one in form.questions}
        ticked = [one.key for one in form.checkboxes if one.required or self.dice.random() < 0.5]
        made = self.meta.submit(form, answers, ad=ad, checked=ticked, late_s=late_s)
        self.sent[made.id] = made
        self.late |= {made.id} if late_s is not None else set()

    def some_leads(self) -> None:
        for _ in range(self.dice.randint(3, 12)):
            self.a_lead()

    def a_late_lead(self) -> None:
        self.a_lead(late_s=self.dice.uniform(0, timedelta(hours=72).total_seconds()))

    def webhooks_come(self) -> None:
        order = self.dice.choice(("sent", "reversed", "shuffled"))
        size, seed = self.dice.choice((1, 3, 1000)), self.dice.randrange(1000)
        self.meta.deliver(order, duplicates=self.dice.randint(0, 4), size=size, seed=seed)
        self.meta.notifier.flush()

    def webhooks_are_lost(self) -> None:
        self.meta.drop_webhooks()

    def a_form_is_archived(self) -> None:
        if len(self.forms) > 1:
            gone = self.forms.pop(self.dice.randrange(len(self.forms)))
            self.meta.archive_form(gone, self.dice.choice(("ARCHIVED", "DELETED")))

    def a_form_is_copied(self) -> None:
        self.forms.append(self.meta.copy_form(self.dice.choice(self.forms)))

    def the_app_is_removed(self) -> None:
        self.meta.unsubscribe(self.meta.garden)

    # --- what workers do ------------------------------------------------------------------------------------------

    def work(self) -> None:
        """Let workers do some of what is to be done; one that dies is followed by another."""
        jobs: list[Callable[[], object]] = [self.find, self.find, lambda: self.workers.read_one(read.LISTING)]
        jobs += [partial(self.workers.read_one, key) for key in self.workers.streams()]
        for job in self.dice.sample(jobs, min(3, len(jobs))):
            self.survive(job)

    def survive(self, job: Callable[[], object]) -> None:
        try:
            job()
        except (Died, *DATABASE_AWAY):
            self.leases_end()

    def find(self) -> None:
        """Ask for what webhooks named, whether it is its time or not."""
        with self.hub.db.write() as session:
            session.execute(update(NamedRecord).where(NamedRecord.due_at.is_not(None)).values(due_at=now()))
            of_named = StreamState.stream.startswith(NAMED, autoescape=True)
            session.execute(update(StreamState).where(of_named).values(due_at=now()))
        with self.hub.db.write() as session:
            leases = claim(session, StreamState, named.due(), owner=new_owner(), lease_s=60)
        for lease in leases:
            hub_app.finder(self.hub).find(lease)

    def leases_end(self) -> None:
        """Let so much time pass that what the dead held is free."""
        was, self.ground.is_shaky = self.ground.is_shaky, False
        with self.hub.db.write() as session:
            session.execute(update(StreamState).values(lease_until=None, owner=""))
            session.execute(update(OauthGrant).values(lease_until=None, owner=""))
        self.ground.is_shaky = was

    def is_quiet(self) -> bool:
        """Read everything once more, and say whether nothing is left to do."""
        self.workers.silence_is_over()
        self.workers.look_at_channels()
        self.workers.read()
        self.find()
        with self.hub.db.read() as session:
            trouble = select(func.count()).where(StreamState.trouble != "", StreamState.wanted)
            waits = select(func.count()).where(NamedRecord.done_at.is_(None))
            return not session.scalar(trouble) and not session.scalar(waits)

    def missing(self) -> set[str]:
        """Return the leads that are neither here nor named."""
        with self.hub.db.read() as session:
            here = {*session.scalars(select(LeadRow.remote_id)), *session.scalars(select(NamedRecord.remote_id))}
        return set(self.sent) - here

    def why(self) -> Any:
        with self.hub.db.read() as session:
            rows = session.scalars(select(StreamState).where(StreamState.trouble != ""))
            waits = session.scalars(select(NamedRecord).where(NamedRecord.done_at.is_(None)))
            return [(one.stream, one.trouble, one.last_error) for one in rows], [
                (one.remote_id, one.why) for one in waits
            ]


@pytest.fixture
def meta(request: pytest.FixtureRequest) -> Iterator[FacebookSimulator]:
    simulator = create(0, Weather(request.getfixturevalue("seed"), CHANCES))
    simulator.start()
    simulator.clock.advance(days=-30)
    TEXTS.forget()
    SAMPLES.forget()
    yield simulator
    simulator.stop()


@pytest.mark.parametrize("seed", SEEDS)
def test_in_the_end_every_lead_is_there_once_and_whole(
    hub: Hub, meta: FacebookSimulator, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lead_stream, "_now", lambda: int(meta.clock.time()))
    with reached(hub) as listening:
        plan = Plan(listening, meta, seed)
        plan.workers.read()
        plan.workers.look_at_channels()
        meta.hold()
        monkeypatch.setattr(hub.db, "write", plan.ground.write)
        assert isinstance(meta.faults, Weather)
        for number in range(STEPS):
            meta.faults.is_bad = plan.ground.is_shaky = True
            plan.step()
            if number % 2:
                plan.work()
            meta.faults.is_bad = plan.ground.is_shaky = False
            if number % 8 == 7:  # silence is over, and the app is looked for on its page
                plan.workers.silence_is_over()
                plan.workers.look_at_channels()
        meta.clock.advance(hours=73)  # by now everything shows
        plan.webhooks_come()
        until(plan.is_quiet, why=plan.why, every=0.05)
        assert plan.missing() <= plan.late, "only what showed late and no webhook named may wait for the weekly pass"
        meta.clock.advance(days=8)
        until(plan.is_quiet, why=plan.why, every=0.05)
        plan.workers.assert_green()
        assert_equal(plan)
    assert meta.faults.came.total() > 10, meta.faults.came
    assert plan.ground.came.total() > 3, plan.ground.came


def assert_equal(plan: Plan) -> None:
    world = plan.meta.world
    with plan.hub.db.read() as session:
        rows = {row.id: row.remote_id for row in session.scalars(select(LeadRow))}
        assert Counter(rows.values()) == dict.fromkeys(world.leads, 1)
        assert set(world.leads) == set(plan.sent)
        entries = session.scalars(select(Interaction.detail).where(Interaction.kind == Kind.LEAD)).all()
        assert len(entries) == len({one["lead"] for one in entries}) == len(plan.sent), "each on one timeline, once"
        assert not session.scalars(select(RawRecord.error).where(RawRecord.state != RawState.APPLIED)).all()
        told: dict[str, dict[str, bool | None]] = {one: {} for one in plan.sent}
        for consent in session.scalars(select(Consent)):
            told[consent.remote_id][consent.key] = consent.checked
        assert told == {one.id: dict(one.checked) for one in plan.sent.values()}
        touches = session.scalars(select(Touchpoint)).all()
    campaigns = {
        one.id: world.ad_facts(one.ad_id).get("campaign_id", "") if one.ad_id else "" for one in plan.sent.values()
    }
    assert Counter((rows[one.lead_id or 0], one.campaign_id) for one in touches) == dict.fromkeys(campaigns.items(), 1)
