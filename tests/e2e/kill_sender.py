"""Senders of webhooks that die at every place (see `kill_worker`), of which before and after each POST are some."""

from collections.abc import Mapping

from hub import app as hub_app
from hub.context import Hub
from hub.security import outside
from tests.e2e import kill_worker


def watch_posts(deaths: kill_worker.Deaths) -> None:
    """Watch what leaves for an endpoint, and that its answer came."""
    post = outside.Line.post

    def posted(self: outside.Line, body: bytes, headers: Mapping[str, str]) -> outside.Answer:
        deaths.passes("before POST")
        answer = post(self, body, headers)
        deaths.passes("after POST")
        return answer

    outside.Line.post = posted  # type: ignore[method-assign]  # a watched method


def work(hub: Hub) -> None:
    """Do what the threads of senders do, until nothing is due."""
    outside._WATCH = outside._Watch()  # a thread of the program that forks is none of ours
    senders = hub_app._senders(hub)
    while senders.run_once():
        pass


if __name__ == "__main__":
    kill_worker.watch_requests = watch_posts
    kill_worker.work = work
    kill_worker.READS_TOO = False  # dead before a SELECT is dead before the next write of its transaction
    kill_worker.main()
