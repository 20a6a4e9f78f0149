"""Messages in a real browser: accessible both ways round, seen at once, answered by keyboard, and nothing typed is lost."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import select

from hub import app as hub_app
from hub.messages.models import Conversation, MessageRow
from hub.store.base import now
from tests.e2e.postbox import Office, payload
from tests.ui.harness import LOOKS, Profile, Site, until, violations

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360606060000000050001a5f645400000"
    "000049454e44ae426082"
)


@pytest.fixture(scope="module")
def office(site: Site) -> Office:
    office = Office(site.hub)
    office.post.files = {"p": PNG, "d": b"%PDF-1.7"}
    at = now() - timedelta(minutes=30)
    files = [{"id": "p", "name": "ארון.png"}, {"id": "d", "name": "offer.pdf"}, {"id": "gone"}]
    office.hear(
        payload("in1", peer_name="דנה לוי", text="שלום, יש לכם ארון במידה 120?", at=at, referral={"ad_id": "1"}),
        payload("in2", peer_name="דנה לוי", text="See the picture", content="image", media=files, at=at + timedelta(minutes=1)),
        payload("out1", direction="outbound", text="It did not arrive", at=at + timedelta(minutes=2)),
        payload("in3", peer_name="דנה לוי", text="x" * 400, reply_to="out1", at=at + timedelta(minutes=3)),
        payload("sms1", channel="sms", peer_phone="+48601234567", text="Dzień dobry", at=at - timedelta(days=2)),
        payload("sms2", channel="sms", peer_phone="AcmeBank", text="Your code", at=at),
    )  # fmt: skip
    office.tell("out1", "failed", reason="Message undeliverable")
    office.fetch()
    return office


@pytest.fixture
def amir(profile: Callable[..., Profile]) -> Profile:
    return profile("amir")  # agents are told of what is nobody's, administrators are not


def pages(office: Office) -> dict[str, str]:
    with office.hub.db.read() as session:
        rows = session.scalars(select(Conversation).order_by(Conversation.id)).all()
    names = {one.peer_phone: f"/messages/{one.public_id}" for one in rows}
    return {
        "my day": "/", "list": "/messages", "waiting": "/messages?state=waiting", "whatsapp": names["+972502345678"],
        "nobody": names["+48601234567"] + "?q=דנה", "a word": names["AcmeBank"],
    }  # fmt: skip


@pytest.mark.parametrize(("language", "scheme"), LOOKS)
def test_no_page_of_messages_breaks_a_rule_of_accessibility(
    profile: Callable[..., Profile], site: Site, office: Office, language: str, scheme: str
) -> None:
    site.language("noa", language)
    tab = profile("noa", color_scheme=scheme).open("/", connected=False)
    broken = {}
    with site.hub.db.read() as session:
        party = session.scalars(select(Conversation.party_id).where(Conversation.party_id.is_not(None))).first()
    assert party is not None
    for name, path in pages(office).items():
        tab.goto(site.url + path)
        assert tab.locator("h1").count() == 1, name
        if found := violations(tab):
            broken[name] = found
        assert tab.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth"), name
    site.language("noa", "en")
    assert broken == {}


def test_a_conversation_fits_a_telephone(profile: Callable[..., Profile], office: Office) -> None:
    tab = profile("noa", size=(360, 740)).open(pages(office)["whatsapp"], connected=False)
    assert tab.evaluate("document.documentElement.scrollWidth") <= 360


def test_a_new_message_appears_while_somebody_writes_and_the_answer_goes_once(
    amir: Profile, site: Site, office: Office
) -> None:
    tab = amir.open(pages(office)["whatsapp"])
    tab.locator("#message-text").focus()
    tab.keyboard.type("It comes tomor")
    office.hear(payload("in4", text="Are you there?"))
    with site.hub.db.write() as session:
        hub_app.tell_messages(site.hub, session)
    until(lambda: tab.locator("#thread .msg", has_text="Are you there?").count() == 1)
    assert tab.locator("#message-text").input_value() == "It comes tomor"
    tab.keyboard.type("row")
    tab.keyboard.press("Control+Enter")
    until(lambda: tab.locator("#thread .msg.out", has_text="It comes tomorrow").count() == 1)
    until(lambda: tab.locator("#message-text").input_value() == "")
    with site.hub.db.read() as session:
        assert len(session.scalars(select(MessageRow.id).where(MessageRow.text == "It comes tomorrow")).all()) == 1


def test_my_day_hears_of_a_message_at_once(amir: Profile, site: Site, office: Office) -> None:
    tab = amir.open("/")
    office.hear(payload("in9", text="A question", at=now() + timedelta(minutes=1)))
    with site.hub.db.write() as session:
        hub_app.tell_messages(site.hub, session)
    until(lambda: tab.locator("#messages-waiting [data-row]", has_text="A question").count() == 1, seconds=20)
    row = tab.locator("#messages-waiting [data-row]", has_text="A question")
    row.locator("button").focus()
    tab.keyboard.press("Enter")
    until(lambda: tab.locator("#messages-waiting [data-row]", has_text="A question").count() == 0)
