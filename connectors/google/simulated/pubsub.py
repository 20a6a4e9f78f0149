"""Cloud Pub/Sub, as much of it as Gmail's notifications need: topics, pull and push subscriptions.

Source: https://cloud.google.com/pubsub/docs/reference/rest/v1/projects.subscriptions
"""

import base64
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from threading import Condition, RLock
from typing import Any

from connectors.google.simulated.call import Call, Handler
from connectors.google.simulated.errors import ApiError, Json, not_found
from connectors.google.simulated.stamps import rfc3339
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.notifier import DELAY_S, Notification, Notifier
from hub.connector.simulator import Faults

PROJECT = "projects/demo"
TOPIC = f"{PROJECT}/topics/gmail"
SUBSCRIPTION = f"{PROJECT}/subscriptions/hub"
_ACK_S = 10
_AGAIN_S = 1.0  # before a message is posted again that nobody took
_TRIES = 20
_TAKEN = (102, 200, 201, 202, 204)  # https://cloud.google.com/pubsub/docs/push#receive_push


@dataclass(slots=True)
class Waiting:
    """A message in one subscription."""

    id: str
    data: str
    published: str
    free_at: float = 0.0  # until then somebody else has it
    tries: int = 0


@dataclass(slots=True)
class Subscription:
    """Where the messages of a topic wait."""

    name: str
    topic: str
    ack_s: int = _ACK_S
    push_to: str = ""
    audience: str = ""
    sender: str = ""  # the service account that signs
    waiting: deque[Waiting] = field(default_factory=deque)


class PubSub:
    """Topics and subscriptions. One of each is there from the start: `TOPIC`, `SUBSCRIPTION`."""

    def __init__(
        self,
        clock: Clock,
        lock: RLock,
        faults: Faults,
        notifier: Notifier,
        sign: Callable[[str, str], str],
    ) -> None:
        self._clock, self._faults, self._notifier, self._sign = clock, faults, notifier, sign
        self._arrived = Condition(lock)
        self._count = 0
        self.wait_s = 0.0  # how long a pull without messages waits; Google: up to 90 seconds
        self.topics = {TOPIC}
        self.subscriptions = {SUBSCRIPTION: Subscription(SUBSCRIPTION, TOPIC)}

    def has_topic(self, name: str) -> bool:
        return name in self.topics

    def subscribe(
        self, name: str, topic: str = TOPIC, *, push_to: str = "", audience: str = "", sender: str = ""
    ) -> Subscription:
        """Make a subscription; with `push_to`, messages are posted there, signed by a service account for an audience."""
        self.topics.add(topic)
        made = Subscription(name, topic, push_to=push_to, audience=audience, sender=sender)
        self.subscriptions[name] = made
        return made

    def publish(self, topic: str, facts: Json) -> None:
        """Put a message into every subscription of a topic."""
        if self._faults.take("dropped_notification"):
            return
        times = 2 if self._faults.take("duplicated_notification") else 1
        data = base64.urlsafe_b64encode(json.dumps(facts).encode()).decode()
        with self._arrived:
            for one in self.subscriptions.values():
                for _ in range(times if one.topic == topic else 0):
                    self._count += 1
                    message = Waiting(str(9_000_000_000 + self._count), data, rfc3339(self._clock.now()))
                    if one.push_to:
                        self._push(one, message)
                    else:
                        self._put(one, message)
            self._arrived.notify_all()

    def _put(self, subscription: Subscription, message: Waiting) -> None:
        if self._faults.take("delayed_notification"):
            message.free_at = self._clock.time() + DELAY_S
        if self._faults.take("reordered_notification"):
            subscription.waiting.appendleft(message)
        else:
            subscription.waiting.append(message)

    def _push(self, subscription: Subscription, message: Waiting) -> None:
        """Post a message as https://cloud.google.com/pubsub/docs/push says."""
        body = json.dumps({"message": _shown(message), "subscription": subscription.name}).encode()
        token = self._sign(subscription.audience or subscription.push_to, subscription.sender)
        headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}

        def delivered(status: int) -> None:
            message.tries += 1
            if status not in _TAKEN and message.tries < _TRIES:
                self._notifier.later(notification, _AGAIN_S)

        notification = Notification(subscription.push_to, headers, body, delivered)
        self._notifier.notify(notification)

    def pull(self, name: str, most: int, *, at_once: bool) -> list[Json]:
        """Give out messages, each for a while to one reader. Raises ApiError (404)."""
        with self._arrived:
            found = self._free(self._subscription(name))
            if not found and not at_once and self.wait_s:
                self._arrived.wait(self.wait_s)
                found = self._free(self._subscription(name))
            subscription, answer = self._subscription(name), []
            for message in found[:most]:
                message.tries += 1
                message.free_at = self._clock.time() + subscription.ack_s
                answer.append({"ackId": f"{message.id}:{message.tries}", "message": _shown(message)})
            return answer

    def _free(self, subscription: Subscription) -> list[Waiting]:
        now = self._clock.time()
        return [one for one in subscription.waiting if one.free_at <= now]

    def acknowledge(self, name: str, ack_ids: list[str]) -> None:
        """Forget messages; an old or unknown id is no error."""
        done = {one.partition(":")[0] for one in ack_ids}
        with self._arrived:
            subscription = self._subscription(name)
            subscription.waiting = deque(one for one in subscription.waiting if one.id not in done)

    def delay(self, name: str, ack_ids: list[str], seconds: int) -> None:
        """Give a reader more time for messages, or (0) give them back."""
        wanted = {one.partition(":")[0] for one in ack_ids}
        with self._arrived:
            for message in self._subscription(name).waiting:
                if message.id in wanted:
                    message.free_at = self._clock.time() + seconds

    def _subscription(self, name: str) -> Subscription:
        if name not in self.subscriptions:
            raise not_found(f"Resource not found (resource={name.rpartition('/')[2]}).")
        return self.subscriptions[name]


def _shown(message: Waiting) -> Json:
    return {"data": message.data, "messageId": message.id, "publishTime": message.published}


# -- the API ------------------------------------------------------------------------------------------------------------


def pull(call: Call) -> Json:
    most = call.body.get("maxMessages", 0)
    if not isinstance(most, int) or most < 1:
        raise ApiError(400, "badRequest", "You have passed a non-positive value for maxMessages.")
    at_once = bool(call.body.get("returnImmediately"))
    found = call.world.pubsub.pull(call.path["subscription"], most, at_once=at_once)
    return {"receivedMessages": found} if found else {}


def acknowledge(call: Call) -> Json:
    call.world.pubsub.acknowledge(call.path["subscription"], call.body.get("ackIds", []))
    return {}


def modify_deadline(call: Call) -> Json:
    seconds = int(call.body.get("ackDeadlineSeconds", 0))
    call.world.pubsub.delay(call.path["subscription"], call.body.get("ackIds", []), seconds)
    return {}


def create(call: Call) -> Json:
    name, topic = call.path["name"], call.wanted("topic")
    pubsub = call.world.pubsub
    if name in pubsub.subscriptions:
        raise ApiError(409, "alreadyExists", f"Subscription already exists in the project ({name}).")
    if topic not in pubsub.topics:
        raise not_found(f"Resource not found (resource={topic.rpartition('/')[2]}).")
    push: dict[str, Any] = call.body.get("pushConfig", {})
    token = push.get("oidcToken", {})
    made = pubsub.subscribe(
        name, topic, push_to=push.get("pushEndpoint", ""), audience=token.get("audience", ""),
        sender=token.get("serviceAccountEmail", ""),
    )  # fmt: skip
    return _described(made)


def get(call: Call) -> Json:
    found = call.world.pubsub.subscriptions.get(call.path["subscription"])
    if found is None:
        raise not_found(f"Resource not found (resource={call.path['subscription'].rpartition('/')[2]}).")
    return _described(found)


def delete(call: Call) -> Json:
    if call.world.pubsub.subscriptions.pop(call.path["subscription"], None) is None:
        raise not_found(f"Resource not found (resource={call.path['subscription'].rpartition('/')[2]}).")
    return {}


def _described(one: Subscription) -> Json:
    push = {"pushEndpoint": one.push_to} if one.push_to else {}
    return {
        "name": one.name, "topic": one.topic, "ackDeadlineSeconds": one.ack_s, "pushConfig": push, "state": "ACTIVE",
    }  # fmt: skip


HANDLERS: dict[str, Handler] = {
    "pubsub.projects.subscriptions.pull": pull,
    "pubsub.projects.subscriptions.acknowledge": acknowledge,
    "pubsub.projects.subscriptions.modifyAckDeadline": modify_deadline,
    "pubsub.projects.subscriptions.create": create,
    "pubsub.projects.subscriptions.get": get,
    "pubsub.projects.subscriptions.delete": delete,
}
