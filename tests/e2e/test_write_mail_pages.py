"""The pages on which mails are written, as a person uses them."""

from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

import pytest
from flask import Flask
from sqlalchemy import select
from urllib3 import encode_multipart_formdata
from werkzeug.test import TestResponse

from connectors.google.simulator import GoogleSimulator
from hub.context import Hub
from hub.mail.models import DraftState, MailDraft, MailDraftFile, MailThread
from hub.security import passwords
from hub.security.models import Audit, User
from tests.e2e.test_google_calendar import ADAM, NOA
from tests.e2e.test_google_mail import ask
from tests.e2e.test_google_mail_out import Writing, sent
from tests.fakes.browser import PASSWORD, Browser


@pytest.fixture
def office(hub: Hub, google: GoogleSimulator) -> Writing:
    return Writing(hub, google)


def sign_in(office: Writing, app: Flask, email: str = NOA) -> Browser:
    with office.hub.db.write() as session:
        user = session.scalars(select(User).where(User.email == email)).one()
        user.password_hash = passwords.hashed(PASSWORD)
    browser = Browser(app)
    browser.sign_in(email)
    return browser


def form(**fields: str) -> dict[str, str]:
    return {"to": "dana@customer.example", "subject": "Offer", "text": "Hello", "quotes": "yes", **fields}


def drafts(office: Writing) -> list[MailDraft]:
    with office.hub.db.read() as session:
        return list(session.scalars(select(MailDraft).order_by(MailDraft.id)))


def test_an_answer_is_written_kept_sent_taken_back_and_sent(
    office: Writing, app: Flask, google: GoogleSimulator
) -> None:
    ask(google)
    office.read()
    noa = sign_in(office, app)
    [message] = office.messages()
    begin = f"/customers/{office.dana_public}/mail?answers={message.public_id}"
    page = noa.get(begin).text
    assert "Re: Offer?" in page
    assert "How much?" in page
    public_id = uuid4()
    where = f"/mail/drafts/{public_id}"
    context = {"customer": str(office.dana_public), "answers": str(message.public_id)}
    assert "Kept as a draft" in noa.post(where, htmx=True, **form(text="Four"), **context).text
    noa.post(where, htmx=True, **form(text="Four hundred"), **context)
    assert [row.text for row in drafts(office)] == ["Four hundred"]
    assert noa.get(begin).location == where  # what was left there is opened again
    assert f'href="{where}"' in noa.get("/").text  # and stands in My day
    answer = noa.post(where, **form(text="Four hundred."), **context, do="send")
    assert (answer.status_code, answer.location) == (303, where)
    assert "take it back" in noa.get(where).text
    assert noa.post(f"{where}/undo").location == where
    assert "Four hundred." in noa.get(where).text
    noa.post(where, **form(text="Five hundred."), do="send")
    office.again()
    office.deliver()
    assert "Sent." in noa.get(where, HX_Request="true").text
    assert where not in noa.get("/").text
    [letter] = sent(google)
    assert "Five hundred." in letter.get_body(("plain",)).get_content()  # type: ignore[attr-defined]
    with office.hub.db.read() as session:
        assert session.scalars(select(Audit.action).where(Audit.action == "mail.send")).all() == ["mail.send"] * 2


def test_a_form_that_is_saved_and_sent_twice_at_once_is_one_mail(
    office: Writing, app: Flask, google: GoogleSimulator
) -> None:
    office.read()
    sign_in(office, app)
    where, customer = f"/mail/drafts/{uuid4()}", str(office.dana_public)
    tabs = [Browser(app) for _ in range(4)]
    for tab in tabs:
        tab.sign_in(NOA)
    with ThreadPoolExecutor(4) as hands:
        kept = list(hands.map(lambda tab: tab.post(where, htmx=True, **form(), customer=customer), tabs))
    assert [answer.status_code for answer in kept] == [200] * 4
    assert len(drafts(office)) == 1
    with ThreadPoolExecutor(4) as hands:
        pressed = list(hands.map(lambda tab: tab.post(where, **form(), customer=customer, do="send"), tabs))
    assert [(answer.status_code, answer.location) for answer in pressed] == [(303, where)] * 4
    office.again()
    assert office.deliver() == 1
    assert len(sent(google)) == 1


def test_files_are_added_and_taken_away_and_need_the_forms_token(office: Writing, app: Flask) -> None:
    office.read()
    noa = sign_in(office, app)
    where = f"/mail/drafts/{uuid4()}"
    fields = {"csrf_token": noa.token("/settings"), "customer": str(office.dana_public)}

    def upload(files: dict[str, bytes], **more: str) -> TestResponse:
        parts = [*more.items(), *(("files", (name, content)) for name, content in files.items())]
        body, kind = encode_multipart_formdata(parts)
        return noa.client.post(f"{where}/files", data=body, content_type=kind)

    page = upload({"plan.pdf": bytes(5_000_000), "b.txt": b"x"}, **fields)
    assert page.status_code == 200
    assert "plan.pdf" in page.text
    assert "may have 18 MB" in upload({"big.bin": bytes(15_000_000)}, **fields).text
    assert upload({"c.txt": b"x"}).status_code == 400
    with office.hub.db.read() as session:
        rows = session.scalars(select(MailDraftFile).order_by(MailDraftFile.id)).all()
    assert [row.name for row in rows] == ["plan.pdf", "b.txt"]
    assert "b.txt" not in noa.post(f"{where}/files/{rows[1].id}/remove").text


def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(office: Writing, app: Flask) -> None:
    office.read()
    noa = sign_in(office, app)
    where = f"/mail/drafts/{uuid4()}"
    answer = noa.post(where, **form(to="dana", text="A long text"), customer=str(office.dana_public), do="send")
    assert answer.status_code == 422
    assert 'aria-describedby="e-m-to"' in answer.text
    assert "A long text" in answer.text
    assert office.deliver() == 0


def test_a_draft_is_its_writers_alone(office: Writing, app: Flask) -> None:
    office.read()
    noa = sign_in(office, app)
    where = f"/mail/drafts/{uuid4()}"
    noa.post(where, htmx=True, **form(), customer=str(office.dana_public))
    adam = sign_in(office, app, ADAM)
    assert adam.get(where).status_code == 404
    assert adam.post(f"{where}/discard").status_code == 404
    assert adam.post(where, **form(), do="send").status_code == 404
    assert [row.state for row in drafts(office)] == [DraftState.DRAFT]
    assert noa.post(f"{where}/discard").location == f"/customers/{office.dana_public}"
    assert drafts(office) == []


def test_without_a_mailbox_of_ones_own_the_page_says_what_to_do(office: Writing, app: Flask) -> None:
    office.read()
    adam = sign_in(office, app, ADAM)
    page = adam.get(f"/customers/{office.dana_public}/mail").text
    assert "No mailbox of yours is connected yet" in page
    assert "mailto:dana@customer.example" in page


def test_nobody_answers_what_he_may_not_read(office: Writing, app: Flask, google: GoogleSimulator) -> None:
    ask(google)
    office.read()
    with office.hub.db.write() as session:
        session.scalars(select(MailThread)).one().visibility = "owner"
    [message] = office.messages()
    adam = sign_in(office, app, ADAM)
    path = f"/customers/{office.dana_public}/mail?answers={message.public_id}"
    assert "How much?" not in adam.get(path).text
    noa = sign_in(office, app)
    assert noa.get(path.replace(str(message.public_id), str(uuid4()))).status_code == 404
    assert noa.get(path.replace(str(message.public_id), "x")).status_code == 404
