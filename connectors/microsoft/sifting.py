"""Which messages are kept: looked at by their header, fetched where they may be kept, and looked at again.

Source: https://learn.microsoft.com/graph/api/message-get
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.microsoft import letters
from connectors.microsoft.client import Asked, Client, quoted
from connectors.microsoft.folders import Folders, Where
from hub.connector.sift import Verdict
from hub.connector.stream import Change, Filtered, Gone, Upsert
from hub.errors import ConnectorError, GoneError, ShapeError
from hub.records.mail import Mail

Json = dict[str, Any]

_HEAD = (
    "parentFolderId,conversationId,internetMessageId,subject,from,sender,toRecipients,ccRecipients,bccRecipients,replyTo,"
    "receivedDateTime,sentDateTime,categories,isDraft,internetMessageHeaders"
)
_PROPERTIES = " or ".join(f"id eq '{name}'" for name in letters.PROPERTIES)
_EXTENDED = f"singleValueExtendedProperties($filter={_PROPERTIES})"
# What only files have is named with its type: https://github.com/microsoftgraph/microsoft-graph-explorer-v4/issues/3916
_FILES = "attachments($select=id,name,contentType,size,isInline,microsoft.graph.fileAttachment/contentId)"
# What a mail is looked at by, before anything of it is fetched.
HEAD: Mapping[str, str] = {"$select": _HEAD, "$expand": _EXTENDED}
WHOLE: Mapping[str, str] = {"$select": f"{_HEAD},body,bodyPreview", "$expand": f"{_EXTENDED},{_FILES}"}
# As it was written: the hub cleans it itself.
_AS_WRITTEN = ("outlook.allow-unsafe-html",)
_BESIDE = ("@odata.etag", "@odata.context", "internetMessageHeaders@odata.context")


@dataclass(frozen=True)
class Sifting:
    """Looks at messages of one mailbox.

    Args:
        folder: the folder that is read, and where a message in it is; others are looked up.
    """

    client: Client
    folders: Folders
    folder: tuple[str, Where] = ("", Where(()))

    def heads(self, entries: Sequence[Json]) -> tuple[list[Change], list[str]]:
        """Look at messages of which only the header is here: those to filter, and ids of those that may be kept."""
        read = [self._read(one, self.folder[1]) for one in entries]
        verdicts = self._verdicts(read)
        kept = [
            str(one["id"])
            for one, mail, verdict in zip(entries, read, verdicts, strict=True)
            if mail is None or (verdict and verdict.keep)
        ]
        filtered = [
            _filtered(str(one["id"]), verdict, mail)
            for one, mail, verdict in zip(entries, read, verdicts, strict=True)
            if mail is not None and verdict is not None and not verdict.keep
        ]
        return [*filtered], kept

    def fetched(self, remote_ids: Iterable[str]) -> list[Change]:
        """Fetch messages as they are now, wherever in the mailbox, and keep or filter each."""
        names = list(dict.fromkeys(remote_ids))
        asked = {one: Asked(path(one), params=WHOLE, prefer=_AS_WRITTEN) for one in names}
        answers = self.client.all(asked) if asked else {}
        changes: list[Change] = []
        found: list[tuple[str, Json, Where]] = []
        for remote_id in names:
            answer = answers[remote_id]
            if isinstance(answer, GoneError):
                changes.append(Gone(remote_id))
            elif isinstance(answer, ConnectorError | ShapeError):
                raise answer
            elif (where := self._where(answer)) is None:
                changes.append(Gone(remote_id))  # deleted for good: only who recovers deleted items finds it
            else:
                found.append((remote_id, answer, where))
        return [*changes, *self._sifted(found)]

    def _sifted(self, found: Sequence[tuple[str, Json, Where]]) -> list[Change]:
        read = [self._read(message, where) for _, message, where in found]
        verdicts = self._verdicts(read)
        return [
            Upsert(remote_id, payload(message, where), container=self._stream_of(message))
            if mail is None or verdict is None or verdict.keep
            else _filtered(remote_id, verdict, mail)
            for (remote_id, message, where), mail, verdict in zip(found, read, verdicts, strict=True)
        ]

    def _stream_of(self, message: Json) -> str:
        """Return the key of the stream of the folder that a message is in."""
        return f"mail:{self.client.mailbox}:{message.get('parentFolderId') or ''}"

    def _verdicts(self, read: Sequence[Mail | None]) -> list[Verdict | None]:
        mails = [mail for mail in read if mail is not None]
        told = iter(self.client.tools.sift(self.client.mailbox, mails) if mails else ())
        return [next(told) if mail is not None else None for mail in read]

    def _where(self, message: Json) -> Where | None:
        folder_id, where = self.folder
        is_here = bool(folder_id) and message.get("parentFolderId") == folder_id
        return where if is_here else self.folders.where(str(message.get("parentFolderId") or ""))

    def _read(self, message: Json, where: Where) -> Mail | None:
        """Return the mail; None for what cannot be read: it is kept, set aside by its mapping, and somebody sees it."""
        try:
            return letters.read(message, letters.labels(where.names, message), _place(message, where))
        except (ShapeError, ValueError, TypeError):
            return None


def path(remote_id: str) -> str:
    """Return the path of a message, wherever in the mailbox it is."""
    return f"/messages/{quoted(remote_id)}"


def payload(message: Json, where: Where) -> Json:
    """Return a message as it is kept: as Graph answers it, and where it is."""
    kept = {name: value for name, value in message.items() if name not in _BESIDE}
    if isinstance(listed := kept.get("attachments"), list):
        # Some servers send the content along, whatever was selected; a file is fetched when somebody wants it.
        kept["attachments"] = [_without_content(one) for one in listed]
    return {"message": kept, "labels": letters.labels(where.names, message), "place": _place(message, where)}


def _without_content(one: Any) -> Any:
    return {name: value for name, value in one.items() if name != "contentBytes"} if isinstance(one, dict) else one


def _place(message: Json, where: Where) -> str:
    return "draft" if message.get("isDraft") else where.place


def _filtered(remote_id: str, verdict: Verdict, mail: Mail) -> Filtered:
    return Filtered(remote_id, str(verdict.reason), mail.at.date() if mail.at else None)
