"""The Gmail API over a mailbox: drafts, sender addresses, push.

Sources: https://developers.google.com/workspace/gmail/api/guides/drafts, .../guides/alias_and_signature_settings, .../guides/push
"""

from connectors.google.simulated.call import Call, Handler
from connectors.google.simulated.errors import ApiError, Json, bad_request, not_found
from connectors.google.simulated.gmail import brief, mailbox, shown, with_token, written
from connectors.google.simulated.mailbox import WATCH_DAYS, Mailbox, SendAs, Watch
from connectors.google.simulated.paging import cut, place


def create_draft(call: Call) -> Json:
    box = mailbox(call)
    raw, thread_id = written(call, call.body.get("message", {}))
    return _short(box, box.draft(raw, thread_id=thread_id))


def update_draft(call: Call) -> Json:
    box = mailbox(call)
    raw, thread_id = written(call, call.body.get("message", {}))
    return _short(box, box.draft(raw, draft_id=call.path["id"], thread_id=thread_id))


def _short(box: Mailbox, draft_id: str) -> Json:
    return {"id": draft_id, "message": brief(box.letters[box.drafts[draft_id]])}


def get_draft(call: Call) -> Json:
    box = mailbox(call)
    if call.path["id"] not in box.drafts:
        raise not_found()
    return {"id": call.path["id"], "message": shown(call, box.letters[box.drafts[call.path["id"]]])}


def list_drafts(call: Call) -> Json:
    box = mailbox(call)
    by_message = {message: draft for draft, message in box.drafts.items()}
    found = [
        (draft, letter)
        for letter in box.search(
            call.query.get("q", ""), ["DRAFT"], spam_trash=bool(call.query.get("includeSpamTrash"))
        )
        if (draft := by_message.get(letter.id))
    ]
    page = cut(
        found, lambda one: (-one[1].at_ms, one[1].id), call.limit("maxResults", 100, 500),
        place(call.query.get("pageToken", "")), call.world.faults,
    )  # fmt: skip
    answer: Json = {"resultSizeEstimate": len(found)}
    if page.items:
        answer["drafts"] = [
            {"id": draft, "message": {"id": one.id, "threadId": one.thread_id}} for draft, one in page.items
        ]
    return with_token(answer, page.next_token)


def send_draft(call: Call) -> Json:
    box = mailbox(call)
    draft_id = call.body.get("id", "")
    message = call.body.get("message", {})
    if call.media is not None or message.get("raw"):
        raw, thread_id = written(call, message)
        if not draft_id:
            return brief(box.send(raw, thread_id=thread_id))
        box.draft(raw, draft_id=draft_id, thread_id=thread_id)
    return brief(box.send_draft(draft_id))


def delete_draft(call: Call) -> None:
    box = mailbox(call)
    if call.path["id"] not in box.drafts:
        raise not_found()
    box.delete_forever(box.drafts[call.path["id"]])


def list_send_as(call: Call) -> Json:
    return {"sendAs": [_send_as(one) for one in mailbox(call).send_as]}


def get_send_as(call: Call) -> Json:
    return _send_as(_wanted(call))


def update_send_as(call: Call) -> Json:
    one = _wanted(call)
    one.signature = call.body.get("signature", one.signature)
    one.name = call.body.get("displayName", one.name)
    return _send_as(one)


def _wanted(call: Call) -> SendAs:
    address = call.path["sendAsEmail"].lower()
    found = next((one for one in mailbox(call).send_as if one.address.lower() == address), None)
    if found is None:
        raise not_found()
    return found


def _send_as(one: SendAs) -> Json:
    answer: Json = {"sendAsEmail": one.address, "displayName": one.name, "signature": one.signature}
    if one.primary:
        return answer | {"isPrimary": True, "isDefault": True}
    return answer | {"treatAsAlias": True, "verificationStatus": "accepted"}


def watch(call: Call) -> Json:
    """Publish changes to a topic for a week. The first message is sent at once."""
    box, topic = mailbox(call), call.body.get("topicName", "")
    if not topic:
        raise ApiError(400, "required", "Missing required field: topicName")
    if not call.world.pubsub.has_topic(topic):
        raise not_found(f"Error sending test message to Cloud PubSub {topic} : Resource not found.")
    labels = frozenset(call.body.get("labelIds", ()))
    if unknown := labels - box.labels.keys():
        raise bad_request(f"Invalid label: {min(unknown)}", "invalidArgument")
    behaviour = call.body.get("labelFilterBehavior") or call.body.get("labelFilterAction") or "include"
    expires_ms = call.world.clock.ms() + WATCH_DAYS * 86_400_000
    box.watching = Watch(topic, labels, behaviour.lower() == "include", expires_ms)
    box.publish(topic, {"emailAddress": box.address, "historyId": box.history_id})
    return {"historyId": str(box.history_id), "expiration": str(expires_ms)}


def stop(call: Call) -> None:
    mailbox(call).watching = None


HANDLERS: dict[str, Handler] = {
    "gmail.users.drafts.create": create_draft,
    "gmail.users.drafts.update": update_draft,
    "gmail.users.drafts.get": get_draft,
    "gmail.users.drafts.list": list_drafts,
    "gmail.users.drafts.send": send_draft,
    "gmail.users.drafts.delete": delete_draft,
    "gmail.users.settings.sendAs.list": list_send_as,
    "gmail.users.settings.sendAs.get": get_send_as,
    "gmail.users.settings.sendAs.patch": update_send_as,
    "gmail.users.settings.sendAs.update": update_send_as,
    "gmail.users.watch": watch,
    "gmail.users.stop": stop,
}
