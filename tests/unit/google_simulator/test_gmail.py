"""The Gmail API, through Google's own client."""

import base64
import json
from collections.abc import Callable
from email import message_from_bytes, policy
from typing import Any

import pytest
from googleapiclient.errors import HttpError
from googleapiclient.http import MediaInMemoryUpload

from connectors.google.simulated.bulk import fill
from connectors.google.simulator import GoogleSimulator
from hub.connector.simulated.mime import Attachment, compose
from tests.unit.google_simulator.conftest import ADAM, MAYA, NOA, Office

Offices = Callable[..., Office]
CLIENT = "dov@client.example"


def raw(**mail: Any) -> str:
    return base64.urlsafe_b64encode(compose(**{"from_": NOA, "to": CLIENT, **mail})).decode()


def ids(answer: dict[str, Any], name: str = "messages") -> list[str]:
    return [one["id"] for one in answer.get(name, [])]


def status(error: HttpError) -> tuple[int, str]:
    return error.resp.status, json.loads(error.content)["error"]["errors"][0]["reason"]


def test_a_mail_is_shown_as_a_tree_with_its_attachments_apart(google: GoogleSimulator, office: Offices) -> None:
    pdf = b"%PDF-1.7 " + bytes(range(256))
    letter = google.user(NOA).mail.receive(
        from_='"דב כהן" <dov@client.example>', subject="הצעה", body="Hello <b>\n", html="<p>Hello</p>",
        attachments=[Attachment("חוזה.pdf", pdf)],
    )  # fmt: skip
    messages = office().gmail.users().messages()

    full = messages.get(userId="me", id=letter.id).execute()
    mixed = full["payload"]
    alternative, attached = mixed["parts"]
    again = messages.get(userId="me", id=letter.id).execute()["payload"]["parts"][1]["body"]["attachmentId"]
    fetched = (
        messages.attachments().get(userId="me", messageId=letter.id, id=attached["body"]["attachmentId"]).execute()
    )

    headers = {one["name"]: one["value"] for one in mixed["headers"]}
    assert headers["Subject"] == "הצעה"
    assert headers["From"] == "דב כהן <dov@client.example>"
    assert [one["mimeType"] for one in alternative["parts"]] == ["text/plain", "text/html"]
    assert [one["partId"] for one in alternative["parts"]] == ["0.0", "0.1"]
    assert base64.urlsafe_b64decode(alternative["parts"][0]["body"]["data"]) == b"Hello <b>\r\n"
    assert full["snippet"] == "Hello &lt;b&gt;"
    assert attached["filename"] == "חוזה.pdf"
    assert "data" not in attached["body"]
    assert again != attached["body"]["attachmentId"], "attachment ids live for one reading"
    assert base64.urlsafe_b64decode(fetched["data"]) == pdf
    assert attached["body"]["size"] == len(pdf)
    assert full["labelIds"] == ["INBOX", "UNREAD"]


def test_each_format_shows_what_it_promises(google: GoogleSimulator, office: Offices) -> None:
    letter = google.user(NOA).mail.receive(from_=CLIENT, subject="Order", body="42 pieces")
    messages = office().gmail.users().messages()

    minimal = messages.get(userId="me", id=letter.id, format="minimal").execute()
    metadata = messages.get(userId="me", id=letter.id, format="metadata", metadataHeaders=["subject"]).execute()
    whole = messages.get(userId="me", id=letter.id, format="raw").execute()

    assert "payload" not in minimal
    assert metadata["payload"]["headers"] == [{"name": "Subject", "value": "Order"}]
    assert "body" not in metadata["payload"]
    assert base64.urlsafe_b64decode(whole["raw"]) == letter.raw
    assert minimal["sizeEstimate"] == len(letter.raw)


@pytest.mark.parametrize(
    "mail",
    [
        b"",
        b"no header at all",
        b"From: \xff\xfe\r\nSubject: =?bogus?Q?=ZZ?=\r\nContent-Type: text/plain; charset=nonsense\r\n\r\n\xff\xfe",
        b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\nContent-Type: application/pdf\r\n\r\n",
        b"Content-Transfer-Encoding: base64\r\nContent-Type: text/plain\r\n\r\n!!!",
        b"Content-Type: message/rfc822\r\n\r\nSubject: inner\r\n\r\ntext",
    ],
)
def test_odd_mails_are_shown_in_every_format(google: GoogleSimulator, office: Offices, mail: bytes) -> None:
    letter = google.user(NOA).mail.receive(mail or b"\r\n")
    messages = office().gmail.users().messages()

    for form in ("full", "metadata", "minimal", "raw"):
        assert messages.get(userId="me", id=letter.id, format=form).execute()["id"] == letter.id


def test_a_query_finds_people_labels_dates_and_words(google: GoogleSimulator, office: Offices) -> None:
    mail = google.user(NOA).mail
    google.clock.freeze()
    old = mail.receive(from_="Dov Cohen <dov@client.example>", subject="Price list", body="cheap")
    google.clock.advance(days=10)
    copy = mail.receive(from_="boss@acme.example", to="all@acme.example", cc="eve@partner.example", subject="Plan")
    label = mail.create_label("Big clients")
    mail.label(copy.id, add=[label["id"]])
    spam = mail.receive(from_="win@spam.example", subject="Prize", labels=["SPAM"])
    sent = mail.send(to="dov@client.example", subject="Answer", body="dear", bcc="hidden@partner.example")
    listing = office().gmail.users().messages()

    def found(query: str, **more: Any) -> set[str]:
        return set(ids(listing.list(userId="me", q=query, **more).execute()))

    assert found("from:dov@client.example") == {old.id}
    assert found("from:client.example") == {old.id}
    assert found("from:cohen") == {old.id}
    assert found("from:dov@client.example OR to:dov@client.example") == {old.id, sent.id}
    assert found("{from:dov@client.example cc:eve@partner.example bcc:hidden@partner.example}") == {
        old.id,
        copy.id,
        sent.id,
    }
    assert found("(from:dov@client.example OR cc:eve@partner.example) -label:big-clients") == {old.id}
    assert found("to:eve@partner.example") == set(), "a copy is found by cc:"
    assert found("in:sent") == {sent.id}
    assert found("is:unread in:inbox") == {old.id, copy.id}
    assert found("") == {old.id, copy.id, sent.id}
    assert found("", includeSpamTrash=True) == {old.id, copy.id, spam.id, sent.id}
    assert found("in:spam") == {spam.id}
    assert found("", labelIds=[label["id"], "INBOX"]) == {copy.id}
    assert found("newer_than:2d") == {copy.id, sent.id}
    assert found(f"before:{old.at_ms // 1000 + 60}") == {old.id}
    assert found(f"after:{old.at_ms // 1000 + 60} from:boss@acme.example") == {copy.id}
    assert found('subject:"price list"') == {old.id}
    assert found("subject:(price list)") == {old.id}
    assert found("cheap") == {old.id}
    assert found(f"rfc822msgid:{old.envelope.message_id}") == {old.id}
    assert found("-in:inbox -in:sent") == set()


def test_a_long_query_goes_as_post_and_means_the_same(google: GoogleSimulator, office: Offices) -> None:
    letter = google.user(NOA).mail.receive(from_="c77@client.example", subject="x")
    query = "{" + " ".join(f"from:c{n}@client.example to:c{n}@client.example" for n in range(100)) + "}"

    assert ids(office().gmail.users().messages().list(userId="me", q=query).execute()) == [letter.id]


def test_pages_skip_nothing_when_mail_arrives_between_them(google: GoogleSimulator, office: Offices) -> None:
    mail = google.user(NOA).mail
    known = {mail.receive(from_=CLIENT, subject=f"{n}").id for n in range(25)}
    messages = office().gmail.users().messages()
    request, seen = messages.list(userId="me", maxResults=10), []
    while request is not None:
        answer = request.execute()
        seen += ids(answer)
        mail.receive(from_=CLIENT, subject="late")
        request = messages.list_next(request, answer)

    assert len(seen) == len(set(seen))
    assert set(seen) == known


def test_history_tells_every_change_once_and_in_order(google: GoogleSimulator, office: Offices) -> None:
    mail, gmail = google.user(NOA).mail, office().gmail.users()
    kept = mail.receive(from_=CLIENT, subject="kept")
    anchor = gmail.getProfile(userId="me").execute()["historyId"]
    new = mail.receive(from_=CLIENT, subject="new")
    mail.label(kept.id, add=["STARRED"], remove=["UNREAD"])
    mail.trash(new.id)
    mail.delete_forever(new.id)

    answer = gmail.history().list(userId="me", startHistoryId=anchor).execute()
    short = gmail.history().list(userId="me", startHistoryId=anchor, historyTypes=["messageAdded"]).execute()
    starred = gmail.history().list(userId="me", startHistoryId=anchor, labelId="STARRED").execute()
    nothing = gmail.history().list(userId="me", startHistoryId=answer["historyId"]).execute()

    kinds = [next(name for name in one if name not in ("id", "messages")) for one in answer["history"]]
    assert kinds == ["messagesAdded", "labelsAdded", "labelsRemoved", "labelsAdded", "labelsRemoved", "messagesDeleted"]
    assert [int(one["id"]) for one in answer["history"]] == sorted(int(one["id"]) for one in answer["history"])
    assert answer["history"][1]["labelsAdded"][0]["labelIds"] == ["STARRED"]
    assert len(short["history"]) == 1
    assert len(starred["history"]) == 2
    assert "history" not in nothing
    assert nothing["historyId"] == answer["historyId"]


def test_history_comes_in_pages(google: GoogleSimulator, office: Offices) -> None:
    mail, gmail = google.user(NOA).mail, office().gmail.users()
    anchor = gmail.getProfile(userId="me").execute()["historyId"]
    known = [mail.receive(from_=CLIENT, subject=f"{n}").id for n in range(7)]
    request, seen = gmail.history().list(userId="me", startHistoryId=anchor, maxResults=3), []
    while request is not None:
        answer = request.execute()
        seen += [one["messagesAdded"][0]["message"]["id"] for one in answer["history"]]
        request = gmail.history().list_next(request, answer)

    assert seen == known


def test_an_old_cursor_is_404_and_a_new_one_lives(google: GoogleSimulator, office: Offices) -> None:
    mail, gmail = google.user(NOA).mail, office().gmail.users()
    anchor = gmail.getProfile(userId="me").execute()["historyId"]
    mail.receive(from_=CLIENT, subject="1")
    google.clock.advance(days=31)
    mail.receive(from_=CLIENT, subject="2")
    mail.receive(from_=CLIENT, subject="3")

    with pytest.raises(HttpError) as old:
        office().gmail.users().history().list(userId="me", startHistoryId=anchor).execute()
    assert status(old.value) == (404, "notFound")

    fresh = office().gmail.users()
    anchor = fresh.getProfile(userId="me").execute()["historyId"]
    assert "history" not in fresh.history().list(userId="me", startHistoryId=anchor).execute()
    mail.expire_history()
    with pytest.raises(HttpError):
        fresh.history().list(userId="me", startHistoryId=anchor).execute()
    anchor = fresh.getProfile(userId="me").execute()["historyId"]
    fresh.history().list(userId="me", startHistoryId=anchor).execute()


def test_a_reply_stays_in_its_thread_on_both_sides(google: GoogleSimulator, office: Offices) -> None:
    google.deliver(NOA, MAYA, from_=CLIENT, subject="Question", body="?", message_id="<q1@client.example>")
    noa, maya = google.user(NOA).mail, google.user(MAYA).mail
    asked = next(iter(noa.letters.values()))
    answer = raw(
        to=f"{CLIENT}, {MAYA}", bcc=ADAM, subject="Re: Question", body="!",
        headers={"In-Reply-To": "<q1@client.example>", "References": "<q1@client.example>"},
    )  # fmt: skip

    sent = (
        office().gmail.users().messages().send(userId="me", body={"raw": answer, "threadId": asked.thread_id}).execute()
    )

    assert sent["threadId"] == asked.thread_id
    assert sent["labelIds"] == ["SENT"]
    copies = [one for one in maya.letters.values() if one.envelope.subject == "Re: Question"]
    assert len(maya.threads) == 1
    assert copies[0].id != sent["id"]
    assert copies[0].envelope.message_id == noa.letters[sent["id"]].envelope.message_id
    assert b"Bcc" not in copies[0].raw
    assert len(google.user(ADAM).mail.letters) == 1
    assert google.sent[0].recipients == (CLIENT, MAYA, ADAM)
    assert b"Bcc: adam@acme.example" in noa.letters[sent["id"]].raw


def test_a_thread_needs_the_same_subject_and_the_reference(google: GoogleSimulator, office: Offices) -> None:
    mail = google.user(NOA).mail
    asked = mail.receive(from_=CLIENT, subject="Question", message_id="<q1@client.example>")
    send = office().gmail.users().messages().send
    references = {"References": "<q1@client.example>"}

    other = send(
        userId="me", body={"raw": raw(subject="Other", headers=references), "threadId": asked.thread_id}
    ).execute()
    without = send(userId="me", body={"raw": raw(subject="Re: Question"), "threadId": asked.thread_id}).execute()

    assert other["threadId"] != asked.thread_id
    assert without["threadId"] != asked.thread_id
    with pytest.raises(HttpError) as unknown:
        send(userId="me", body={"raw": raw(subject="x"), "threadId": "18c0000000000000"}).execute()
    assert unknown.value.resp.status == 400


def test_google_writes_its_own_message_id_and_sender(google: GoogleSimulator, office: Offices) -> None:
    body = {"raw": raw(from_="ceo@other.example", subject="x", message_id="<mine@hub.example>")}

    sent = office().gmail.users().messages().send(userId="me", body=body).execute()
    shown = office().gmail.users().messages().get(userId="me", id=sent["id"], format="metadata").execute()
    headers = {one["name"]: one["value"] for one in shown["payload"]["headers"]}

    assert headers["Message-ID"].endswith("@mail.gmail.com>")
    assert NOA in headers["From"]
    google.user(NOA).mail.rewrites_message_id = False
    kept = office().gmail.users().messages().send(userId="me", body=body).execute()
    assert google.user(NOA).mail.letters[kept["id"]].envelope.message_id == "<mine@hub.example>"


def test_a_draft_changes_its_message_with_each_save(google: GoogleSimulator, office: Offices) -> None:
    drafts = office().gmail.users().drafts()
    first = drafts.create(userId="me", body={"message": {"raw": raw(subject="Draft", body="one")}}).execute()
    second = drafts.update(
        userId="me", id=first["id"], body={"message": {"raw": raw(subject="Draft", body="two")}}
    ).execute()
    listed = drafts.list(userId="me").execute()
    shown = drafts.get(userId="me", id=first["id"], format="full").execute()
    sent = drafts.send(userId="me", body={"id": first["id"]}).execute()

    assert first["id"] == second["id"]
    assert first["message"]["id"] != second["message"]["id"]
    assert first["message"]["threadId"] == second["message"]["threadId"]
    assert ids(listed, "drafts") == [first["id"]]
    assert shown["message"]["labelIds"] == ["DRAFT"]
    assert sent["id"] != second["message"]["id"]
    assert sent["labelIds"] == ["SENT"]
    assert list(google.user(NOA).mail.letters) == [sent["id"]]
    with pytest.raises(HttpError):
        drafts.get(userId="me", id=first["id"]).execute()


def test_labels_are_made_renamed_and_removed(google: GoogleSimulator, office: Offices) -> None:
    labels = office().gmail.users().labels()
    made = labels.create(userId="me", body={"name": "Private"}).execute()
    letter = google.user(NOA).mail.receive(from_=CLIENT, subject="x")
    messages = office().gmail.users().messages()
    changed = messages.modify(userId="me", id=letter.id, body={"addLabelIds": [made["id"]]}).execute()
    counted = labels.get(userId="me", id=made["id"]).execute()

    assert made["id"] in changed["labelIds"]
    assert counted["messagesTotal"] == 1
    assert labels.patch(userId="me", id=made["id"], body={"name": "Secret"}).execute()["name"] == "Secret"
    assert {"INBOX", made["id"]} <= set(ids(labels.list(userId="me").execute(), "labels"))
    with pytest.raises(HttpError) as twice:
        labels.create(userId="me", body={"name": "secret"}).execute()
    assert twice.value.resp.status == 409
    with pytest.raises(HttpError) as unknown:
        messages.modify(userId="me", id=letter.id, body={"addLabelIds": ["Label_99"]}).execute()
    assert unknown.value.resp.status == 400
    labels.delete(userId="me", id=made["id"]).execute()
    assert made["id"] not in letter.labels


def test_threads_are_listed_read_and_thrown_away(google: GoogleSimulator, office: Offices) -> None:
    mail = google.user(NOA).mail
    first = mail.receive(from_=CLIENT, subject="Question", message_id="<q1@client.example>")
    google.clock.advance(minutes=1)
    second = mail.receive(from_=CLIENT, subject="Re: Question", headers={"References": "<q1@client.example>"})
    threads = office().gmail.users().threads()

    assert ids(threads.list(userId="me").execute(), "threads") == [first.thread_id]
    assert ids(threads.get(userId="me", id=first.thread_id).execute()) == [first.id, second.id]
    threads.trash(userId="me", id=first.thread_id).execute()
    assert "TRASH" in second.labels
    threads.delete(userId="me", id=first.thread_id).execute()
    assert not mail.letters


def test_a_large_mail_is_uploaded(google: GoogleSimulator, office: Offices) -> None:
    big = compose(from_=NOA, to=CLIENT, subject="Plans", attachments=[Attachment("plan.bin", b"\x00\xff" * 400_000)])
    messages = office().gmail.users().messages()

    simple = messages.send(userId="me", media_body=MediaInMemoryUpload(big, "message/rfc822")).execute()
    related = messages.send(userId="me", body={}, media_body=MediaInMemoryUpload(big, "message/rfc822")).execute()
    parts = MediaInMemoryUpload(big, "message/rfc822", chunksize=256 * 1024, resumable=True)
    resumable = messages.send(userId="me", body={}, media_body=parts).execute()

    for answer in (simple, related, resumable):
        mail = message_from_bytes(google.user(NOA).mail.letters[answer["id"]].raw, policy=policy.default)
        assert next(mail.iter_attachments()).get_content() == b"\x00\xff" * 400_000


def test_the_signature_is_a_setting_of_the_sender_address(google: GoogleSimulator, office: Offices) -> None:
    google.user(NOA).mail.send_as[0].signature = "<b>Noa</b>"

    answer = office().gmail.users().settings().sendAs().list(userId="me").execute()

    assert answer["sendAs"][0]["signature"] == "<b>Noa</b>"
    assert answer["sendAs"][0]["isPrimary"] is True


def test_a_token_for_headers_reads_headers_only(google: GoogleSimulator, office: Offices) -> None:
    letter = google.user(NOA).mail.receive(from_=CLIENT, subject="Order", body="secret")
    little = office(NOA, "https://www.googleapis.com/auth/gmail.metadata").gmail.users().messages()

    shown = little.get(userId="me", id=letter.id, format="metadata").execute()
    assert "secret" not in json.dumps(shown)
    for refused in (little.get(userId="me", id=letter.id), little.list(userId="me", q="secret")):
        with pytest.raises(HttpError) as forbidden:
            refused.execute()
        assert forbidden.value.resp.status == 403


def test_one_user_never_reaches_the_mail_of_another(google: GoogleSimulator, office: Offices) -> None:
    letter = google.user(ADAM).mail.receive(from_=CLIENT, subject="x")

    with pytest.raises(HttpError) as mine:
        office(NOA).gmail.users().messages().get(userId="me", id=letter.id).execute()
    with pytest.raises(HttpError) as his:
        office(NOA).gmail.users().messages().get(userId=ADAM, id=letter.id).execute()
    assert mine.value.resp.status == 404
    assert his.value.resp.status == 403


def test_a_batch_answers_each_call_on_its_own(google: GoogleSimulator, office: Offices) -> None:
    letters = [google.user(NOA).mail.receive(from_=CLIENT, subject=f"{n}") for n in range(5)]
    noa, answers = office(), {}
    batch = noa.gmail.new_batch_http_request(
        callback=lambda name, answer, error: answers.update({name: (answer, error)})
    )
    for one in [*letters, None]:
        wanted = one.id if one else "18c0ffffffffffff"
        batch.add(noa.gmail.users().messages().get(userId="me", id=wanted), request_id=wanted)
    before = google.asked

    batch.execute()

    assert google.asked == before + 1
    assert all(answers[one.id][0]["id"] == one.id for one in letters)
    assert answers["18c0ffffffffffff"][1].resp.status == 404
    assert google.spent(NOA).by_method["gmail.users.messages.get"] == (6, 120)


def test_a_batch_of_more_than_a_hundred_is_refused(google: GoogleSimulator, office: Offices) -> None:
    noa = office()
    batch = noa.gmail.new_batch_http_request()
    for _ in range(101):
        batch.add(noa.gmail.users().getProfile(userId="me"))

    with pytest.raises(HttpError) as refused:
        batch.execute()
    assert refused.value.resp.status == 400
    assert google.spent().requests == 0


def test_a_full_mailbox_is_made_quickly_and_the_same_each_time(google: GoogleSimulator, office: Offices) -> None:
    clients = [f"Client {n} <c{n}@client.example>" for n in range(20)]
    noa, adam = google.user(NOA).mail, google.user(ADAM).mail
    google.clock.freeze()
    matching = fill(noa, 10_000, matching=clients, matching_count=500)
    fill(adam, 50, matching=clients, matching_count=10)
    again = [letter.raw for letter in adam.letters.values()]
    query = "{" + " ".join(f"from:c{n}@client.example to:c{n}@client.example" for n in range(20)) + "}"
    messages = office().gmail.users().messages()

    answer = messages.list(userId="me", q=query, maxResults=500).execute()
    one = messages.get(userId="me", id=matching[1]).execute()

    assert len(noa.letters) == 10_000
    assert set(ids(answer)) == set(matching)
    assert len(matching) == 500
    assert one["labelIds"] == ["SENT"]
    assert one["threadId"] == matching[0]
    assert one["sizeEstimate"] == len(noa.letters[matching[1]].raw)
    assert len(noa.threads[matching[0]]) == 3
    assert [letter.raw for letter in adam.letters.values()] == again
    parsed = message_from_bytes(noa.letters[matching[1]].raw, policy=policy.default)
    assert parsed["References"] == noa.letters[matching[0]].envelope.message_id
    assert (
        "history"
        not in office().gmail.users().history().list(userId="me", startHistoryId=str(noa.history_id)).execute()
    )


def test_what_a_call_cannot_say_is_refused(google: GoogleSimulator, office: Offices) -> None:
    base, http = google.settings()["base_url"], office().http

    def ask(path: str, method: str = "GET", body: str | None = None) -> tuple[int, str]:
        response, content = http.request(base + path, method, body=body)
        return response.status, json.loads(content)["error"]["message"] if content[:1] == b"{" else ""

    assert ask("/gmail/v1/users/me/messages?colour=red")[0] == 400
    assert ask("/gmail/v1/users/me/messages?maxResults=many")[0] == 400
    assert ask("/gmail/v1/users/me/labels", "POST", '{"name": "x", "colour": "red"}')[0] == 400
    assert ask("/gmail/v1/users/me/labels", "POST", '{"name": 7}')[0] == 400
    assert ask("/gmail/v1/users/me/labels", "POST", "{")[0] == 400
    assert ask("/gmail/v1/users/me/nothing") == (404, "")
    assert ask("/gmail/v1/users/me/settings/imap")[0] == 501
    assert ask("/gmail/v1/users/me/history")[0] == 400


def test_partial_answers_hold_what_was_asked_for(google: GoogleSimulator, office: Offices) -> None:
    google.user(NOA).mail.receive(from_=CLIENT, subject="x")

    answer = office().gmail.users().messages().list(userId="me", fields="messages/id,nextPageToken").execute()

    assert list(answer) == ["messages"]
    assert list(answer["messages"][0]) == ["id"]
