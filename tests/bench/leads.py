"""Leads: from the receipt of a webhook to an agent's screen, and what a page's quota is spent on.

To the screen: one webhook after the other to `hub up`, Meta takes 200 ms for each answer, Chromium shows My day; the time runs
from just before the request goes out until the lead's name is in the page. Baseline: the two answers that Meta takes
for a lead.

The quota: a page with 20 forms and 40 leads on each of the last 90 days, and one whose first day it is. What one look at
the forms, one listing, one announced lead and one check of its health cost is counted by the simulator, and
multiplied by how often the hub does each in a day.
"""

import os
import shutil
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

from playwright.sync_api import Page, sync_playwright

from connectors.facebook import leads as facebook_leads
from connectors.facebook import simulator as facebook
from connectors.facebook.remote import FacebookRemote
from connectors.facebook.settings import FacebookSettings
from connectors.facebook.simulator import FacebookSimulator
from hub.connector.contract import Account
from hub.connector.simulator import Faults
from hub.connector.stream import Cursor, Phase
from tests.bench.office import add_agents, sign_in
from tests.bench.ring import ARGUMENTS, PATIENCE_MS
from tests.bench.table import Row, quantile
from tests.bench.webhooks import SLOW_S, office
from tests.unit.facebook.desk import Hub as Tools

N = 60
ANSWERS = 2  # that Meta gives for a lead: the lead, and the text of its form where that is not known yet
MOST_S = 2.0
FORMS, A_DAY, DAYS = 20, 40, 90
QUOTA = 4800  # calls in 24 hours for each lead of the last 90 days
SHARE = 0.10
LISTINGS, CHECKS = 24, 144  # in a day: hourly, and every ten minutes
WATCH = """(name) => {
  const there = () => document.body.textContent.includes(name);
  window.shown = new Promise((done) => {
    const now = () => done(performance.timeOrigin + performance.now());
    if (there()) return now();
    const watch = new MutationObserver(() => { if (there()) { watch.disconnect(); now(); } });
    watch.observe(document.body, { subtree: true, childList: true, characterData: true });
  });
}"""


def run(count: int = N) -> list[Row]:
    seconds = _to_screen(count)
    p95 = quantile(seconds, 0.95)
    base = ANSWERS * SLOW_S
    return [
        Row("Webhook of a lead to an agent's screen, p95", _ms(p95), f"<= {_ms(MOST_S)}", f"{_ms(base)} of Meta's answers",
            f"{p95 / base:.1f}x", p95 <= MOST_S),
        Row("  p50", _ms(quantile(seconds, 0.5))),
        *_quota("a page of 90 days", DAYS, promised=True),
        *_quota("a page on its first day", 1, promised=False),
    ]  # fmt: skip


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


# --- to the screen --------------------------------------------------------------------------------------------------


def _to_screen(count: int) -> list[float]:
    named = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="hub-bench-"))
        playwright = stack.enter_context(sync_playwright())
        hub, meta, address = stack.enter_context(office(Path(folder), f"sqlite:///{folder}/hub.db"))
        with hub.db.write() as session:
            [agent] = add_agents(session, 1)
        [(name, value)] = sign_in(hub, [agent])
        url = address.partition("/hooks/")[0]
        browser = playwright.chromium.launch(executable_path=named, args=ARGUMENTS)
        stack.callback(browser.close)
        context = browser.new_context(locale="en-US")
        context.set_default_timeout(PATIENCE_MS)
        context.add_cookies([{"name": name, "value": value, "url": url}])
        page = context.new_page()
        page.goto(url)
        page.wait_for_selector("#link[data-up=true]", timeout=PATIENCE_MS)
        meta.slow(SLOW_S)
        return [_one(page, address, number, meta.submit(1)[0]) for number in range(1, count + 1)]


def _one(page: Page, address: str, number: int, request: str) -> float:
    head, _, body = request.partition("\r\n\r\n")
    headers = dict(line.split(": ", 1) for line in head.split("\r\n")[1:])
    page.evaluate(WATCH, f"Customer {number}")
    began = time.time()
    with urlopen(Request(address, body.encode(), headers), timeout=30) as answer:
        assert answer.status < 300
    return float(page.evaluate("window.shown")) / 1000 - began


# --- the quota ------------------------------------------------------------------------------------------------------


def _quota(what: str, days: int, *, promised: bool) -> list[Row]:
    simulator = facebook.create(0, Faults())
    simulator.start()
    try:
        spent, quota = _counted(simulator, days)
    finally:
        simulator.stop()
    whole = sum(spent.values())
    parts = ", ".join(f"{name} {count:,.0f}" for name, count in spent.items())
    return [
        Row(f"Calls in a day, {what}, {FORMS} forms", f"{whole:,.0f}", f"<= {SHARE:.0%} of the quota" if promised else "",
            f"{quota:,} allowed", f"{whole / quota:.2%}", whole <= SHARE * quota if promised else None),
        Row(f"  {parts}", ""),
    ]  # fmt: skip


def _counted(simulator: FacebookSimulator, days: int) -> tuple[dict[str, float], int]:
    """Return the calls of a day by what they are for, and how many are allowed."""
    page = simulator.garden
    forms = [simulator.english, simulator.hebrew]
    forms += [
        simulator.add_form(page, f"Offer {number}", "EN_US", simulator.english.questions) for number in range(FORMS - 2)
    ]
    moment = datetime.now(UTC) - timedelta(minutes=30)
    made = [
        simulator.submit(
            forms[number % FORMS], {"full_name": f"Customer {number}"}, at=moment - timedelta(days=number // A_DAY)
        )
        for number in range(A_DAY * days)
    ]
    settings = FacebookSettings.model_validate({**simulator.settings(), "timeout_s": "60"})
    remote = FacebookRemote(Account(1, "Page", settings, "IL", "Asia/Jerusalem"), Tools())

    def cost() -> int:
        spent = sum(simulator.spent(page.id).values())
        simulator.world.usage.forget()
        return spent

    streams = [one for one in remote.streams() if one.key.startswith(f"{facebook_leads.RECORDS}:")]
    listing = cost()
    newest = str(int(max(one.created_at for one in made)))
    now = datetime.now(UTC).timestamp()
    looks = 0.0
    for stream in streams:
        since = Cursor(Phase.INCREMENTAL, newest, rest={"day_at": now, "week_at": now})
        stream.pull(since)  # what the form asks is remembered from now on
        cost()
        stream.pull(since)
        looks += cost() * timedelta(days=1) / stream.every
    remote.find_named(facebook_leads.RECORDS, page.id, [made[0].id])
    lead = cost()
    remote.check()
    check = cost()
    spent = {"looks": looks, "listings": LISTINGS * listing, "leads": A_DAY * lead, "health": CHECKS * check}
    return spent, QUOTA * len(made)
