"""Ring to screen in a company of 2,000,000 timeline rows: from AMI bytes to a number painted by Chromium.

The time runs from just before the exchange sends that the agent's phone rings, to the mark that the page leaves once
the card is painted (`markWhenPainted` in app.js): `call-number` for name and number, `call-card` for the whole card.
Baseline: the same browser, told by a bare uvicorn, paints a line of text and leaves its mark the same way.
"""

import json
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import BrowserContext, Page, sync_playwright

from connectors.asterisk.simulator import AsteriskSimulator
from tests.bench import bare, data
from tests.bench.agents import Rings, exchange, tail, wait_heard
from tests.bench.office import Office, add_agents, connect, sign_in
from tests.bench.table import Row, quantile

N = 200
WARM_UP = 20
EXTENSION = "101"
PATIENCE_MS = 20_000
REST_S = 0.3  # the page reads its list of recent calls again when a card has gone: that is no part of the next ring
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-sync"]
# Marks with the time of day at which they were left. `timeOrigin` is read once; the clock of marks may have been set
# since by a time service, so both are compared with Date.now() at every ring.
WATCH = """() => {
  window.seen = [];
  window.wanted = null;
  new PerformanceObserver((list) => {
    for (const mark of list.getEntriesByType("mark")) {
      window.seen.push([mark.name, mark.detail?.call ?? "", performance.timeOrigin + mark.startTime]);
    }
    if (window.wanted && window.seen.length >= window.wanted.count) window.wanted.done();
  }).observe({ type: "mark" });
}"""
TAKE = """(count) => new Promise((done) => {
  const take = () => done({ seen: window.seen.splice(0), skew: Date.now() - performance.timeOrigin - performance.now() });
  if (window.seen.length >= count) take();
  else window.wanted = { count, done: () => { window.wanted = null; take(); } };
})"""


def _take(page: Page, count: int) -> dict[str, float]:
    """Wait for so many marks; returns when each was left, in seconds since 1970."""
    said: dict[str, Any] = page.evaluate(TAKE, count)
    assert abs(said["skew"]) < 5, f"the browser's clocks differ by {said['skew']} ms"
    return {name: at / 1000 for name, _, at in said["seen"]}


def through_the_hub(folder: Path, context: BrowserContext) -> tuple[list[float], list[float]]:
    """Return seconds to the number painted, and to the full card."""
    office = Office(folder, data.LARGE)
    with exchange() as pbx:
        with office.hub() as hub:
            with hub.db.write() as session:
                [agent] = add_agents(session, 1)
                connect(hub, session, pbx.settings(), {EXTENSION: agent})
            [(name, value)] = sign_in(hub, [agent])
        context.add_cookies([{"name": name, "value": value, "url": office.url}])
        with office.up():
            wait_heard(pbx)
            page = context.new_page()
            page.goto(office.url)
            page.wait_for_selector("#link[data-up=true]", timeout=PATIENCE_MS)
            page.bring_to_front()
            page.evaluate(WATCH)
            return _rings(pbx, page)


def _rings(pbx: AsteriskSimulator, page: Page) -> tuple[list[float], list[float]]:
    rings = Rings(pbx, time.time)
    numbers, cards = [], []
    for turn, party in enumerate(data.sample(data.LARGE, WARM_UP + N, seed=4)):
        number = data.number_of(party)
        rings.at.clear()
        call = pbx.ring(caller=number, extensions=[EXTENSION], record=False)
        marks = _take(page, 2)
        call.give_up()
        page.wait_for_selector("#pop:empty", state="attached")
        time.sleep(REST_S)
        if turn >= WARM_UP:
            rang = rings.at[EXTENSION, tail(number)]
            numbers.append(marks["call-number"] - rang)
            cards.append(marks["call-card"] - rang)
    return numbers, cards


def through_nothing(context: BrowserContext) -> list[float]:
    """Return seconds from a bare server's message to paint."""
    delays = []
    with bare.running() as (port, control):
        page = context.new_page()
        page.goto(f"http://127.0.0.1:{port}/")
        page.wait_for_function("window.told.readyState === 1")
        page.bring_to_front()
        page.evaluate(WATCH)
        with socket.create_connection(("127.0.0.1", control)) as line:
            line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for turn in range(WARM_UP + N):
                began = time.time()
                line.sendall(json.dumps({"users": [0], "number": str(turn)}).encode() + b"\n")
                delay = _take(page, 1)["bare"] - began
                if turn >= WARM_UP:
                    delays.append(delay)
        page.close()
    return delays


def _ms(seconds: Sequence[float], q: float) -> str:
    return f"{quantile(seconds, q) * 1000:.0f} ms"


def run() -> list[Row]:
    named = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=named, args=ARGUMENTS)
        context = browser.new_context(viewport={"width": 1280, "height": 860}, locale="en-US")
        context.set_default_timeout(PATIENCE_MS)
        raw = through_nothing(context)
        numbers, cards = through_the_hub(Path(folder) / "home", context)
        browser.close()
    number, card = quantile(numbers, 0.95), quantile(cards, 0.95)
    base = f"{_ms(raw, 0.95)} bare message"
    return [
        Row(f"Ring to number painted, {data.LARGE:,} rows, p95", _ms(numbers, 0.95), "<= 100 ms", base,
            f"{number / quantile(raw, 0.95):.1f}x", number <= 0.100),
        Row("Ring to full card, p95", _ms(cards, 0.95), "<= 250 ms", base, f"{card / quantile(raw, 0.95):.1f}x",
            card <= 0.250),
        Row("  p50 of both", f"{_ms(numbers, 0.5)}, {_ms(cards, 0.5)}", "", _ms(raw, 0.5)),
    ]  # fmt: skip
