"""Workers that are killed: a program of their own from which they are forked (see `kill_worker`), and how it is spoken to."""

import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from tests.e2e.processes import ROOT

MOST_PLACES = 300  # no life has more


class Mortals:
    """The program from which workers are forked."""

    def __init__(self, home: Path, program: ModuleType) -> None:
        self._log = home / "workers.log"
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", program.__name__],
                cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip

    def tell(self, **command: Any) -> dict[str, Any]:
        """Give a command, and return the answer."""
        process = self._process
        assert process.stdin is not None
        assert process.stdout is not None
        print(json.dumps(command), file=process.stdin, flush=True)
        answer = process.stdout.readline()
        assert answer, self.said
        told: dict[str, Any] = json.loads(answer)
        return told

    def die_everywhere(self, home: Path, url: str, clean: str) -> list[str]:
        """Let workers die, each at a place where nobody died before, until one has nothing left to do; returns the places.

        Args:
            clean: a copy of the database, in which the same is done and nobody dies.
        """
        named = "" if url.startswith("sqlite") else "?application_name=worker"
        self.tell(open={"HUB_HOME": str(home), "HUB_DATABASE__URL": f"{url}{named}"}, remote="http://127.0.0.1:9")
        self.tell(rehearse=clean)
        places: list[str] = []
        while (told := self.tell(live=True))["place"]:
            places.append(told["place"])
            assert len(places) < MOST_PLACES
        assert told["code"] == 0, self.said
        return places

    @property
    def said(self) -> str:
        """What they logged, warnings and worse, and how they failed."""
        return self._log.read_text("utf-8")

    def close(self) -> None:
        self._process.communicate(timeout=30)
