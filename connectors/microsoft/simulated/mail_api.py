"""Outlook mail of Graph: folders, messages, and rounds of their changes.

Source: https://learn.microsoft.com/graph/api/resources/mail-api-overview
"""

import re
from collections.abc import Callable, Mapping

from connectors.microsoft.simulated import attachments, delta, mail_send, shapes
from connectors.microsoft.simulated.call import Call, Handler, Reply, Route
from connectors.microsoft.simulated.errors import ApiError, Json, bad_request, not_found
from connectors.microsoft.simulated.listing import context, listed, selected
from connectors.microsoft.simulated.mail_query import FILTERABLE, compile_search, ordered, since_received
from connectors.microsoft.simulated.mail_shape import changed, shown, wanted_of
from connectors.microsoft.simulated.mailbox import TOP, Folder, Mailbox, Message, recipients

READ = frozenset({"Mail.Read", "Mail.ReadWrite"})
WRITE = frozenset({"Mail.ReadWrite"})
SEND = frozenset({"Mail.Send"})
_NAMED = re.compile(r"\s*displayName\s+eq\s+'((?:[^']|'')*)'\s*")
_CHANGES = ("created", "updated", "deleted")


def _box(call: Call) -> Mailbox:
    box: Mailbox = call.user.mail
    box.settle()
    return box


def _message(call: Call) -> Message:
    """The message that the path names; also below a folder, if it is there. Raises ApiError (404)."""
    box = _box(call)
    message = box.message(call.path["message"])
    if "folder" in call.path and box.folder(call.path["folder"]) is not message.folder:
        raise not_found()
    if call.verb == "GET" and call.world.faults.take("item_gone"):
        box.delete_forever(message.key)
        raise not_found()
    return message


def _told(call: Call, message: Message, status: int = 200) -> Reply:
    return Reply({"@odata.context": f"{context(call)}/$entity", **shown(call, message)}, status)


# -- folders --------------------------------------------------------------------------------------------------------


def _folder(box: Mailbox, folder: Folder) -> Json:
    """A folder; v1.0 does not tell which one is well known: ask for it by that name."""
    inside = box.inside(folder)
    return {
        "id": folder.id, "displayName": folder.name, "parentFolderId": folder.parent,
        "childFolderCount": sum(not one.hidden for one in box.children(folder)),
        "unreadItemCount": sum(not one.is_read for one in inside), "totalItemCount": len(inside),
        "isHidden": folder.hidden,
    }  # fmt: skip


def list_folders(call: Call) -> Reply:
    """Folders right below another, or below the top; hidden ones only with `includeHiddenFolders=true`."""
    box = _box(call)
    above = box.folder(call.path.get("folder", TOP))
    hidden = call.query.get("includeHiddenFolders", "").lower() == "true"
    found = [one for one in box.children(above) if hidden or not one.hidden]
    if "$filter" in call.query:
        wanted = _NAMED.fullmatch(call.query["$filter"])
        if wanted is None:
            raise bad_request("Folders are found by displayName only.", "ErrorInvalidUrlQueryFilter")
        found = [one for one in found if one.name.lower() == wanted[1].replace("''", "'").lower()]
    found.sort(key=lambda one: one.name)
    return listed(call, found, lambda one: selected(call, _folder(box, one)))


def get_folder(call: Call) -> Reply:
    box = _box(call)
    folder = selected(call, _folder(box, box.folder(call.path["folder"])))
    return Reply({"@odata.context": f"{context(call)}/$entity", **folder})


def create_folder(call: Call) -> Reply:
    box = _box(call)
    given = call.given(shapes.MAIL_FOLDER)
    made = box.new_folder(given["displayName"], call.path.get("folder", TOP), hidden=bool(given.get("isHidden")))
    return Reply(_folder(box, made), 201)


def change_folder(call: Call) -> Reply:
    box = _box(call)
    name = call.given(shapes.MAIL_FOLDER)["displayName"]
    return Reply(_folder(box, box.rename_folder(call.path["folder"], name)))


def move_folder(call: Call) -> Reply:
    box = _box(call)
    return Reply(_folder(box, box.move_folder(call.path["folder"], _destination(call))))


def delete_folder(call: Call) -> Reply:
    _box(call).delete_folder(call.path["folder"])
    return Reply(status=204)


def folder_changes(call: Call) -> Reply:
    """What happened to folders, those inside others too: new, renamed, moved, removed; not what is in them."""
    box = _box(call)

    def show(folder_id: str, asked: Mapping[str, str]) -> Json | None:
        folder = box.folders[folder_id]
        if folder.hidden and asked.get("includeHiddenFolders", "").lower() != "true":
            return None
        return selected(call, _folder(box, folder), asked.get("$select", ""))

    return delta.round_of(call, box.tree, show, default=10, highest=1000)


# -- messages -------------------------------------------------------------------------------------------------------


def list_messages(call: Call) -> Reply:
    """Messages of a folder, or of all that people see."""
    box, query = _box(call), call.query
    wanted_of(query)
    if "folder" in call.path:
        found = box.inside(box.folder(call.path["folder"]))
    else:
        found = [one for one in box.messages.values() if box.is_visible(one.folder)]
    if "$search" in query:
        return listed(call, _searched(call, found, box.search_cap), lambda one: shown(call, one))
    named: list[str] = []
    if "$filter" in query:
        test, named = FILTERABLE.read(query["$filter"])
        found = [one for one in found if test(one)]
    return listed(call, ordered(found, query.get("$orderby", ""), named), lambda one: shown(call, one))


def _searched(call: Call, messages: list[Message], most: int) -> list[Message]:
    """At most 1,000 messages, sorted by when they were sent; neither `$filter` nor `$orderby` may stand beside it."""
    for option, code in (("$filter", "SearchWithFilter"), ("$orderby", "SearchWithOrderBy")):
        if option in call.query:
            raise ApiError(400, code, f"The query parameter '{option}' is not supported with '$search'.")
    test = compile_search(call.query["$search"])
    return ordered([one for one in messages if test(one)], "sentDateTime desc")[:most]


def changes(call: Call) -> Reply:
    """One page of what happened to the messages of a folder.

    Source: https://learn.microsoft.com/graph/api/message-delta
    """
    box = _box(call)
    folder = box.folder(call.path["folder"])
    place = delta.peek(call)
    asked = place.asked or {}
    kind = _kind(asked)
    fits = _fitting(box, folder, place.since, asked)

    def show(record_id: str, _asked: Mapping[str, str]) -> Json | None:
        message = box.find(record_id)
        if message is None or not fits(message) or kind == "deleted":
            return None
        if place.since and kind and (message.came > place.since) is not (kind == "created"):
            return None
        partly = place.since and message.rewritten <= place.since
        if not partly:
            found: Json | None = shown(call, message, asked)
        elif box.partial_updates:
            found = changed(call, message, place.since, asked)
        else:
            found = shown(call, message, asked) if changed(call, message, place.since, asked) else None
        return {"@odata.type": "#microsoft.graph.message", **found} if found else None

    feed = folder.by_key if call.immutable else folder.by_id
    reply = delta.round_of(call, feed, show, default=10, highest=1000)
    if kind in ("created", "updated") and reply.value is not None:
        reply.value["value"] = [one for one in reply.value["value"] if "@removed" not in one]
    return reply


def _kind(asked: Mapping[str, str]) -> str:
    kind = asked.get("changeType", "")
    if kind and kind not in _CHANGES:
        raise bad_request(f"The value '{kind}' of changeType is not valid.", "ErrorInvalidUrlQuery")
    if "$search" in asked:
        raise bad_request("The query parameter '$search' is not supported for change tracking.", "ErrorInvalidUrlQuery")
    if asked.get("$orderby", "receivedDateTime desc") != "receivedDateTime desc":
        raise bad_request("The $orderby expression is not supported for change tracking.", "ErrorInvalidUrlQuery")
    wanted_of(asked)
    return kind


def _fitting(box: Mailbox, folder: Folder, since: int, asked: Mapping[str, str]) -> Callable[[Message], bool]:
    """Which messages a round tells of; with a `$filter`, a first one of no more than 5,000."""
    if "$filter" not in asked:
        return lambda _message: True
    test = since_received(asked["$filter"])
    if since:
        return test
    newest = ordered([one for one in box.inside(folder) if test(one)], "")[: box.filter_cap]
    keys = {one.key for one in newest}
    return lambda message: message.key in keys


def get_message(call: Call) -> Reply:
    return _told(call, _message(call))


def get_mime(call: Call) -> Reply:
    """The message as it travels."""
    return Reply(content=_message(call).raw, content_type="text/plain")


def change_message(call: Call) -> Reply:
    """Change a message; what was sent keeps its words and people.

    Source: https://learn.microsoft.com/graph/api/message-update
    """
    box, message, body = _box(call), _message(call), call.given(shapes.MESSAGE)
    call.only_if(message.etag)
    mail_send.rewrite(box, message, body)
    box.mark(
        message.key, is_read=body.get("isRead"), categories=body.get("categories"),
        flag={"flagStatus": "notFlagged"} | body["flag"] if body.get("flag") else None,
    )  # fmt: skip
    return _told(call, message)


def move_message(call: Call) -> Reply:
    message = _box(call).move(_message(call).key, _destination(call))
    return _told(call, message, 201)


def copy_message(call: Call) -> Reply:
    return _told(call, _box(call).copy(_message(call).key, _destination(call)), 201)


def _destination(call: Call) -> str:
    return str(call.given(shapes.MOVE)["destinationId"])


def delete_message(call: Call) -> Reply:
    message = _message(call)
    call.only_if(message.etag)
    _box(call).delete(message.key)
    return Reply(status=204)


def delete_forever(call: Call) -> Reply:
    _box(call).delete_forever(_message(call).key)
    return Reply(status=204)


# -- attachments ----------------------------------------------------------------------------------------------------


def _id(call: Call, message: Message) -> str:
    return message.key if call.immutable else message.id


def list_attachments(call: Call) -> Reply:
    message = _message(call)
    select = call.query.get("$select", "")
    found = attachments.attached(message)
    return listed(call, found, lambda one: attachments.shown(one, message, _id(call, message), select), 1000)


def get_attachment(call: Call) -> Reply:
    message = _message(call)
    one = attachments.attachment(message, _id(call, message), call.path["attachment"])
    found = attachments.shown(one, message, _id(call, message), call.query.get("$select", ""))
    return Reply({"@odata.context": f"{context(call)}/$entity", **found})


def get_content(call: Call) -> Reply:
    message = _message(call)
    one = attachments.attachment(message, _id(call, message), call.path["attachment"])
    kind = "text/plain" if one.is_item else one.part.get_content_type()
    return Reply(content=attachments.content(one), content_type=kind)


# -- writing --------------------------------------------------------------------------------------------------------


def create_message(call: Call) -> Reply:
    """Keep a draft, from JSON or from MIME. Source: https://learn.microsoft.com/graph/api/user-post-messages."""
    box, folder = _box(call), call.path.get("folder", "drafts")
    told = call.given(shapes.MESSAGE)
    message = box.draft(mail_send.written(box, call, told), folder=folder)
    mail_send.rest(box, message, told)
    return _told(call, message, 201)


def _answer(kind: str) -> Handler:
    def handler(call: Call) -> Reply:
        box, message, given = _box(call), _message(call), call.given(shapes.REPLY)
        draft = box.draft(mail_send.answer(box, call, message, kind, given))
        mail_send.rest(box, draft, given.get("message") or {})
        return _told(call, draft, 201)

    return handler


def _answer_and_send(kind: str) -> Handler:
    def handler(call: Call) -> Reply:
        box, message, given = _box(call), _message(call), call.given(shapes.REPLY)
        _send(box, mail_send.answer(box, call, message, kind, given), given.get("message") or {})
        return Reply(status=202)

    return handler


def send_message(call: Call) -> Reply:
    _box(call).send_draft(_message(call).key)
    return Reply(status=202)


def send_mail(call: Call) -> Reply:
    """Send at once. Source: https://learn.microsoft.com/graph/api/user-sendmail."""
    box, given = _box(call), {} if mail_send.is_mime(call) else call.given(shapes.SEND_MAIL)
    told = given.get("message", {})
    _send(box, mail_send.written(box, call, told), told, save=given.get("saveToSentItems") != "false")
    return Reply(status=202)


def _send(box: Mailbox, raw: bytes, told: Json, *, save: bool = True) -> None:
    """Send what is no draft yet. Raises ApiError (400): nothing is kept of it."""
    recipients(raw)
    draft = box.draft(raw, folder="outbox")
    mail_send.rest(box, draft, told)
    box.send_draft(draft.key, save=save)


def add_attachment(call: Call) -> Reply:
    box, message = _box(call), _message(call)
    one = mail_send.attach(box, message, mail_send.attachment_of(call.given(shapes.ATTACHMENT)))
    return Reply(attachments.shown(one, message, _id(call, message)), 201)


def open_upload(call: Call) -> Reply:
    return mail_send.open_upload(_box(call), call, _message(call))


def _at_message(verb: str, rest: str, handler: Handler, permissions: frozenset[str]) -> tuple[Route, Route]:
    """The same method by both paths that lead to a message."""
    writes = verb != "GET"
    return (
        Route(verb, f"/users/{{user}}/messages/{{message}}{rest}", handler, permissions, writes),
        Route(verb, f"/users/{{user}}/mailFolders/{{folder}}/messages/{{message}}{rest}", handler, permissions, writes),
    )


ROUTES: tuple[Route, ...] = (
    Route("GET", "/users/{user}/mailFolders", list_folders, READ),
    Route("POST", "/users/{user}/mailFolders", create_folder, WRITE, writes=True),
    Route("GET", "/users/{user}/mailFolders/delta", folder_changes, READ),
    Route("GET", "/users/{user}/mailFolders/{folder}", get_folder, READ),
    Route("PATCH", "/users/{user}/mailFolders/{folder}", change_folder, WRITE, writes=True),
    Route("DELETE", "/users/{user}/mailFolders/{folder}", delete_folder, WRITE, writes=True),
    Route("POST", "/users/{user}/mailFolders/{folder}/move", move_folder, WRITE, writes=True),
    Route("GET", "/users/{user}/mailFolders/{folder}/childFolders", list_folders, READ),
    Route("POST", "/users/{user}/mailFolders/{folder}/childFolders", create_folder, WRITE, writes=True),
    Route("GET", "/users/{user}/mailFolders/{folder}/messages/delta", changes, READ),
    Route("GET", "/users/{user}/mailFolders/{folder}/messages", list_messages, READ),
    Route("POST", "/users/{user}/mailFolders/{folder}/messages", create_message, WRITE, writes=True),
    Route("GET", "/users/{user}/messages", list_messages, READ),
    Route("POST", "/users/{user}/messages", create_message, WRITE, writes=True),
    Route("POST", "/users/{user}/sendMail", send_mail, SEND, writes=True),
    # Whoever has the address may write to it.
    Route("PUT", "/users/{user}/attachmentSessions/{session}", mail_send.upload, writes=True, anonymous=True),
    *_at_message("GET", "", get_message, READ),
    *_at_message("PATCH", "", change_message, WRITE),
    *_at_message("DELETE", "", delete_message, WRITE),
    *_at_message("GET", "/$value", get_mime, READ),
    *_at_message("POST", "/move", move_message, WRITE),
    *_at_message("POST", "/copy", copy_message, WRITE),
    *_at_message("POST", "/permanentDelete", delete_forever, WRITE),
    *_at_message("POST", "/send", send_message, SEND),
    *_at_message("POST", "/createReply", _answer("reply"), WRITE),
    *_at_message("POST", "/createReplyAll", _answer("replyAll"), WRITE),
    *_at_message("POST", "/createForward", _answer("forward"), WRITE),
    *_at_message("POST", "/reply", _answer_and_send("reply"), SEND),
    *_at_message("POST", "/replyAll", _answer_and_send("replyAll"), SEND),
    *_at_message("POST", "/forward", _answer_and_send("forward"), SEND),
    *_at_message("GET", "/attachments", list_attachments, READ),
    *_at_message("POST", "/attachments", add_attachment, WRITE),
    *_at_message("POST", "/attachments/createUploadSession", open_upload, WRITE),
    *_at_message("GET", "/attachments/{attachment}", get_attachment, READ),
    *_at_message("GET", "/attachments/{attachment}/$value", get_content, READ),
)
