"""The runner of manifests: 10,000 records in pages of 100 from a server on this machine, read as the hub reads them.

Baseline: a loop of a few lines over the same listing, with requests and json, that asks for page after page and reads the ids and
the time of change of each record. Both read amounts as the digits that were sent.
"""

import gc
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import requests

from hub.connector.checking import Alone
from hub.connector.manifest.load import read_toml
from hub.connector.manifest.remote import ManifestRemote
from hub.connector.manifest.settings import Access, model_of
from tests.bench.table import Row

N, PAGE, TURNS = 10_000, 100, 15
MOST = 1.3
MANIFEST = """\
version = 1
name = "bench"
title = "Bench"
docs = "https://bench.example/"
help = "None."
limits = { per_minute = 100000 }
auth = { type = "bearer", value = { setting = "token" } }

[settings.token]
title = "Token"
description = "Any."
secret = true

[[stream]]
name = "invoices"
title = "Invoices"
path = "/invoices"
at = "data"
id = "id"
page = { type = "page", param = "page", size_param = "per_page", size = 100, pages = "pages" }
cursor = { type = "param", param = "since", field = "updated_at" }
link = "{base_url}/show/{id}"
"""


def run(count: int = N) -> list[Row]:
    with _serving(count) as address:
        ours, bare = _best(lambda: _ours(address, count), lambda: _bare(address, count))
    ratio = ours / bare
    rows = f"{count / ours:,.0f} records/s"
    return [
        Row(f"Runner of manifests, {count:,} records", f"{ours * 1000:,.0f} ms", f"<= {MOST}x", f"{bare * 1000:,.0f} ms", f"{ratio:.2f}x", ratio <= MOST),
        Row("  that is", rows),
    ]  # fmt: skip


def _best(*works: Callable[[], None]) -> list[float]:
    """Return the shortest of several runs of each, in turns: the others waited for something else."""
    seconds: list[list[float]] = [[] for _ in works]
    for _ in range(TURNS):
        for work, mine in zip(works, seconds, strict=True):
            gc.collect()
            began = time.perf_counter()
            work()
            mine.append(time.perf_counter() - began)
    return [min(mine) for mine in seconds]


def _ours(address: str, count: int) -> None:
    manifest = read_toml(MANIFEST, name="bench.toml")
    settings = model_of(manifest).model_validate({"base_url": address, "token": "secret", "allow_private": True})
    remote = ManifestRemote(Access.of(manifest, "bench", 1, settings), Alone(), "UTC")
    [stream] = remote.listings()
    cursor, seen = stream.begin(), 0
    while True:
        page = stream.pull(cursor)
        seen += len(page.changes)
        if not page.more:
            break
        cursor = page.next
    assert seen == count
    assert page.next.token == "2026-01-01T00:00:00+00:00"


def _bare(address: str, count: int) -> None:
    seen: dict[str, Any] = {}
    newest, number, pages = "", 1, 1
    with requests.Session() as session:
        session.headers["Authorization"] = "Bearer secret"
        while number <= pages:
            answer = session.get(f"{address}/invoices", params={"page": str(number), "per_page": str(PAGE)}, timeout=30)
            answer.raise_for_status()
            told = json.loads(answer.text, parse_float=str)
            for one in told["data"]:
                seen[str(one["id"])] = {**one, "url": f"{address}/show/{one['id']}"}
                newest = max(newest, one["updated_at"])
            pages, number = told["pages"], number + 1
    assert len(seen) == count
    assert newest


@contextmanager
def _serving(count: int) -> Iterator[str]:
    """Serve invoices, whose pages are written beforehand."""
    size = -(-count // PAGE)
    bodies = [_body(number, count, size) for number in range(size)]

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = bodies[int(parse_qs(urlsplit(self.path).query)["page"][0]) - 1]
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class names it so
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def _body(number: int, count: int, pages: int) -> bytes:
    rows = [
        {
            "id": one, "number": f"{one}/2026", "kind": "vat", "status": "issued", "issue_date": "2026-01-01", "payment_to": "2026-02-01",
            "currency": "PLN", "price_net": 100.1, "price_tax": 23.02, "price_gross": 123.12, "paid": 0.0, "client_id": one % 500,
            "buyer_name": f"Customer {one}", "buyer_tax_no": "5252445767", "buyer_email": f"customer.{one}@customer.example",
            "description": "Consulting and travel", "updated_at": "2026-01-01T00:00:00Z",
        }
        for one in range(number * PAGE, min(count, (number + 1) * PAGE))
    ]  # fmt: skip
    return json.dumps({"data": rows, "pages": pages}).encode()
