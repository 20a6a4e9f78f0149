"""What belongs to one mail: its files, the page as it was sent, and who sees its conversation."""

import base64
import re
import secrets
from collections.abc import Iterator, Mapping
from typing import BinaryIO
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy.orm import Session

from hub.errors import NotFoundError
from hub.identity import parties
from hub.mail import body, files, share
from hub.mail import queries as mail
from hub.mail.models import FileState, MailFile, MailMessage
from hub.records.picture import picture_type
from hub.security import audit
from hub.security.policy import Right
from hub.timeline import queries
from hub.web import auth, headers
from hub.web.auth import needs
from hub.web.console import wording
from hub.web.frame import current_hub, current_person
from hub.web.ranges import BLOCK
from hub.web.saving import FILE_POLICY, disposition

blueprint = Blueprint("mails", __name__)
MOST_PICTURES = 40  # of one mail that are fetched for its page
LARGEST_PICTURE = 5 * 2**20
ALL_PICTURES = 12 * 2**20  # bytes of one page, each picture as often as it is shown
SHORT = 14  # lines of a page that needs no large frame
# Nothing runs, nothing is sent, nothing is loaded but what stands here; links open outside.
_ALONE = "sandbox allow-popups allow-popups-to-escape-sandbox"
PAGE_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src data:{remote}; form-action 'none'; base-uri 'none'; "
    f"frame-ancestors 'self'; {_ALONE}"
)
REMOTE = "all"  # the value of `pictures` that loads those of elsewhere


# --- files --------------------------------------------------------------------------------------------------------


@blueprint.post("/mails/<uuid:public_id>/files/<int:place>")
@needs(Right.USE)
def fetch(public_id: UUID, place: int) -> ResponseReturnValue:
    """Have a file fetched from a mailbox that has it."""
    hub, person = current_hub(), current_person()
    with hub.db.write() as session:
        found = mail.readable(session, person, public_id)
        files.ask(session, found.row, [place], files.limits(hub.settings))
        shown = mail.file(session, found.row, place)
    hub.trigger.notify("files")
    if not auth.is_htmx():
        return redirect(url_for(".file_state", public_id=public_id, place=place), 303)
    return render_template("agent/_mail_file.html", one=shown, wording=wording)


@blueprint.get("/mails/<uuid:public_id>/files/<int:place>/state")
@needs(Right.USE, background=True)
def file_state(public_id: UUID, place: int) -> ResponseReturnValue:
    """Say how far a file is."""
    with current_hub().db.read() as session:
        shown = mail.file(session, mail.readable(session, current_person(), public_id).row, place)
    template = "agent/_mail_file.html" if auth.is_htmx() else "agent/mail_file.html"
    return render_template(template, one=shown, wording=wording)


@blueprint.get("/mails/<uuid:public_id>/files/<int:place>")
@needs(Right.USE)
def download(public_id: UUID, place: int) -> ResponseReturnValue:
    """Hand out a file that was fetched; of any other, say how far it is."""
    hub, person = current_hub(), current_person()
    with hub.db.read() as session:
        found = mail.readable(session, person, public_id)
        shown = mail.file(session, found.row, place)
        row = files.of_message(session, found.row.id).get(place)
    content = _opened(row) if row is not None and row.state == FileState.READY else None
    if row is None or content is None:
        return redirect(url_for(".file_state", public_id=public_id, place=place), 303)
    if request.method == "HEAD":
        content.close()
    else:
        with hub.db.write() as session:
            subject = ("mail.file_read", "interaction", found.interaction_id)
            facts = {"name": shown.name[:200], "sha256": row.sha256}
            audit.record(session, person, *subject, address=auth.address(), size=row.size, **facts)
    return _handed_out(row, content, files.safe_name(shown.name, place))


def _opened(row: MailFile) -> BinaryIO | None:
    """Open a file; one that somebody took from the shelf is fetched again."""
    hub = current_hub()
    try:
        return files.shelf(hub.settings).open(row.sha256)
    except FileNotFoundError:
        with hub.db.write() as session:
            files.lost(session, row.id)
        hub.trigger.notify("files")
        return None


def _handed_out(row: MailFile, content: BinaryIO, name: str) -> Response:
    """Answer with a file to be saved; the browser is told nothing that would make it show one."""
    headers.keep_apart(FILE_POLICY)
    blocks = () if request.method == "HEAD" else _blocks(content)
    answer = Response(blocks, content_type="application/octet-stream")
    answer.call_on_close(content.close)
    answer.content_length = row.size or 0
    answer.headers["Content-Disposition"] = disposition(name)
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _blocks(content: BinaryIO) -> Iterator[bytes]:
    with content:
        while block := content.read(BLOCK):
            yield block


# --- the page as it was sent --------------------------------------------------------------------------------------


@blueprint.get("/mails/<uuid:public_id>/as-sent")
@needs(Right.USE)
def as_sent(public_id: UUID) -> ResponseReturnValue:
    """Show a mail as its sender's program made it; its own pictures are fetched first."""
    hub, person = current_hub(), current_person()
    looks_again = "again" in request.args  # a page that waits must not have what failed fetched for ever
    with hub.db.read() as session:
        row = mail.readable(session, person, public_id).row
        states = {one.state for one in files.of_message(session, row.id).values() if one.place in _pictures(row)}
    if not looks_again and _pictures(row):
        with hub.db.write() as session:
            states = {one.state for one in files.ask(session, row, _pictures(row), files.limits(hub.settings))}
        hub.trigger.notify("files")
    safe = body.sanitise(row.html, cid={})
    facts = {
        "message": public_id,
        "is_short": _lines(row.text, safe.html) < SHORT,
        "waits": FileState.PENDING in states and "now" not in request.args,
        "has_remote": safe.has_remote_images,
        "with_remote": request.args.get("pictures") == REMOTE,
        "some_missing": bool(states - {FileState.READY, FileState.PENDING}),
    }
    headers.let_pages_of_ours_in()
    return render_template("agent/_mail_as_sent.html" if auth.is_htmx() else "agent/mail_as_sent.html", **facts)


@blueprint.get("/mails/<uuid:public_id>/page")
@needs(Right.USE)
def page(public_id: UUID) -> ResponseReturnValue:
    """Return the page inside the frame: what a stranger wrote, made harmless, under a policy of its own."""
    hub, person = current_hub(), current_person()
    remote = request.args.get("pictures") == REMOTE
    with hub.db.write() as session:
        found = mail.readable(session, person, public_id)
        pictures = _fetched(session, found.row)
        pictures_of = "everywhere" if remote else "the mail"
        subject = ("mail.shown_as_sent", "interaction", found.interaction_id)
        audit.record(session, person, *subject, address=auth.address(), pictures=pictures_of)
    headers.keep_apart(PAGE_POLICY.format(remote=" https: http:" if remote else ""))
    return render_template("agent/mail_page.html", html=_inside(found.row.html, pictures, remote=remote))


def _lines(text: str, page: str) -> float:
    """Return about how many lines a page takes: the frame cannot say, since nothing runs in it."""
    return text.count("\n") + len(text) / 90 + 1.5 * page.count("<tr") + 5 * page.count("<img")


def _pictures(row: MailMessage) -> list[int]:
    """Return the places of the pictures that a mail's page may show."""
    places = [
        place
        for place, one in enumerate(row.attachments)
        if one["inline"] and str(one["type"]).startswith("image/") and int(one["size"]) <= LARGEST_PICTURE
    ]
    return places[:MOST_PICTURES] if row.html else []


def _fetched(session: Session, row: MailMessage) -> dict[str, MailFile]:
    """Return the pictures that are there, by the names that the page calls them."""
    rows = files.of_message(session, row.id).values()
    return {one.content_id: one for one in rows if one.content_id and one.state == FileState.READY}


def _inside(page: str, pictures: Mapping[str, MailFile], *, remote: bool) -> str:
    """Make a page harmless and put its pictures into it.

    They stand in the page itself: in a frame of its own kind of origin no cookie of ours comes along with a request.
    """
    mark = f"/{secrets.token_hex(8)}/"  # nobody can have written it
    names = list(pictures)
    safe = body.sanitise(page, cid={name: f"{mark}{at}" for at, name in enumerate(names)}, remote_images=remote).html
    sources: dict[int, str] = {}
    left = ALL_PICTURES

    def source(found: re.Match[str]) -> str:
        nonlocal left
        at = int(found[1])
        if at not in sources:
            sources[at] = _source(pictures[names[at]])
        left -= len(sources[at])
        return f'"{sources[at]}"' if left >= 0 else '""'

    return re.sub(f'"{mark}(\\d+)"', source, safe)


def _source(row: MailFile) -> str:
    """Return a picture as the address that holds it; empty where it is none."""
    try:
        with files.shelf(current_hub().settings).open(row.sha256) as file:
            content = file.read(LARGEST_PICTURE + 1)
    except FileNotFoundError:
        return ""
    media_type = picture_type(content[:16])
    if not media_type or len(content) > LARGEST_PICTURE:
        return ""
    return f"data:{media_type};base64,{base64.b64encode(content).decode()}"


# --- who sees it --------------------------------------------------------------------------------------------------


@blueprint.post("/customers/<uuid:public_id>/items/<int:number>/visibility")
@needs(Right.USE)
def visibility(public_id: UUID, number: int) -> ResponseReturnValue:
    """Choose who sees what a conversation says."""
    person = current_person()
    with current_hub().db.write() as session:
        party = parties.get(session, public_id)
        found = queries.item(session, parties.with_merged(session, party), number, person=person)
        if found is None:
            raise NotFoundError("There is no such row, or it is not for you.")
        chosen = request.form.get("visibility", "")
        sharing = share.choose(session, person, number, chosen, address=auth.address())
    if not auth.is_htmx():
        return redirect(url_for("customers.page", public_id=public_id), 303)
    return render_template(
        "agent/_mail_sharing.html", party=party, number=number, sharing=sharing, saved=True, wording=wording
    )
