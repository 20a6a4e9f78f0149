"""To the remote's page of consent and back. The way back has one fixed address, which the remote knows beforehand."""

from uuid import UUID

from flask import Blueprint, redirect, request, url_for
from flask.typing import ResponseReturnValue

from hub.connector.consent import ConsentError
from hub.errors import ConnectorError, NotFoundError, UserError
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import account_page, connections, consents
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("consent_page", __name__)
LONGEST = 5000  # characters of one part of an answer


@blueprint.post("/connections/<uuid:account_id>/connect")
@auth.needs(Right.MANAGE_CONNECTIONS)
def connect(account_id: UUID) -> ResponseReturnValue:
    """Send the browser to the remote's page of consent."""
    with current_hub().db.write() as session:
        row = account_page.account_of(session, account_id)
        asking = consents.asking(row)
        if asking is None:
            raise NotFoundError("Nobody is asked for consent here.")
        question = consents.begin(session, row, current_person())
        connections.record(session, row, "account.connect_begun")
    try:
        return redirect(asking.consent.ask(asking.settings, question), 303)
    except ConsentError as error:
        return account_page.refused(account_id, error), 422


@blueprint.get(consents.CALLBACK)
@auth.needs(Right.MANAGE_CONNECTIONS)
def callback() -> ResponseReturnValue:
    """Take the answer of the remote's page.

    The question is spent before the remote is asked: a process that dies on the way leaves what was there before,
    and the person presses the button again.
    """
    hub = current_hub()
    answer = {name: value[:LONGEST] for name, value in request.args.items()}
    with hub.db.write() as session:
        row, question = consents.take(session, answer.get("state", ""), current_person())
        account_id, asking = row.public_id, consents.asking(row)
    if asking is None:
        raise NotFoundError("Nobody is asked for consent here.")
    try:
        granted = asking.consent.finish(asking.settings, question, answer)
        with hub.db.write() as session:
            kept = account_page.account_of(session, account_id)
            consents.keep(session, kept, granted)
            connections.record(
                session, kept, "account.connected", mailbox=granted.address, missing=list(granted.missing)
            )
        hub.trigger.notify("streams")
    except (ConnectorError, UserError) as error:
        with hub.db.write() as session:
            connections.record(session, row, "account.connect_refused", reason=str(error)[:500])
        return account_page.refused(account_id, error), 422
    return redirect(url_for("account_page.show", account_id=account_id, connected=1), 303)
