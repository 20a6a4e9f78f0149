"""One document or payment: what the ledger says of it; its lines and its PDF, asked for when somebody opens them."""

import re
from typing import Any
from uuid import UUID

from flask import Blueprint, Response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from hub import log
from hub.accounting import original, whole
from hub.accounting.whole import Origin, WholeDocument
from hub.errors import ConnectorError, RecordError
from hub.fields import definitions, seen
from hub.fields.models import Of
from hub.security import audit
from hub.security.policy import Right
from hub.web import auth, headers
from hub.web.auth import needs
from hub.web.console import money, money_words, record_fields
from hub.web.frame import current_hub, current_person
from hub.web.saving import FILE_POLICY, disposition

blueprint = Blueprint("document_page", __name__)
LONGEST_NAME = 80
_UNFIT = re.compile(r"[^\w.-]+")
_log = log.get(__name__)


@blueprint.get("/documents/<uuid:public_id>")
@needs(Right.SEE_MONEY)
def document(public_id: UUID) -> ResponseReturnValue:
    """Show one document whole."""
    return _document(_whole(public_id), trouble=request.args.get("trouble", ""))


@blueprint.get("/payments/<uuid:public_id>")
@needs(Right.SEE_MONEY)
def payment(public_id: UUID) -> ResponseReturnValue:
    """Show one payment whole."""
    with current_hub().db.read() as session:
        found = whole.payment(session, money.eyes(session), public_id)
    return render_template(
        "agent/payment.html", whole=found, one=found.line, ledger=_ledger(found.origin), words=money_words
    )


@blueprint.get("/documents/<uuid:public_id>/lines")
@needs(Right.SEE_MONEY)
def lines(public_id: UUID) -> ResponseReturnValue:
    """Show the lines of a document; the ledger is asked now, outside any transaction."""
    hub, found, trouble = current_hub(), _whole(public_id), ""
    try:
        told = original.lines(hub.db, hub.remotes.open, found.row)
    except (ConnectorError, RecordError) as error:
        told, trouble = (), _trouble(found, error)
    facts: dict[str, Any] = {
        "rows": told[: original.MOST_LINES], "left_out": max(0, len(told) - original.MOST_LINES), "lines_trouble": trouble,
    }  # fmt: skip
    if not auth.is_htmx():
        return _document(found, **facts)
    return render_template("agent/_document_lines.html", one=found.line, words=money_words, **facts)


@blueprint.get("/documents/<uuid:public_id>/pdf")
@needs(Right.SEE_MONEY)
def pdf(public_id: UUID) -> ResponseReturnValue:
    """Hand out a document as its customer got it; the ledger is asked now, outside any transaction."""
    hub, person, found = current_hub(), current_person(), _whole(public_id)
    try:
        content = original.pdf(hub.db, hub.remotes.open, found.row)
    except (ConnectorError, RecordError) as error:
        return redirect(url_for(".document", public_id=public_id, trouble=_trouble(found, error)), 303)
    if request.method != "HEAD":
        with hub.db.write() as session:
            facts = {"number": found.line.number[:200], "size": len(content)}
            audit.record(session, person, "document.pdf_read", "document", public_id, address=auth.address(), **facts)
    headers.keep_apart(FILE_POLICY)
    answer = Response(content, content_type="application/pdf")
    answer.headers["Content-Disposition"] = disposition(_file_name(found))
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _whole(public_id: UUID) -> WholeDocument:
    with current_hub().db.read() as session:
        return whole.document(session, money.eyes(session), public_id)


def _document(found: WholeDocument, *, trouble: str = "", **facts: Any) -> str:
    with current_hub().db.read() as session:
        party = found.line.party.id if found.line.party else ""
        custom = record_fields.of_record(session, "documents", found.row, party=party)
        extras = seen.without(definitions.load(session), [Of.DOCUMENT], found.row.detail.get("more") or {})
    return render_template(
        "agent/document.html",
        custom=custom,
        extras=extras,
        whole=found,
        one=found.line,
        row=found.row,
        ledger=_ledger(found.origin),
        words=money_words,
        trouble=money_words.TROUBLES.get(trouble, ""),
        **facts,
    )


def _ledger(origin: Origin) -> str:
    """Return what the system is called that something came from."""
    connector = current_hub().connectors.get(origin.connector)
    return connector.title if connector is not None else origin.connector


def _trouble(found: WholeDocument, error: Exception) -> str:
    """Return why the ledger did not hand something out, as a stable word; the log has its own words."""
    word = money_words.trouble(error)
    _log.info(
        "a ledger did not hand out a part of a document", account=found.origin.name, why=word, error=str(error)[:500]
    )
    return word


def _file_name(found: WholeDocument) -> str:
    number = _UNFIT.sub("-", found.line.number).strip("-.")[:LONGEST_NAME]
    return f"{number or found.line.kind}.pdf"
