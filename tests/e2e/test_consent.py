"""Consent in the browser, against a simulated Google: what is granted is kept, once, for the mailbox it belongs to."""

from datetime import timedelta
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from flask import Flask
from sqlalchemy import select
from werkzeug.test import TestResponse

from connectors.google.settings import CALENDAR, IDENTITY, MAIL
from connectors.google.simulator import GoogleSimulator
from hub.connector.stream import Cursor, Lane, Phase
from hub.context import Hub
from hub.intake import accounts, grants, read
from hub.intake.models import Account, Health, OauthGrant, StreamState
from hub.security.models import Audit, Choice, Role
from hub.store.base import now
from tests.fakes.browser import Browser, someone

NOA, ADAM = "noa@acme.example", "adam@acme.example"


class Desk:
    """An administrator with one Google account that nobody consented to yet."""

    def __init__(self, hub: Hub, google: GoogleSimulator, admin: Browser, **settings: object) -> None:
        self.hub, self.google, self.admin = hub, google, admin
        google.oauth.redirect_uris = {f"{hub.settings.public_url}/oauth/callback"}
        self.ca = google.settings()["ca"]
        known = {name: value for name, value in google.settings().items() if name not in ("refresh_token", "address")}
        with hub.db.write() as session:
            row = accounts.create(
                session, hub.connectors["google"], hub.vault, "Google", {**known, "timeout_s": 5, **settings}
            )
            self.id, self.path = row.id, f"/connections/{row.public_id}"

    def ask(self, browser: Browser | None = None) -> str:
        """Press Connect; returns where the browser is sent."""
        answer = (browser or self.admin).post(f"{self.path}/connect", on=self.path)
        assert answer.status_code == 303, answer.text
        return str(answer.location)

    def decide(self, address: str, *, who: str = NOA, answer: str = "allow", only: tuple[str, ...] = ()) -> str:
        """Fill in the page of consent; returns where the browser is sent back to, without the host."""
        asked = dict(parse_qsl(urlsplit(address).query))
        page = urlsplit(address)._replace(query="").geturl()
        form = [*asked.items(), ("account", who), ("answer", answer)]
        form += [("allowed", scope) for scope in only or asked["scope"].split()]
        sent = requests.post(page, data=form, verify=self.ca, timeout=5, allow_redirects=False)
        assert sent.status_code == 302, sent.text
        back = sent.headers["Location"]
        assert back.startswith(f"{self.hub.settings.public_url}/oauth/callback?")
        return back.removeprefix(self.hub.settings.public_url)

    def connect(self, **how: object) -> TestResponse:
        """Go all the way."""
        return self.admin.get(self.decide(self.ask(), **how))  # type: ignore[arg-type]  # as of decide

    def account(self) -> Account:
        with self.hub.db.read() as session:
            return session.get_one(Account, self.id)

    def grant(self) -> OauthGrant | None:
        with self.hub.db.read() as session:
            return session.scalar(select(OauthGrant).where(OauthGrant.account_id == self.id))

    def states(self) -> dict[str, StreamState]:
        with self.hub.db.read() as session:
            rows = session.scalars(select(StreamState).where(StreamState.account_id == self.id))
            return {row.stream: row for row in rows}


@pytest.fixture
def desk(hub: Hub, google: GoogleSimulator, admin: Browser) -> Desk:
    return Desk(hub, google, admin)


def audited(hub: Hub) -> list[str]:
    with hub.db.read() as session:
        return list(session.scalars(select(Audit.action).where(Audit.subject == "account").order_by(Audit.id)))


def test_the_question_says_what_is_wanted_and_keeps_its_secret(desk: Desk, google: GoogleSimulator) -> None:
    address = desk.ask()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    assert address.startswith(f"{google.settings()['base_url']}/o/oauth2/v2/auth?")
    assert (asked["access_type"], asked["prompt"], asked["response_type"]) == ("offline", "consent", "code")
    assert asked["include_granted_scopes"] == "false"
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{desk.hub.settings.public_url}/oauth/callback"
    assert {*IDENTITY, MAIL, CALENDAR} <= set(asked["scope"].split())
    assert "code_verifier" not in asked
    with desk.hub.db.read() as session:
        [kept] = session.scalars(select(Choice).where(Choice.key.startswith("consent"))).all()
    assert asked["state"] not in str(kept.value)
    assert desk.ask() != address


def test_what_was_allowed_is_kept_and_reading_begins(desk: Desk) -> None:
    page = desk.admin.get(desk.path).text
    assert "Nobody allowed the hub to read this account yet." in page
    assert f'value="{desk.hub.settings.public_url}/oauth/callback"' in page
    back = desk.connect()
    assert (back.status_code, back.location) == (303, f"{desk.path}?connected=1")
    shown = desk.admin.get(back.location).text
    assert "Connected. Reading begins within seconds" in shown
    assert NOA in shown
    kept = desk.grant()
    assert kept is not None
    assert (kept.version, kept.dead) == (1, "")
    assert desk.account().settings["address"] == NOA
    assert desk.states()[read.LISTING].due_at is not None
    with desk.hub.db.read() as session:
        grant = grants.granted(session, desk.hub.vault, desk.id)
        assert not session.scalars(select(Choice).where(Choice.key.startswith("consent"))).all()
    assert grant is not None
    assert grant.refresh_token in desk.google.oauth.grants
    assert grant.access_token
    assert MAIL in grant.scopes
    assert grant.refresh_token not in kept.sealed
    assert audited(desk.hub) == ["account.connect_begun", "account.connected"]


def test_a_person_who_says_no_changes_nothing(desk: Desk) -> None:
    back = desk.connect(answer="deny")
    assert back.status_code == 422
    assert "Access was not allowed on the other page." in back.text
    assert desk.grant() is None
    assert desk.account().settings.get("address", "") == ""
    assert audited(desk.hub)[-1] == "account.connect_refused"


def test_what_was_not_ticked_is_named_and_the_rest_works(desk: Desk) -> None:
    desk.admin.get(desk.connect(only=(*IDENTITY, CALENDAR)).location)
    page = desk.admin.get(desk.path).text
    assert f"{NOA}" in page
    assert page.count("This was not allowed, so it is not read.") == 2
    assert "Mail</span>" in page
    assert "Contacts</span>" in page
    assert "Calendar</span>" not in page
    with desk.hub.db.read() as session:
        detail = session.scalar(select(Audit.detail).where(Audit.action == "account.connected"))
    assert detail == {"name": "Google", "mailbox": NOA, "missing": ["Mail", "Contacts"]}
    assert desk.connect().status_code == 303  # ticked this time
    assert "This was not allowed" not in desk.admin.get(desk.path).text


def test_a_grant_that_does_not_last_is_refused_with_what_to_do(desk: Desk) -> None:
    desk.google.faults.add("no_refresh_token")
    back = desk.connect()
    assert back.status_code == 422
    assert "Take the hub&#39;s access away there" in back.text
    assert "myaccount.google.com/permissions" in back.text
    assert desk.grant() is None
    assert desk.connect().status_code == 303


def test_an_account_that_hides_its_address_is_refused(desk: Desk) -> None:
    back = desk.connect(only=(CALENDAR,))
    assert back.status_code == 422
    assert "did not say whose account it is" in back.text
    assert desk.grant() is None


@pytest.mark.alike
@pytest.mark.parametrize("state", ["", "x", "0" * 32 + ".x", "{id}.x", "{id}", "{id}." + "y" * 4000])
def test_an_answer_to_no_question_of_ours_is_refused(desk: Desk, state: str) -> None:
    desk.ask()
    known = state.replace("{id}", desk.account().public_id.hex)
    answer = desk.admin.get(f"/oauth/callback?state={known}&code=4/0A")
    assert answer.status_code == 422
    assert "belongs to no question of yours" in answer.text
    assert desk.grant() is None


def test_an_answer_counts_once(desk: Desk) -> None:
    back = desk.decide(desk.ask())
    assert desk.admin.get(back).status_code == 303
    again = desk.admin.get(back)
    assert again.status_code == 422
    assert "used already" in again.text
    kept = desk.grant()
    assert kept is not None
    assert kept.version == 1


def test_the_question_asked_last_counts(desk: Desk) -> None:
    first, second = desk.decide(desk.ask()), desk.decide(desk.ask())
    assert desk.admin.get(first).status_code == 422
    assert desk.admin.get(second).status_code == 303


def test_an_answer_that_comes_too_late_is_refused(desk: Desk) -> None:
    back = desk.decide(desk.ask())
    with desk.hub.db.write() as session:
        [kept] = session.scalars(select(Choice).where(Choice.key.startswith("consent"))).all()
        kept.value = {**kept.value, "until": (now() - timedelta(seconds=1)).isoformat()}
    late = desk.admin.get(back)
    assert late.status_code == 422
    assert "The answer came too late." in late.text
    assert desk.grant() is None


def test_nobody_answers_for_somebody_else(desk: Desk, app: Flask) -> None:
    back = desk.decide(desk.ask())
    someone(desk.hub, Role.ADMIN, "other@example.com")
    other = Browser(app)
    assert other.get(back).location.startswith("/login?next=")
    other.sign_in("other@example.com")
    assert other.get(back).status_code == 422
    assert desk.grant() is None
    assert desk.admin.get(back).status_code == 303


@pytest.mark.parametrize("role", [Role.AGENT, Role.MANAGER])
def test_only_who_manages_connections_connects(desk: Desk, app: Flask, role: Role) -> None:
    someone(desk.hub, role)
    theirs = Browser(app)
    theirs.sign_in(f"{role}@example.com")
    assert theirs.post(f"{desk.path}/connect").status_code == 403
    assert theirs.post(f"{desk.path}/sync").status_code == 403
    assert theirs.get("/oauth/callback").status_code == 403
    assert desk.admin.client.post(f"{desk.path}/connect").status_code == 400  # without the form's token


def test_a_stolen_code_is_worth_nothing_elsewhere(desk: Desk) -> None:
    back = desk.decide(desk.ask())
    code = parse_qs(urlsplit(back).query)["code"][0]
    state = parse_qs(urlsplit(desk.ask()).query)["state"][0]  # another visit: its secret does not fit the code
    answer = desk.admin.get(f"/oauth/callback?state={state}&code={code}")
    assert answer.status_code == 422
    assert "The other system refused." in answer.text
    assert "invalid_grant" in answer.text
    assert desk.grant() is None


def test_connecting_again_keeps_every_cursor_and_wakes_what_stood_still(desk: Desk) -> None:
    desk.connect()
    cursor = Cursor(Phase.INCREMENTAL, token="kept", asked="events 1").as_json()
    with desk.hub.db.write() as session:
        read.enrol(session, desk.id, [])
        session.add(
            StreamState(account_id=desk.id, stream=f"calendar:{NOA}:primary", records="calendar", title="Calendar",
                        mailbox=NOA, cursor=cursor, phase="incremental", epoch=3, trouble="auth", last_error="gone",
                        failures=4, last_run_at=now(), due_at=None)
        )  # fmt: skip
        row = session.get_one(Account, desk.id)
        row.health, row.health_text = Health.NEEDS_YOU, "gone"
        grant = session.scalars(select(OauthGrant)).one()
        grant.dead = "Google took back the permission."
    page = desk.admin.get("/connections").text
    assert "Connect again" in page
    assert "Mend the settings" not in page
    assert desk.connect().status_code == 303
    state = desk.states()[f"calendar:{NOA}:primary"]
    assert (state.cursor, state.epoch) == (cursor, 3)
    assert state.due_at is not None
    assert state.due_at <= now()
    assert state.lane == Lane.INTERACTIVE
    assert desk.account().health == Health.WORKING
    kept = desk.grant()
    assert kept is not None
    assert (kept.dead, kept.version) == ("", 2)
    assert "Connect again" not in desk.admin.get("/connections").text


def test_another_mailbox_than_before_is_refused(desk: Desk) -> None:
    desk.connect()
    before = desk.grant()
    back = desk.connect(who=ADAM)
    assert back.status_code == 422
    assert "You allowed another mailbox" in back.text
    assert ADAM in back.text
    after = desk.grant()
    assert before is not None
    assert after is not None
    assert after.sealed == before.sealed
    assert desk.account().settings["address"] == NOA


def test_a_paused_account_stays_paused(desk: Desk) -> None:
    desk.connect()
    desk.admin.post(f"{desk.path}/pause")
    assert desk.connect().status_code == 303
    assert (desk.account().state, desk.account().health) == ("paused", "paused")


def test_a_removed_account_is_connected_no_more(desk: Desk) -> None:
    back = desk.decide(desk.ask())
    desk.admin.post(f"{desk.path}/remove")
    assert desk.admin.get(back).status_code == 422
    assert desk.grant() is None


def test_a_token_service_that_is_away_leaves_all_as_it_was(desk: Desk) -> None:
    desk.google.faults.add("token_endpoint_unavailable")
    back = desk.connect()
    assert back.status_code == 422
    assert "cannot be reached just now" in back.text
    assert desk.grant() is None
    assert desk.connect().status_code == 303


def test_a_certificate_that_is_not_trusted_is_named(hub: Hub, google: GoogleSimulator, admin: Browser) -> None:
    desk = Desk(hub, google, admin, ca="")
    back = desk.connect()
    assert back.status_code == 422
    assert "certificate of Google" in back.text.replace("&#39;", "'")


def test_without_a_client_id_the_page_says_so(hub: Hub, google: GoogleSimulator, admin: Browser) -> None:
    desk = Desk(hub, google, admin, client_id="")
    answer = admin.post(f"{desk.path}/connect", on=desk.path)
    assert answer.status_code == 422
    assert "Something is missing in the settings." in answer.text


def test_a_service_account_asks_nobody(hub: Hub, google: GoogleSimulator, admin: Browser) -> None:
    desk = Desk(hub, google, admin, service_account=google.service_account_json(), mailboxes=NOA)
    assert 'id="access"' not in admin.get(desk.path).text
    assert admin.post(f"{desk.path}/connect", on=desk.path).status_code == 404


def test_only_pages_with_the_button_let_a_form_lead_to_the_page_of_consent(desk: Desk) -> None:
    google = desk.google.settings()["base_url"]
    for path in (desk.path, "/connections"):
        policy = desk.admin.get(path).headers["Content-Security-Policy"]
        assert f"; form-action 'self' {google}; base-uri" in policy, path
    for path in ("/", f"{desk.path}/settings", "/connections/new", "/settings"):
        assert "form-action 'self'; base-uri" in desk.admin.get(path).headers["Content-Security-Policy"], path


@pytest.mark.alike
@pytest.mark.parametrize("address", ["https://x; script-src *", "https://*", "https://a b", "javascript:x"])
def test_an_odd_address_never_becomes_a_part_of_the_policy(
    hub: Hub, google: GoogleSimulator, admin: Browser, address: str
) -> None:
    desk = Desk(hub, google, admin, base_url=address)
    policy = admin.get(desk.path).headers["Content-Security-Policy"]
    assert "form-action 'self'; base-uri" in policy
    assert "script-src 'self';" in policy


def test_a_new_account_leads_straight_to_its_consent(hub: Hub, google: GoogleSimulator, admin: Browser) -> None:
    known = google.settings()
    typed = {f"s-{name}": known[name] for name in ("client_id", "client_secret", "base_url", "ca")}
    made = admin.post("/connections/new/google", on="/connections/new/google", name="Noa's Google", **typed)
    assert made.status_code == 200, made.text
    assert "One step is left." in made.text
    assert known["base_url"] in made.headers["Content-Security-Policy"]
    with hub.db.read() as session:
        row = accounts.by_name(session, "Noa's Google")
    assert f'action="/connections/{row.public_id}/connect"' in made.text
