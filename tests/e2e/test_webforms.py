"""Answered forms over HTTP, on both databases: into the inbox and onto the customer's timeline, once however often they come."""

import json
import random
import re
import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from sqlalchemy import func, select
from werkzeug.serving import make_server

from connectors.webforms.simulator import WebForms
from hub import app as hub_app
from hub import flow
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.identity.models import Party
from hub.intake import accounts
from hub.intake.models import Account, RawRecord
from hub.leads import queries
from hub.leads.models import Bucket
from hub.leads.queries import Shown, Wanted
from hub.security.models import Role
from hub.timeline.models import Interaction, Kind, Participant
from tests.fakes.browser import signed_in, someone

PRESETS = ["own", "elementor", "cf7", "typeform", "tally", "google_ads", "zapier"]
EVERYTHING = Wanted(state="all")


@dataclass
class Office:
    """A hub that listens, and a form that posts to it."""

    hub: Hub
    url: str
    forms: WebForms
    token: str = ""
    account: int = 0

    def connect(self, *, by_token: bool = True, **more: Any) -> None:
        """Make an account for the form. An account without a token is known by its id, and its calls are signed."""
        values = {**self.forms.settings(), **more}
        with self.hub.db.write() as session:
            row = accounts.create(
                session, self.hub.connectors["webforms"], self.hub.vault, "Our page", values, region="IL"
            )
            self.token = accounts.rotate_hook_token(row) if by_token else ""
            self.account = row.id
            place = self.token or f"webforms/{row.public_id}"
        self.forms.hub_url = f"{self.url}/hooks/{place}"

    def leads(self) -> Sequence[Shown]:
        """Take in what waits, and look into the inbox."""
        with self.hub.db.write() as session:
            flow.waiting(self.hub.flow, session)
        with self.hub.db.read() as session:
            wrong = session.scalars(select(RawRecord.error).where(RawRecord.error != "")).all()
            assert not wrong
            return queries.listed(session, EVERYTHING)

    def timeline(self, lead: Shown) -> list[Interaction]:
        """The leads on the timeline of a lead's customer."""
        with self.hub.db.read() as session:
            query = (
                select(Interaction)
                .join(Participant, Participant.interaction_id == Interaction.id)
                .join(Party, Party.id == Participant.party_id)
                .where(Party.public_id == lead.party, Interaction.kind == Kind.LEAD)
            )
            return list(session.scalars(query))

    def kept(self) -> int:
        with self.hub.db.read() as session:
            return session.scalar(select(func.count()).select_from(RawRecord)) or 0

    def statuses(self) -> list[int]:
        return [status for status, _ in self.forms.answers]


@pytest.fixture
def office(hub: Hub) -> Iterator[Office]:
    server = make_server("127.0.0.1", 0, hub_app.create_app(hub), threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield Office(hub, f"http://127.0.0.1:{server.server_port}", WebForms(0, Faults()))
    finally:
        server.shutdown()
        thread.join(5)
        server.server_close()


@pytest.mark.parametrize("preset", PRESETS)
def test_what_a_program_posts_is_in_the_inbox_and_on_the_timeline_once(office: Office, preset: str) -> None:
    office.forms = WebForms(0, Faults(["twice=always"]), preset=preset)
    office.connect()
    [one] = office.forms.submit()
    assert office.statuses() == [200, 200]
    [lead] = office.leads()
    assert (lead.name, lead.email) == (one.name, one.email)
    assert (lead.phone, lead.is_test, lead.connector) == ("+97254" + one.phone[4:], False, "webforms")
    assert lead.bucket in {Bucket.WEB, Bucket.PAID}
    assert lead.party_name == one.name
    [entry] = office.timeline(lead)
    assert entry.started_at == lead.created_at
    with office.hub.db.read() as session:
        whole = queries.whole(session, lead.id)
    assert one.message in [text for answer in whole.answers for text in answer.sent]
    agreed = {"elementor": True, "typeform": True}.get(preset)
    assert [one.checked for one in whole.consents] == ([agreed] if agreed else [])
    assert office.leads() == [lead], "and nothing more when the worker looks again"


def test_an_administrator_copies_a_form_and_tries_it(hub: Hub) -> None:
    someone(hub, Role.ADMIN)
    browser = signed_in(hub, "admin@example.com")
    values = {"name": "Our page", "s-preset": "own", "s-consent_fields": "marketing", "do": "force"}
    page = browser.post("/connections/new/webforms", on="/connections/new/webforms", **values).text
    [place] = set(re.findall(r'action="(/hooks/[^"]+)"', page))
    assert f"action=&#34;{hub.settings.public_url}{place}&#34;" in page
    assert "name=&#34;marketing&#34;" in page
    posted = browser.client.post(place, data={"hub_test": "1", "name": "Noa", "phone": "052-345-6789"})
    assert posted.status_code == 200
    with hub.db.write() as session:
        flow.waiting(hub.flow, session)
    with hub.db.read() as session:
        [lead] = queries.listed(session, Wanted(state="all", tests=True))
        assert (lead.name, lead.is_test) == ("Noa", True)
        assert queries.listed(session, EVERYTHING) == []
        assert session.scalar(select(func.count()).select_from(Party)) == 0


@pytest.mark.parametrize("proof", ["hmac", "standard"])
def test_a_signed_call_to_the_accounts_address_is_taken_once(office: Office, proof: str) -> None:
    office.forms = WebForms(0, Faults(["twice"]), proof=proof)
    office.connect(by_token=False)
    office.forms.submit(2)
    assert office.statuses() == [200] * 3
    assert len(office.leads()) == 2
    for fault in ("bad_signature", "unsigned", "wrong_key", "other_letters", "old_timestamp"):
        office.forms.faults.add(fault)
        office.forms.submit()
        assert office.statuses()[-1] == 401, fault
    # The hub may hang up before the whole of what is too long was sent: 0.
    for fault, statuses in (("huge", {413, 0}), ("deep", {422}), ("not_json", {422})):
        office.forms.faults.add(fault)
        office.forms.submit()
        assert office.statuses()[-1] in statuses, fault
    assert office.kept() == 2


def test_an_accounts_address_wants_the_token_where_there_is_one(office: Office) -> None:
    office.connect(proof="token")
    with office.hub.db.read() as session:
        name = session.get_one(Account, office.account).public_id
    office.forms.hub_url = f"{office.url}/hooks/webforms/{name}"
    office.forms.submit()
    office.forms.headers["Authorization"] = f"Bearer {office.token}"
    office.forms.submit()
    assert office.statuses() == [401, 200]
    assert len(office.leads()) == 1


@pytest.mark.alike
@pytest.mark.parametrize("fault", ["form", "multipart", "renamed", "odd_text", "duplicated", "swapped"])
def test_whatever_way_a_form_is_written_nobody_is_lost(office: Office, fault: str) -> None:
    office.connect(proof="token")
    office.forms.faults.add(fault)
    sent = office.forms.submit(2)
    assert office.statuses() == [200, 200]
    leads = office.leads()
    assert {lead.email for lead in leads} == {one.email for one in sent}
    assert all(office.timeline(lead) for lead in leads)


def test_the_longest_and_oddest_texts_stop_nobody_behind_them(office: Office) -> None:
    """What does not fit a column or an index of PostgreSQL must not keep the leads after it waiting."""
    office.connect(proof="token", consent_fields="terms")
    letters = random.Random(5)
    odd = "".join(chr(letters.randrange(0x10000, 0x10FFFF)) for _ in range(5000))
    names = ["name", "email", "phone", "company", "job title", "website", "city", "street", "message", "terms", odd, "form_id",
             "form_name", "page_url", "referrer", "utm_source", "utm_campaign", "gclid", "submission_id"]  # fmt: skip
    client = hub_app.create_app(office.hub).test_client()
    mail, number = f"{odd[:60]}@{odd[:3000]}.example", "+97254" + "1" * 5000
    bodies: list[dict[str, str]] = [
        dict.fromkeys(names, odd), {**dict.fromkeys(names, odd), "email": mail, "phone": number, "website": f"https://{odd}.example"},
        dict.fromkeys(names, "\0\ud83d\u202e=1+1"), {"name": "Dana", "email": "x" * 5000 + "@example.com", "phone": "0" * 15},
        {"name": "Dana", "phone": "054-2345678"},
    ]  # fmt: skip
    for body in bodies:
        data = json.dumps(body, ensure_ascii=False).encode("utf-8", "backslashreplace")
        answer = client.post(f"/hooks/{office.token}", data=data, content_type="application/json")
        assert answer.status_code == 200
    leads = office.leads()
    assert len(leads) == len(bodies)
    assert "+972542345678" in {lead.phone for lead in leads}
    someone(office.hub, Role.AGENT)
    browser = signed_in(office.hub, "agent@example.com")
    assert browser.get("/leads?state=all").status_code == 200
    assert {browser.get(f"/leads/{lead.id}").status_code for lead in leads} == {200}


def browse(office: Office, fields: dict[str, str]) -> tuple[int, str, str]:
    """Send a form as the browser does that shows another site's page."""
    headers = {"Accept": "text/html,application/xhtml+xml", "Origin": "https://www.example.com", "Sec-Fetch-Site": "cross-site",
               "Referer": "https://www.example.com/offer", "Content-Type": "application/x-www-form-urlencoded"}  # fmt: skip
    request = Request(office.forms.hub_url, urlencode(fields).encode(), headers, method="POST")
    with urlopen(request, timeout=20) as answer:
        return answer.status, answer.headers.get_content_type(), answer.read().decode()


def test_a_browser_gets_a_page_of_thanks_and_a_robot_too(office: Office) -> None:
    office.connect(proof="token", consent_fields="marketing")
    dana = {"name": "<b>Dana</b> \u202eiveL", "phone": "054-2345678", "marketing": "yes", "hub_homepage": ""}
    person = browse(office, dana)
    robot = browse(office, {**dana, "name": "Robot", "hub_homepage": "https://spam.example"})
    assert person[:2] == (200, "text/html")
    assert "Thank you" in person[2]
    assert "Dana" not in person[2]
    assert robot[:2] == person[:2]
    assert "Thank you" in robot[2]
    [lead] = office.leads()
    with office.hub.db.read() as session:
        assert [(one.key, one.checked) for one in queries.whole(session, lead.id).consents] == [("marketing", True)]
    someone(office.hub, Role.AGENT)
    browser = signed_in(office.hub, "agent@example.com")
    inbox = browser.get("/leads?state=all").text
    assert "&lt;b&gt;Dana" in inbox
    assert "<b>Dana" not in inbox
    assert browser.get(f"/leads/{lead.id}").status_code == 200


def test_a_browser_is_sent_to_the_page_of_thanks_in_the_settings(office: Office) -> None:
    office.connect(proof="token", thanks_url="https://www.example.com/thanks")
    client = hub_app.create_app(office.hub).test_client()
    answer = client.post(f"/hooks/{office.token}", data={"name": "Dana"}, headers={"Accept": "text/html"})
    assert (answer.status_code, answer.headers["Location"]) == (303, "https://www.example.com/thanks")
    assert len(office.leads()) == 1


def test_the_simulators_page_has_a_form_for_the_hub(office: Office) -> None:
    office.connect(proof="token")
    office.forms.start()
    try:
        with urlopen(f"http://127.0.0.1:{office.forms.port}/", timeout=20) as answer:
            page = answer.read().decode()
    finally:
        office.forms.stop()
    assert f'action="{office.forms.hub_url}"' in page
    assert 'name="hub_homepage"' in page
