"""Writing a mail: the form, which keeps what is typed by itself, its files, sending, and taking a sending back."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from flask import Blueprint, current_app, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError, UserError
from hub.identity import parties
from hub.identity.models import Party
from hub.mail import write
from hub.mail.compose import LARGEST
from hub.mail.models import DraftState, MailDraft, MailMessage, MailThread
from hub.mail.write import Content, Mailbox, Wanted
from hub.security import audit
from hub.security.models import User
from hub.security.policy import Right
from hub.store.base import new_public_id
from hub.timeline import queries
from hub.web import auth
from hub.web.auth import needs
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("write_mail", __name__)


@blueprint.get("/customers/<uuid:public_id>/mail")
@needs(Right.USE)
def begin(public_id: UUID) -> ResponseReturnValue:
    """Show the form: empty, or what the person left there. `?answers=` is the message to be answered, `?all` to all."""
    with current_hub().db.read() as session:
        wanted = _wanted(session, public_id, request.args.get("answers", ""), _mailbox(session))
        if wanted is None:
            party = parties.get(session, public_id)
            return render_template("agent/no_mailbox.html", party=party, address=_first_address(session, party))
        user = session.get_one(User, current_person().id)
        left = write.begun(session, user.id, wanted)
        if left is not None:
            return redirect(url_for("write_mail.draft", public_id=left.public_id))
        return _form(session, wanted, write.first(session, user, wanted), new_public_id())


@blueprint.get("/mail/drafts/<uuid:public_id>")
@needs(Right.USE)
def draft(public_id: UUID) -> ResponseReturnValue:
    """Show a draft: its form, or how far its sending is; of htmx, the latter alone."""
    with current_hub().db.read() as session:
        row = write.get(session, current_person().id, public_id)
        party = session.get(Party, row.party_id) if row.party_id else None
        if row.state in {DraftState.DRAFT, DraftState.REFUSED}:
            return _form(session, _wanted_of(session, row), _content_of(row), public_id, row)
        template = "agent/_sending.html" if auth.is_htmx() else "agent/sending.html"
        return render_template(template, draft=row, party=party)


@blueprint.post("/mail/drafts/<uuid:public_id>")
@needs(Right.USE)
def keep(public_id: UUID) -> ResponseReturnValue:
    """Keep what was typed, and send it where that button was pressed."""
    hub, person = current_hub(), current_person()
    is_sent = request.form.get("do") == "send"
    try:
        with hub.db.write() as session:
            row = _opened(session, public_id)
            if is_sent and row.state in {DraftState.SENDING, DraftState.SENT}:  # the button was pressed twice
                return redirect(url_for("write_mail.draft", public_id=public_id), 303)
            write.save(row, _typed())
            if is_sent:
                write.send(
                    session, session.get_one(User, person.id), row, undo=timedelta(seconds=hub.settings.mail.undo_s)
                )
                audit.record(session, person, "mail.send", "mail_draft", row.id)
    except UserError as error:
        return _again(public_id, error), 422
    if is_sent:
        hub.trigger.notify("outbox")
        return redirect(url_for("write_mail.draft", public_id=public_id), 303)
    return render_template("agent/_draft_saved.html")


@blueprint.post("/mail/drafts/<uuid:public_id>/files")
@needs(Right.USE)
def attach(public_id: UUID) -> ResponseReturnValue:
    """Add files. They are larger than other forms, so the token of this one is looked at only after that is said."""
    request.max_content_length = LARGEST
    current_app.extensions["csrf"].protect()
    error = None
    try:
        with current_hub().db.write() as session:
            row = _opened(session, public_id)
            for file in request.files.getlist("files"):
                if file.filename:
                    write.attach(session, row, file.filename, file.mimetype, file.read())
    except UserError as fault:
        error = fault
    return _files(public_id, error)


@blueprint.post("/mail/drafts/<uuid:public_id>/files/<int:number>/remove")
@needs(Right.USE)
def detach(public_id: UUID, number: int) -> ResponseReturnValue:
    """Take a file away."""
    with current_hub().db.write() as session:
        write.detach(session, write.get(session, current_person().id, public_id, lock=True), number)
    return _files(public_id, None)


@blueprint.post("/mail/drafts/<uuid:public_id>/<any(undo, discard):what>")
@needs(Right.USE)
def change(public_id: UUID, what: str) -> ResponseReturnValue:
    """Take a sending back, or throw a draft away."""
    where = url_for("write_mail.draft", public_id=public_id)
    with current_hub().db.write() as session:
        row = write.get(session, current_person().id, public_id, lock=True)
        if what == "undo":
            write.undo(session, row)
        else:
            party = session.get(Party, row.party_id) if row.party_id else None
            where = url_for("customers.page", public_id=party.public_id) if party else "/"
            write.discard(session, row)
    return redirect(where, 303)


# --- what is meant ------------------------------------------------------------------------------------------------


def _wanted(session: Session, customer: UUID, answers: str, mailbox: Mailbox | None) -> Wanted | None:
    """Return what the person begins; None without a mailbox of his own."""
    party = parties.get(session, customer)
    if mailbox is None:
        return None
    message = _message(session, party, answers) if answers else None
    return Wanted(mailbox, message, "all" in request.values, party, _first_address(session, party))


def _message(session: Session, party: Party, answers: str) -> MailMessage:
    """Return a message that the person may read: it stands on this customer's timeline, for him too."""
    try:
        public_id = UUID(answers)
    except ValueError:
        raise NotFoundError("There is no such message.") from None
    query = select(MailMessage, MailThread.interaction_id).join(MailThread, MailThread.id == MailMessage.thread_id)
    found = session.execute(query.where(MailMessage.public_id == public_id)).one_or_none()
    number = found.interaction_id if found else None
    mine = parties.with_merged(session, party)
    item = queries.item(session, mine, number, person=current_person()) if number is not None else None
    if found is None or item is None or item.hidden:
        raise NotFoundError("There is no such message, or it is not for you.")
    message: MailMessage = found.MailMessage
    return message


def _mailbox(session: Session) -> Mailbox | None:
    """Return the mailbox that was chosen, else the first."""
    own = write.mailboxes(session, current_person().id)
    chosen = request.values.get("from", "")
    return next((one for one in own if one.address == chosen), own[0] if own else None)


def _first_address(session: Session, party: Party) -> str:
    return next((row.value for row in parties.identifiers(session, party) if row.kind == parties.EMAIL), "")


def _opened(session: Session, public_id: UUID) -> MailDraft:
    """Return the draft of a form, made now where it was never kept before."""
    try:
        return write.get(session, current_person().id, public_id, lock=True)
    except NotFoundError:
        if not request.form.get("customer"):
            raise
    customer = UUID(request.form["customer"])
    wanted = _wanted(session, customer, request.form.get("answers", ""), _mailbox(session))
    if wanted is None:
        raise UserError("No mailbox of yours is connected.", error_id="no_mailbox")
    return write.start(session, current_person().id, public_id, wanted)


def _wanted_of(session: Session, row: MailDraft) -> Wanted:
    party = session.get(Party, row.party_id) if row.party_id else None
    message = session.get(MailMessage, row.answers_id) if row.answers_id else None
    return Wanted(Mailbox(row.account_id, row.mailbox), message, party=party)


# --- what is shown ------------------------------------------------------------------------------------------------


def _typed() -> Content:
    form = request.form
    names = ("to", "cc", "bcc", "subject", "text", "signature")
    return Content(**{name: form.get(name, "").replace("\r\n", "\n") for name in names}, quotes="quotes" in form)


def _content_of(row: MailDraft) -> Content:
    return Content(row.to, row.cc, row.bcc, row.subject, row.text, row.signature, row.quotes)


def _form(
    session: Session,
    wanted: Wanted,
    content: Content,
    public_id: UUID,
    row: MailDraft | None = None,
    error: UserError | None = None,
) -> str:
    shown: dict[str, Any] = {
        "party": wanted.party,
        "answers": wanted.answers,
        "content": content,
        "draft_id": public_id,
        "draft": row,
        "files": write.files(session, row) if row is not None else (),
        "mailbox": wanted.mailbox,
        "mailboxes": write.mailboxes(session, current_person().id),
        "error": str(error) if error else "",
        "field": error.field if error else "",
    }
    return render_template("agent/write_mail.html", **shown)


def _again(public_id: UUID, error: UserError) -> str:
    """Show the form as it was typed, with what is wrong; nothing of it was kept."""
    with current_hub().db.read() as session:
        try:
            row = write.get(session, current_person().id, public_id)
        except NotFoundError:
            row = None
        wanted = _wanted_of(session, row) if row is not None else None
        if wanted is None and request.form.get("customer"):
            customer = UUID(request.form["customer"])
            wanted = _wanted(session, customer, request.form.get("answers", ""), _mailbox(session))
        if wanted is None or (row is not None and row.state in {DraftState.SENDING, DraftState.SENT}):
            raise error
        return _form(session, wanted, _typed(), public_id, row, error)


def _files(public_id: UUID, error: UserError | None) -> str:
    with current_hub().db.read() as session:
        row = write.get(session, current_person().id, public_id)
        return render_template(
            "agent/_draft_files.html", draft_id=public_id, files=write.files(session, row), error=str(error or "")
        )
