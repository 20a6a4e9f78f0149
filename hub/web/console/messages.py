"""Messages: who waits for an answer, one conversation with its box to write in, its files, and whose it is."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.identity import parties, search
from hub.messages import identity, media, queries, write
from hub.messages.models import MediaState, MessageMedia, MessageState
from hub.messages.queries import Shown
from hub.records.picture import picture_type
from hub.security import audit
from hub.security.policy import Right
from hub.web import auth, headers
from hub.web.auth import needs
from hub.web.console import message_words, wording
from hub.web.frame import current_hub, current_person
from hub.web.saving import disposition

blueprint = Blueprint("messages", __name__)
POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
KEPT_S = 3600  # a file of a message never changes
CHOICES = 8


# --- lists --------------------------------------------------------------------------------------------------------


@blueprint.get("/messages")
@needs(Right.USE)
def page() -> ResponseReturnValue:
    """List conversations, the one that was used last first."""
    asked = request.args
    waits = asked.get("state") == "waiting"
    with current_hub().db.read() as session:
        before = _before(asked.get("before", ""))
        found = queries.listed(session, waits=waits, before=before, limit=queries.PAGE + 1)
    shown, older = found[: queries.PAGE], len(found) > queries.PAGE
    template = "agent/_conversations.html" if auth.is_htmx() else "agent/conversations.html"
    before_text = _place(shown[-1]) if older else ""
    return render_template(template, shown=shown, before=before_text, waits=waits, words=message_words)


@blueprint.get("/messages/waiting")
@needs(Right.USE, background=True)
def waiting() -> ResponseReturnValue:
    """Show again who waits for an answer: the list of My day alone."""
    with current_hub().db.read() as session:
        facts = to_answer(session)
    if not auth.is_htmx():
        return redirect("/", 303)
    return render_template("agent/_messages_waiting.html", **facts)


def to_answer(session: Session) -> dict[str, Any]:
    """Return what My day shows of messages."""
    late = timedelta(minutes=current_hub().settings.leads.answer_within_min)
    shown = queries.waiting_for(session, current_person().id, late=late)
    return {"waiting_messages": shown, "message_words": message_words}


@blueprint.post("/messages/<uuid:public_id>/done")
@needs(Right.USE)
def done(public_id: UUID) -> ResponseReturnValue:
    """Say that what came until now needs no answer."""
    with current_hub().db.write() as session:
        write.done(session, write.get(session, public_id, lock=True))
    if auth.is_htmx():
        return waiting()
    return redirect(auth.safe_next(request.form.get("next") or url_for(".conversation", public_id=public_id)), 303)


# --- one conversation -----------------------------------------------------------------------------------------------


@blueprint.get("/messages/<uuid:public_id>")
@needs(Right.USE)
def conversation(public_id: UUID) -> ResponseReturnValue:
    """Show a conversation. `?again=` is a message whose text is to be written again, `?q=` whom it may be with."""
    return _conversation(public_id)


@blueprint.get("/messages/<uuid:public_id>/thread")
@needs(Right.USE, background=True)
def thread(public_id: UUID) -> ResponseReturnValue:
    """Show the messages again, without the box in which somebody may be writing."""
    if not auth.is_htmx():
        return redirect(url_for(".conversation", public_id=public_id), 303)
    with current_hub().db.read() as session:
        facts = _facts(session, public_id)
    return render_template("agent/_thread.html", **facts)


@blueprint.get("/messages/<uuid:public_id>/box")
@needs(Right.USE, background=True)
def box(public_id: UUID) -> ResponseReturnValue:
    """Say again whether one may write, and until when."""
    if not auth.is_htmx():
        return redirect(url_for(".conversation", public_id=public_id), 303)
    with current_hub().db.read() as session:
        found = write.box_of(session, write.get(session, public_id))
    return render_template("agent/_may_write.html", box=found, words=message_words)


@blueprint.post("/messages/<uuid:public_id>")
@needs(Right.USE)
def send(public_id: UUID) -> ResponseReturnValue:
    """Send what was written; pressed twice, it is sent once."""
    hub, person, form = current_hub(), current_person(), request.form
    try:
        with hub.db.write() as session:
            row = write.get(session, public_id, lock=True)
            own_id = _uuid(form.get("id", "")) or write.next_id(session, row, person.id)
            sent = write.send(
                session,
                row,
                user_id=person.id,
                text=form.get("text", ""),
                public_id=own_id,
                reply_to=form.get("reply_to", ""),
            )
            audit.record(session, person, "message.send", "message", sent.public_id)
    except UserError as error:
        return _conversation(public_id, error=error, text=form.get("text", ""))
    hub.trigger.notify("outbox")
    if auth.is_htmx():
        return _conversation(public_id)
    return redirect(url_for(".conversation", public_id=public_id), 303)


@blueprint.post("/messages/<uuid:public_id>/party")
@needs(Right.EDIT_PARTIES)
def give(public_id: UUID) -> ResponseReturnValue:
    """Say which customer a conversation is with."""
    hub, chosen = current_hub(), _uuid(request.form.get("party", ""))
    if chosen is None:
        raise NotFoundError("There is no such customer.")
    with hub.db.write() as session:
        party = parties.get(session, chosen)
        identity.give(session, public_id, party, region=hub.settings.hub.region)
        subject = ("message.conversation_given", "party", party.public_id)
        audit.record(session, current_person(), *subject, conversation=str(public_id))
    return redirect(url_for(".conversation", public_id=public_id), 303)


@blueprint.post("/customers/<uuid:public_id>/messages")
@needs(Right.USE)
def begin(public_id: UUID) -> ResponseReturnValue:
    """Open the conversation with a customer; where there is none, begin one by SMS."""
    with current_hub().db.write() as session:
        found = write.conversation_with(session, parties.get(session, public_id))
    return redirect(url_for(".conversation", public_id=found.public_id), 303)


def ways_to(session: Session, party_ids: Sequence[int]) -> dict[str, Any]:
    """Return what the page of a customer shows of messages: the conversations, or whether one can be begun."""
    ways = queries.of_party(session, party_ids)
    return {"ways": ways, "has_sms": not ways and write.line_of_sms(session) is not None}


# --- files --------------------------------------------------------------------------------------------------------


@blueprint.get("/messages/files/<uuid:public_id>/<int:place>")
@needs(Right.USE)
def file(public_id: UUID, place: int) -> ResponseReturnValue:
    """Hand out a file: a picture to be shown, as what its bytes say it is; anything else to be saved."""
    hub, person = current_hub(), current_person()
    with hub.db.read() as session:
        row = queries.file(session, public_id, place)
    content = _opened(row) if row.state == MediaState.KEPT else b""
    if not content:
        raise NotFoundError("The file is not here (yet).")
    with hub.db.write() as session:
        audit.record(session, person, "message.file_read", "message", public_id, place=place, sha256=row.sha256)
    headers.keep_apart(POLICY)
    shown_as = picture_type(content[:16])
    answer = Response(content, content_type=shown_as or "application/octet-stream")
    if not shown_as or "save" in request.args:
        answer.headers["Content-Disposition"] = disposition(_safe_name(row))
    answer.headers["Cache-Control"] = f"private, max-age={KEPT_S}"
    answer.set_etag(row.sha256)
    return answer.make_conditional(request)


@blueprint.post("/messages/files/<uuid:public_id>/<int:place>/again")
@needs(Right.USE)
def fetch_again(public_id: UUID, place: int) -> ResponseReturnValue:
    """Have a file fetched again that was given up for now."""
    hub = current_hub()
    with hub.db.write() as session:
        row = queries.file(session, public_id, place, lock=True)
        if row.state == MediaState.AWAY:
            media.anew(session, row)
    hub.trigger.notify("media")
    return redirect(auth.safe_next(request.form.get("next")), 303)


def _opened(row: MessageMedia) -> bytes:
    """Read a file; one that somebody took from the shelf is fetched again, if the remote still has it."""
    hub = current_hub()
    try:
        with media.shelf(hub.settings).open(row.sha256) as found:
            return found.read(media.LARGEST)
    except FileNotFoundError:
        with hub.db.write() as session:
            media.anew(session, row)
        hub.trigger.notify("media")
        return b""


def _safe_name(row: MessageMedia) -> str:
    """Return a name to save a file under: nothing that is a path, or hides what it is."""
    plain = "".join(c for c in row.name if c.isprintable() and c not in '/\\:*?"<>|').strip(". ")
    return plain[:150] or f"file-{row.place + 1}"


# --- what the page shows --------------------------------------------------------------------------------------------


def _conversation(public_id: UUID, *, error: UserError | None = None, text: str = "") -> ResponseReturnValue:
    with current_hub().db.read() as session:
        facts = _facts(session, public_id)
        row = write.get(session, public_id)
        facts |= {
            "box": write.box_of(session, row),
            "own_id": write.next_id(session, row, current_person().id),
            "text": text or ("" if error else _given_back(facts["lines"])),
            "error": message_words.sentence(error) if error else "",
            "field": error.field if error else "",
            "hits": search.search(session, request.args.get("q", ""), CHOICES) if request.args.get("q") else [],
            "asked": request.args,
        }
    template = "agent/_conversation.html" if auth.is_htmx() else "agent/conversation.html"
    page = render_template(template, **facts)
    return (page, 422) if error else page


def _facts(session: Session, public_id: UUID) -> dict[str, Any]:
    one = queries.one(session, public_id)
    lines = queries.messages(session, one.number)
    return {"one": one, "lines": lines, "most": queries.MOST, "words": message_words, "wording": wording}


def _given_back(lines: list[queries.Line]) -> str:
    """Return the text that the form begins with: what is to be written again, or what was just refused."""
    own = [line for line in lines if line.user_id == current_person().id]
    again = _uuid(request.args.get("again", ""))
    if again is not None:
        return next((line.text for line in own if line.id == again), "")
    return own[-1].text if own and own[-1].state == MessageState.REFUSED else ""


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text)
    except ValueError:
        return None


def _place(line: Shown) -> str:
    assert line.last_at is not None, "only those with messages are listed"
    return f"{line.last_at.timestamp():.6f}-{line.number}"


def _before(text: str) -> tuple[datetime, int] | None:
    """Read what `_place` wrote; of anything else, the first page."""
    at, _dash, number = text.partition("-")
    try:
        return datetime.fromtimestamp(float(at), UTC), int(number)
    except (ValueError, OverflowError, OSError):
        return None
