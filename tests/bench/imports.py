"""A file of people taken in from end to end: read, shaped, kept, mapped, identified, told.

`python -m tests.bench imports=20000` takes so many rows. Baseline: the same file by `csv.reader`, its rows inserted into one
table of text by sqlite3, a transaction for each page in the same synchronous mode. What counts is our own time on a
processor: on a machine that others use too, the clock on the wall says more of them.
"""

import csv
import os
import sqlite3
import tempfile
import time
from contextlib import closing
from itertools import islice
from pathlib import Path

import psutil

from hub import app as hub_app
from hub import log
from hub.cli.here import little_garbage
from hub.context import Hub
from hub.imports import batches
from hub.imports.batches import Brought
from hub.imports.models import BatchState, ImportBatch, What
from hub.imports.run import PAGE, Importer
from hub.settings import load
from hub.work.lease import claim
from tests.bench.table import Row

SIZE = 100_000
LEAST = 3_000  # rows a second on SQLite
GROWTH_MB = 32  # of memory in the second half of the rows, when caches are full
ENOUGH = 50_000  # rows that fill all caches in their first half
GIVEN = ("Dana", "Yossi", "Ann", "Olga", "Piotr", "Khadija", "Noa", "Amir", "Ruth", "Igor")
FAMILY = ("Levi", "Cohen", "Novak", "Haddad", "Smith", "Peretz", "Ivanova", "Kowalska")


def run(size: int = SIZE) -> list[Row]:
    log.setup("error", "text")
    with tempfile.TemporaryDirectory(prefix="hub-bench-") as folder:
        file = Path(folder) / "people.csv"
        write(file, size)
        bare = _bare(file, Path(folder) / "bare.db")
        settings = load({"HUB_HOME": folder, "HUB_LOG__LEVEL": "error", "HUB_HUB__REGION": "IL"})
        hub = hub_app.create_hub(settings)
        try:
            first_s, wall_s, grown = _import(hub, file, size, "new")
            again_s, _, _ = _import(hub, file, size, "same")
        finally:
            hub_app.close_hub(hub)
    rate = size / first_s
    return [
        Row(f"import of {size} people, rows/s of CPU", f"{rate:.0f}", f">= {LEAST}", f"{size / bare:.0f} bare", f"{first_s / bare:.1f}", rate >= LEAST),
        Row("the same by the wall", f"{size / wall_s:.0f}"),
        Row("the same file again", f"{size / again_s:.0f}"),
        Row("memory grown in the second half, MB", f"{grown:.0f}", f"<= {GROWTH_MB}", ok=grown <= GROWTH_MB if size >= ENOUGH else None),
    ]  # fmt: skip


def write(file: Path, size: int) -> None:
    """Write people, each with a name, a mobile, an address and a company."""
    with file.open("w", encoding="utf-8", newline="") as out:
        writer = csv.writer(out)
        writer.writerow(["id", "First name", "Last name", "Mobile", "E-mail", "Company"])
        for n in range(size):
            mobile = f"05{(0, 2, 4, 8)[n % 4]}-{2_000_000 + n * 37 % 7_900_000:07d}"
            address = f"{GIVEN[n % 10]}.{FAMILY[n % 8]}.{n}@example{n % 997}.com".lower()
            writer.writerow([n, GIVEN[n % 10], f"{FAMILY[n % 8]} {n // 80}", mobile, address, f"Firm {n % 5000}"])


def _import(hub: Hub, file: Path, size: int, fate: str) -> tuple[float, float, float]:
    """Take the file in; return seconds of CPU, seconds of the wall, MB of memory grown."""
    process, memory = psutil.Process(), list[int]()
    began, began_wall = time.process_time(), time.monotonic()
    batch = batches.bring(hub.db, hub.settings, None, batches.blocks_of(file), Brought(file.name, What.PEOPLE))
    with hub.db.write() as session:
        batches.start(session, hub.settings, hub.flow, None, batches.one(session, batch.public_id))
        [lease] = claim(session, ImportBatch, batches.due(), owner=str(os.getpid()), lease_s=3600)
    with little_garbage():
        Importer(
            hub.db, hub.flow, hub.settings, slice_s=1e9, watch=lambda _: memory.append(process.memory_info().rss)
        ).run(lease)
    spent, wall = time.process_time() - began, time.monotonic() - began_wall
    with hub.db.read() as session:
        done = batches.one(session, batch.public_id)
        assert (done.state, done.counts["rows"]) == (BatchState.DONE, size), (done.state, done.error, done.counts)
        assert done.counts["new"] + done.counts["update"] == size or done.counts[fate] == size, done.counts
    return spent, wall, (memory[-1] - memory[len(memory) // 2]) / 2**20


def _bare(file: Path, database: Path) -> float:
    """Return the seconds of reading the file and inserting its cells."""
    began = time.process_time()
    with (
        closing(sqlite3.connect(database, isolation_level=None)) as connection,
        file.open(encoding="utf-8", newline="") as text,
    ):
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("CREATE TABLE person (a TEXT, b TEXT, c TEXT, d TEXT, e TEXT, f TEXT)")
        rows = csv.reader(text)
        while page := list(islice(rows, PAGE)):
            connection.execute("BEGIN")
            connection.executemany("INSERT INTO person VALUES (?, ?, ?, ?, ?, ?)", page)
            connection.execute("COMMIT")
    return time.process_time() - began
