"""What waits to be sent to each browser, and how its coroutine is woken from any thread."""

import asyncio
import threading
import weakref
from collections import defaultdict, deque
from contextlib import suppress


class Wakeups:
    """Wakes the streams of one event loop; many streams cost one call into the loop, not one each."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = weakref.ref(loop)
        self._lock = threading.Lock()
        self._asleep: list[asyncio.Event] = []

    def wake(self, event: asyncio.Event) -> None:
        """Set the event in its loop soon; callable from any thread."""
        with self._lock:
            self._asleep.append(event)
            if len(self._asleep) > 1:
                return  # a call into the loop is already under way and takes this one along
        loop = self._loop()
        # A closed loop has no coroutine left that could be woken.
        with suppress(RuntimeError):
            if loop is not None:
                loop.call_soon_threadsafe(self._run)

    def _run(self) -> None:
        with self._lock:
            events, self._asleep = self._asleep, []
        for event in events:
            event.set()


class Stream:
    """The open connection of one browser."""

    def __init__(self, user_id: int, wakeups: Wakeups, *, waiting: int) -> None:
        self.user_id = user_id
        self.ended = False
        self._limit = waiting
        self._messages: deque[str] = deque()
        self._wakeups = wakeups
        self._awake = asyncio.Event()

    def put(self, text: str) -> None:
        """Add a message; above the limit the stream ends.

        Nothing is lost then: the browser joins afresh and its first message is the state.
        """
        if len(self._messages) >= self._limit:
            self.end()
        elif not self.ended:
            self._messages.append(text)
            self._wakeups.wake(self._awake)

    def end(self) -> None:
        """Send nothing more, also not what waits."""
        self.ended = True
        self._messages.clear()
        self._wakeups.wake(self._awake)

    async def next(self, within_s: float) -> str | None:
        """Return all that waits, "" when nothing came in time, None at the end."""
        if not self._messages and not self.ended:
            self._awake.clear()
            try:
                async with asyncio.timeout(within_s):
                    await self._awake.wait()
            except TimeoutError:
                return ""
        if self.ended:
            return None
        return "".join(self._messages.popleft() for _ in range(len(self._messages)))


class Audience:
    """Who is listening in this process. Its owner calls it under one lock, so that all streams see one order."""

    def __init__(self, *, waiting: int) -> None:
        self._waiting = waiting
        self._streams: defaultdict[int, set[Stream]] = defaultdict(set)
        self._wakeups: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Wakeups] = weakref.WeakKeyDictionary()

    def join(self, user_id: int) -> Stream:
        """Add a stream of the running event loop."""
        loop = asyncio.get_running_loop()
        if loop not in self._wakeups:
            self._wakeups[loop] = Wakeups(loop)
        stream = Stream(user_id, self._wakeups[loop], waiting=self._waiting)
        self._streams[user_id].add(stream)
        return stream

    def leave(self, stream: Stream) -> None:
        """Forget a stream; leaving twice does nothing."""
        streams = self._streams.get(stream.user_id)
        if streams is not None:
            streams.discard(stream)
            if not streams:
                del self._streams[stream.user_id]

    def tell(self, user_id: int, text: str) -> None:
        """Send to all browsers of one user."""
        for stream in list(self._streams.get(user_id, ())):
            stream.put(text)
            if stream.ended:
                self.leave(stream)

    def drop(self, user_id: int) -> None:
        """End all streams of one user."""
        for stream in self._streams.pop(user_id, ()):
            stream.end()

    def drop_all(self) -> None:
        """End all streams."""
        for user_id in list(self._streams):
            self.drop(user_id)

    def users(self) -> list[int]:
        """Return who listens."""
        return list(self._streams)

    def count(self) -> dict[int, int]:
        """Return how many browsers each user has open."""
        return {user_id: len(streams) for user_id, streams in self._streams.items()}
