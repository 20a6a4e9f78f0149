"""The Gmail API over a mailbox: messages, threads, labels, history.

Source: https://developers.google.com/workspace/gmail/api/reference/rest
"""

from collections.abc import Iterable, Sequence
from typing import Any

from connectors.google.simulated import mime as gmail_mime
from connectors.google.simulated.call import Call, Handler, own
from connectors.google.simulated.errors import ApiError, Json, bad_request, invalid_parameter, not_found
from connectors.google.simulated.mailbox import Change, Letter, Mailbox, order
from connectors.google.simulated.paging import cut, place
from hub.connector.simulated import mime

METADATA_ONLY = "https://www.googleapis.com/auth/gmail.metadata"
READING = frozenset({
    "https://mail.google.com/",
    "https://www.googleapis.com/auth/gmail.modify",
    "https://www.googleapis.com/auth/gmail.readonly",
})  # fmt: skip
_KINDS = {
    "messageAdded": "messagesAdded", "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded", "labelRemoved": "labelsRemoved",
}  # fmt: skip


def mailbox(call: Call) -> Mailbox:
    return own(call, call.path["userId"]).mail


def sees_text(call: Call) -> bool:
    """Whether the token reaches more than headers."""
    return METADATA_ONLY not in call.scopes or bool(READING & call.scopes)


def get_profile(call: Call) -> Json:
    box = mailbox(call)
    return {
        "emailAddress": box.address, "messagesTotal": len(box.letters), "threadsTotal": len(box.threads),
        "historyId": str(box.history_id),
    }  # fmt: skip


# -- messages -------------------------------------------------------------------------------------------------------


def _found(call: Call) -> list[Letter]:
    query = call.query
    if query.get("q") and not sees_text(call):
        raise ApiError(403, "forbidden", "Metadata scope does not support 'q' parameter")
    hidden = bool(query.get("includeSpamTrash"))
    return mailbox(call).search(query.get("q", ""), query.get("labelIds", ()), spam_trash=hidden)


def list_messages(call: Call) -> Json:
    found = _found(call)
    at = place(call.query.get("pageToken", ""))
    page = cut(found, order, call.limit("maxResults", 100, 500), at, call.world.faults)
    answer: Json = {"resultSizeEstimate": len(found)}
    if page.items:
        answer["messages"] = [{"id": one.id, "threadId": one.thread_id} for one in page.items]
    return with_token(answer, page.next_token)


def with_token(answer: Json, token: str) -> Json:
    if token:
        answer["nextPageToken"] = token
    return answer


def get_message(call: Call) -> Json:
    box = mailbox(call)
    letter = box.letter(call.path["id"])
    if call.world.faults.take("item_gone"):
        box.delete_forever(letter.id)
        raise not_found()
    return shown(call, letter)


def shown(call: Call, letter: Letter) -> Json:
    """A message in the format that the query asks for."""
    form = call.query.get("format", "full")
    if form in ("full", "raw") and not sees_text(call):
        raise ApiError(403, "forbidden", f"Metadata scope doesn't allow format {form.upper()}")
    raw = letter.raw
    mail = mime.parse(raw)
    answer = brief(letter) | {
        "snippet": gmail_mime.snippet(mail) if sees_text(call) else "",
        "sizeEstimate": letter.size, "historyId": str(letter.history_id), "internalDate": str(letter.at_ms),
    }  # fmt: skip
    match form:
        case "raw":
            answer["raw"] = gmail_mime.encoded(raw)
        case "full":
            answer["payload"] = gmail_mime.tree(mail, lambda part_id: attachment_id(call, letter, part_id))
        case "metadata":
            wanted = {name.lower() for name in call.query.get("metadataHeaders", ())}
            answer["payload"] = {
                "partId": "", "filename": "", "mimeType": mail.get_content_type(),
                "headers": [
                    {"name": name, "value": value}
                    for name, value in mime.headers(mail)
                    if not wanted or name.lower() in wanted
                ],
            }  # fmt: skip
    return answer


def brief(letter: Letter) -> Json:
    """Ids and labels of a message."""
    answer: Json = {"id": letter.id, "threadId": letter.thread_id}
    if letter.labels:
        answer["labelIds"] = sorted(letter.labels)
    return answer


def attachment_id(call: Call, letter: Letter, part_id: str) -> str:
    """A name for an attachment, another one at each reading, as at Google."""
    nonce = call.world.tick()
    return "ANGjdJ" + gmail_mime.encoded(f"{nonce}:{letter.id}:{part_id}".encode()).rstrip("=")


def get_attachment(call: Call) -> Json:
    letter = mailbox(call).letter(call.path["messageId"])
    try:
        facts = gmail_mime.decoded(call.path["id"].removeprefix("ANGjdJ")).decode("utf-8")
        _, message_id, part_id = facts.split(":")
    except ValueError:
        raise bad_request("Invalid attachment token", "invalidArgument") from None
    parts = dict(mime.walk(mime.parse(letter.raw)))
    if message_id != letter.id or part_id not in parts:
        raise bad_request("Invalid attachment token", "invalidArgument")
    raw = mime.content(parts[part_id])
    return {"size": len(raw), "data": gmail_mime.encoded(raw)}


def written(call: Call, message: Json) -> tuple[bytes, str]:
    """The mail that a request brings, and the thread that it asks for. Raises ApiError (400)."""
    if call.media is not None:
        return call.media, message.get("threadId", "")
    try:
        raw = gmail_mime.decoded(message.get("raw", ""))
    except ValueError:
        raise invalid_parameter("raw", "Invalid value for ByteString") from None
    if not raw:
        raise bad_request("'raw' RFC822 payload message string or uploading message via /upload/* URL required",
                          "invalidArgument")  # fmt: skip
    return raw, message.get("threadId", "")


def send(call: Call) -> Json:
    raw, thread_id = written(call, call.body)
    return brief(mailbox(call).send(raw, thread_id=thread_id))


def insert(call: Call) -> Json:
    box = mailbox(call)
    raw, thread_id = written(call, call.body)
    # `insert` takes the moment of receipt unless told otherwise, `import` the Date header.
    default = "dateHeader" if call.method.id.endswith("import") else "receivedTime"
    from_header = call.query.get("internalDateSource", default) == "dateHeader"
    at_ms = mime.date_ms(raw) if from_header else None
    labels = call.body.get("labelIds", [])
    return brief(box.insert(raw, labels=labels, thread_id=thread_id, at_ms=at_ms or box.clock.ms()))


def modify(call: Call) -> Json:
    box = mailbox(call)
    return brief(box.label(call.path["id"], *_label_change(call)))


def _label_change(call: Call) -> tuple[list[str], list[str]]:
    return call.body.get("addLabelIds", []), call.body.get("removeLabelIds", [])


def trash(call: Call) -> Json:
    return brief(mailbox(call).trash(call.path["id"]))


def untrash(call: Call) -> Json:
    return brief(mailbox(call).untrash(call.path["id"]))


def delete(call: Call) -> None:
    mailbox(call).delete_forever(call.path["id"])


def batch_modify(call: Call) -> None:
    box = mailbox(call)
    for one in _ids(call, box):
        box.label(one, *_label_change(call))


def batch_delete(call: Call) -> None:
    box = mailbox(call)
    for one in _ids(call, box):
        box.delete_forever(one)


def _ids(call: Call, box: Mailbox) -> list[str]:
    """The messages that a request names and that are there."""
    ids = call.body.get("ids", [])
    if len(ids) > 1000:
        raise bad_request("Too many message ids in request", "invalidArgument")
    return [one for one in ids if one in box.letters]


# -- threads --------------------------------------------------------------------------------------------------------


def list_threads(call: Call) -> Json:
    newest: dict[str, Letter] = {}
    for letter in _found(call):
        newest.setdefault(letter.thread_id, letter)
    page = cut(
        list(newest.values()), order, call.limit("maxResults", 100, 500), place(call.query.get("pageToken", "")),
        call.world.faults,
    )  # fmt: skip
    answer: Json = {"resultSizeEstimate": len(newest)}
    if page.items:
        answer["threads"] = [
            {"id": one.thread_id, "historyId": str(one.history_id), "snippet": gmail_mime.snippet(mime.parse(one.raw))}
            for one in page.items
        ]
    return with_token(answer, page.next_token)


def get_thread(call: Call) -> Json:
    letters = _thread(call)
    newest = max(letter.history_id for letter in letters)
    return {"id": call.path["id"], "historyId": str(newest), "messages": [shown(call, one) for one in letters]}


def _thread(call: Call) -> list[Letter]:
    box = mailbox(call)
    ids = box.threads.get(call.path["id"])
    if not ids:
        raise not_found()
    return sorted((box.letters[one] for one in ids), key=lambda letter: letter.at_ms)


def change_thread(call: Call) -> Json | None:
    """`threads.modify`, `.trash`, `.untrash` and `.delete`: the same for each message."""
    box, verb = mailbox(call), call.method.id.rpartition(".")[2]
    letters = _thread(call)
    for letter in letters:
        match verb:
            case "modify":
                box.label(letter.id, *_label_change(call))
            case "trash":
                box.trash(letter.id)
            case "untrash":
                box.untrash(letter.id)
            case "delete":
                box.delete_forever(letter.id)
    if verb == "delete":
        return None
    return {"id": call.path["id"], "messages": [brief(one) for one in letters]}


# -- history and push -----------------------------------------------------------------------------------------------


def list_history(call: Call) -> Json:
    """Changes behind a cursor; 404 for one that is too old.

    Source: https://developers.google.com/workspace/gmail/api/reference/rest/v1/users.history/list
    """
    box, start = mailbox(call), call.query.get("startHistoryId", "")
    if not start:
        raise ApiError(400, "required", "Missing required parameter: startHistoryId")
    if not start.isdigit():
        raise invalid_parameter("startHistoryId")
    if call.world.faults.take("expire_cursor"):
        box.expire_history()
    found = _chosen(box.since(int(start)), call.query.get("historyTypes", ()), call.query.get("labelId", ""))
    page = cut(
        found, lambda change: change.id, call.limit("maxResults", 100, 500), place(call.query.get("pageToken", "")),
        call.world.faults,
    )  # fmt: skip
    answer: Json = {}
    if page.items:
        answer["history"] = [_record(change) for change in page.items]
    if page.next_token or not call.world.faults.take("no_sync_token"):
        answer["historyId"] = str(box.history_id)
    return with_token(answer, page.next_token)


def _chosen(changes: Iterable[Change], kinds: Sequence[str], label: str) -> list[Change]:
    return [
        one
        for one in changes
        if (not kinds or one.kind in kinds) and (not label or label in one.labels or label in one.changed)
    ]


def _record(change: Change) -> Json:
    short = {"id": change.message_id, "threadId": change.thread_id}
    detail: Json = {"message": short | ({"labelIds": sorted(change.labels)} if change.labels else {})}
    if change.changed:
        detail["labelIds"] = list(change.changed)
    return {"id": str(change.id), "messages": [short], _KINDS[change.kind]: [detail]}


# -- labels ---------------------------------------------------------------------------------------------------------


def list_labels(call: Call) -> Json:
    # The listing leaves out the numbers; `labels.get` has them.
    return {"labels": list(mailbox(call).labels.values())}


def get_label(call: Call) -> Json:
    box = mailbox(call)
    label = _label(box, call.path["id"])
    inside = [letter for letter in box.letters.values() if label["id"] in letter.labels]
    unread = [letter for letter in inside if "UNREAD" in letter.labels]
    return label | {
        "messagesTotal": len(inside), "messagesUnread": len(unread),
        "threadsTotal": len({one.thread_id for one in inside}), "threadsUnread": len({one.thread_id for one in unread}),
    }  # fmt: skip


def _label(box: Mailbox, label_id: str) -> Json:
    if label_id not in box.labels:
        raise not_found()
    return box.labels[label_id]


def create_label(call: Call) -> Json:
    name = call.wanted("name")
    allowed = ("messageListVisibility", "labelListVisibility", "color")
    fields: dict[str, Any] = {key: call.body[key] for key in allowed if key in call.body}
    return mailbox(call).create_label(name, **fields)


def update_label(call: Call) -> Json:
    label = _label(mailbox(call), call.path["id"])
    if label["type"] == "system":
        raise bad_request("Cannot update system labels", "invalidArgument")
    label.update({key: value for key, value in call.body.items() if key not in ("id", "type")})
    return label


def delete_label(call: Call) -> None:
    mailbox(call).delete_label(call.path["id"])


_MESSAGES = "gmail.users.messages"
HANDLERS: dict[str, Handler] = {
    "gmail.users.getProfile": get_profile,
    f"{_MESSAGES}.list": list_messages,
    f"{_MESSAGES}.get": get_message,
    f"{_MESSAGES}.attachments.get": get_attachment,
    f"{_MESSAGES}.send": send,
    f"{_MESSAGES}.insert": insert,
    f"{_MESSAGES}.import": insert,
    f"{_MESSAGES}.modify": modify,
    f"{_MESSAGES}.trash": trash,
    f"{_MESSAGES}.untrash": untrash,
    f"{_MESSAGES}.delete": delete,
    f"{_MESSAGES}.batchModify": batch_modify,
    f"{_MESSAGES}.batchDelete": batch_delete,
    "gmail.users.threads.list": list_threads,
    "gmail.users.threads.get": get_thread,
    "gmail.users.threads.modify": change_thread,
    "gmail.users.threads.trash": change_thread,
    "gmail.users.threads.untrash": change_thread,
    "gmail.users.threads.delete": change_thread,
    "gmail.users.history.list": list_history,
    "gmail.users.labels.list": list_labels,
    "gmail.users.labels.get": get_label,
    "gmail.users.labels.create": create_label,
    "gmail.users.labels.update": update_label,
    "gmail.users.labels.patch": update_label,
    "gmail.users.labels.delete": delete_label,
}
