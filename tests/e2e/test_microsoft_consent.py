"""Consent in the browser, against a simulated Microsoft: what is granted is kept, once, for the mailbox it belongs to."""

from collections.abc import Iterator
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
import requests
from sqlalchemy import select
from werkzeug.test import TestResponse

from connectors.microsoft import simulator as microsoft_simulator
from connectors.microsoft.settings import CALENDAR, CONTACTS, IDENTITY, MAIL, SEND
from connectors.microsoft.simulator import MicrosoftSimulator
from hub.connector.simulator import Faults
from hub.context import Hub
from hub.errors import AuthError, DisabledError, ScopeError
from hub.intake import accounts, grants, read
from hub.intake.models import Account, OauthGrant, StreamState
from hub.security.models import Choice
from tests.fakes.browser import Browser

NOA, ADAM = "noa@acme.example", "adam@acme.example"


@pytest.fixture
def microsoft() -> Iterator[MicrosoftSimulator]:
    simulator = microsoft_simulator.create(0, Faults())
    simulator.start()
    yield simulator
    simulator.stop()


class Desk:
    """An administrator with one account of Microsoft that nobody consented to yet."""

    def __init__(self, hub: Hub, microsoft: MicrosoftSimulator, admin: Browser, **settings: object) -> None:
        self.hub, self.microsoft, self.admin = hub, microsoft, admin
        microsoft.oauth.redirect_uris = {f"{hub.settings.public_url}/oauth/callback"}
        known = {name: one for name, one in microsoft.settings().items() if name not in ("refresh_token", "address")}
        self.ca = known["ca"]
        with hub.db.write() as session:
            values = {**known, "timeout_s": 5, **settings}
            row = accounts.create(session, hub.connectors["microsoft"], hub.vault, "Microsoft", values)
            self.id, self.path = row.id, f"/connections/{row.public_id}"

    def ask(self) -> str:
        """Press Connect; returns where the browser is sent."""
        answer = self.admin.post(f"{self.path}/connect", on=self.path)
        assert answer.status_code == 303, answer.text
        return str(answer.location)

    def decide(self, address: str, *, who: str = NOA, answer: str = "allow", only: tuple[str, ...] = ()) -> str:
        """Fill in the sign-in page; returns where the browser is sent back to, without the host."""
        asked = dict(parse_qsl(urlsplit(address).query))
        form = [*asked.items(), ("account", who), ("answer", answer)]
        form += [("allowed", scope) for scope in only or asked["scope"].split()]
        page = urlsplit(address)._replace(query="").geturl()
        return self.back(requests.post(page, data=form, verify=self.ca, timeout=5, allow_redirects=False))

    def back(self, sent: requests.Response) -> str:
        assert sent.status_code == 302, sent.text
        base = self.hub.settings.public_url
        assert sent.headers["Location"].startswith(f"{base}/oauth/callback?")
        return sent.headers["Location"].removeprefix(base)

    def connect(self, **how: object) -> TestResponse:
        """Go all the way."""
        return self.admin.get(self.decide(self.ask(), **how))  # type: ignore[arg-type]  # as of decide

    def account(self) -> Account:
        with self.hub.db.read() as session:
            return session.get_one(Account, self.id)

    def grant(self) -> OauthGrant | None:
        with self.hub.db.read() as session:
            return session.scalar(select(OauthGrant).where(OauthGrant.account_id == self.id))


@pytest.fixture
def desk(hub: Hub, microsoft: MicrosoftSimulator, admin: Browser) -> Desk:
    return Desk(hub, microsoft, admin)


def test_the_question_says_what_is_wanted_and_keeps_its_secret(desk: Desk) -> None:
    address = desk.ask()
    asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
    tenant = desk.microsoft.oauth.tenant_id
    assert address.startswith(f"{desk.microsoft.world.base_url}/{tenant}/oauth2/v2.0/authorize?")
    assert (asked["response_type"], asked["response_mode"], asked["prompt"]) == ("code", "query", "select_account")
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == f"{desk.hub.settings.public_url}/oauth/callback"
    assert set(asked["scope"].split()) == {*IDENTITY, MAIL, SEND, CALENDAR, CONTACTS}
    assert "code_verifier" not in asked
    assert desk.microsoft.oauth.client_secret not in address
    with desk.hub.db.read() as session:
        [kept] = session.scalars(select(Choice).where(Choice.key.startswith("consent"))).all()
    assert asked["state"] not in str(kept.value)
    assert asked["nonce"] not in str(kept.value)
    assert desk.ask() != address


def test_what_was_allowed_is_kept_and_reading_begins(desk: Desk) -> None:
    back = desk.connect()
    assert (back.status_code, back.location) == (303, f"{desk.path}?connected=1")
    assert NOA in desk.admin.get(back.location).text
    kept = desk.grant()
    assert kept is not None
    assert desk.account().settings["address"] == NOA
    with desk.hub.db.read() as session:
        grant = grants.granted(session, desk.hub.vault, desk.id)
        listing = session.scalars(select(StreamState).where(StreamState.stream == read.LISTING)).one()
    assert listing.due_at is not None
    assert grant is not None
    assert grant.refresh_token in desk.microsoft.oauth.grants
    assert {MAIL, SEND, CALENDAR, CONTACTS} <= set(grant.scopes)
    assert grant.refresh_token not in kept.sealed
    again = {name: one[0] for name, one in parse_qs(urlsplit(desk.ask()).query).items()}
    assert again["login_hint"] == NOA, "who is known is not asked which account it is"
    assert "prompt" not in again


def test_a_person_who_says_no_changes_nothing(desk: Desk) -> None:
    back = desk.connect(answer="deny")
    assert back.status_code == 422
    assert "Access was not allowed on the other page." in back.text
    assert desk.grant() is None


def test_what_was_not_allowed_is_named_and_the_rest_works(desk: Desk) -> None:
    desk.admin.get(desk.connect(only=(*IDENTITY, CALENDAR, MAIL)).location)  # Mail.Send is missing
    page = desk.admin.get(desk.path).text
    assert page.count("This was not allowed, so it is not read.") == 2
    assert "Mail</span>" in page
    assert "Contacts</span>" in page
    assert "Calendar</span>" not in page
    remote = desk.hub.remotes.open(desk.account())
    kinds = {stream.key.partition(":")[0]: stream for stream in remote.streams()}
    assert kinds.keys() == {"mail", "calendar", "contacts"}
    assert kinds["calendar"].pull(kinds["calendar"].begin())
    with pytest.raises(ScopeError):
        kinds["contacts"].pull(kinds["contacts"].begin())


def test_an_access_that_does_not_last_is_refused(desk: Desk) -> None:
    desk.microsoft.faults.add("no_refresh_token")
    assert desk.connect().status_code == 422
    assert desk.grant() is None
    assert desk.connect().status_code == 303


def test_a_policy_of_the_organisation_is_said_in_words(desk: Desk) -> None:
    address = desk.ask()
    desk.microsoft.faults.add("conditional_access")
    back = desk.back(requests.get(address, verify=desk.ca, timeout=5, allow_redirects=False))
    answer = desk.admin.get(back)
    assert answer.status_code == 422
    assert "conditional access policy" in answer.text
    assert "AADSTS53003" in answer.text
    assert desk.grant() is None


def test_an_administrator_who_must_consent_is_named(desk: Desk) -> None:
    state = parse_qs(urlsplit(desk.ask()).query)["state"][0]
    said = "AADSTS90094: An administrator must grant it."
    back = desk.admin.client.get(
        "/oauth/callback", query_string={"state": state, "error": "access_denied", "error_description": said}
    )
    assert back.status_code == 422
    assert "Grant admin consent" in back.text
    assert desk.grant() is None


def test_a_stolen_code_is_worth_nothing_elsewhere(desk: Desk) -> None:
    back = desk.decide(desk.ask())
    code = parse_qs(urlsplit(back).query)["code"][0]
    state = parse_qs(urlsplit(desk.ask()).query)["state"][0]  # another visit: its secret does not fit the code
    answer = desk.admin.get(f"/oauth/callback?state={state}&code={code}")
    assert answer.status_code == 422
    assert desk.grant() is None


def test_an_answer_counts_once(desk: Desk) -> None:
    back = desk.decide(desk.ask())
    assert desk.admin.get(back).status_code == 303
    assert desk.admin.get(back).status_code == 422


def test_another_mailbox_than_before_is_refused(desk: Desk) -> None:
    desk.connect()
    before = desk.grant()
    back = desk.connect(who=ADAM)
    assert back.status_code == 422
    assert ADAM in back.text
    after = desk.grant()
    assert before is not None
    assert after is not None
    assert after.sealed == before.sealed


def test_a_wrong_secret_is_said_where_somebody_can_mend_it(
    hub: Hub, microsoft: MicrosoftSimulator, admin: Browser
) -> None:
    desk = Desk(hub, microsoft, admin, client_secret="wrong")
    back = desk.connect()
    assert back.status_code == 422
    assert "AADSTS7000215" in back.text
    assert desk.grant() is None


def test_a_token_service_that_is_away_leaves_all_as_it_was(desk: Desk) -> None:
    desk.microsoft.faults.add("token_endpoint_unavailable")
    assert desk.connect().status_code == 422
    assert desk.grant() is None
    assert desk.connect().status_code == 303


def test_without_a_secret_the_page_says_so(hub: Hub, microsoft: MicrosoftSimulator, admin: Browser) -> None:
    desk = Desk(hub, microsoft, admin, client_secret="")
    answer = admin.post(f"{desk.path}/connect", on=desk.path)
    assert answer.status_code == 422
    assert "Something is missing in the settings." in answer.text


def test_an_app_that_asks_for_itself_asks_nobody(hub: Hub, microsoft: MicrosoftSimulator, admin: Browser) -> None:
    desk = Desk(hub, microsoft, admin, app_only=True, mailboxes=f"{NOA}\n{ADAM}")
    assert 'id="access"' not in admin.get(desk.path).text
    assert admin.post(f"{desk.path}/connect", on=desk.path).status_code == 404
    remote = hub.remotes.open(desk.account())
    assert {stream.mailbox for stream in remote.streams()} == {NOA, ADAM}
    assert len([one for one in microsoft.sign_in.token_requests if one["grant_type"] == "client_credentials"]) == 1


def test_a_mailbox_without_a_licence_stops_no_other(hub: Hub, microsoft: MicrosoftSimulator, admin: Browser) -> None:
    microsoft.add_user("new@acme.example", "New", licensed=False)
    desk = Desk(hub, microsoft, admin, app_only=True, mailboxes=f"new@acme.example\n{NOA}")
    streams = hub.remotes.open(desk.account()).streams()
    assert {stream.mailbox for stream in streams} == {NOA, "new@acme.example"}
    for stream in streams:
        if stream.mailbox == NOA:
            assert stream.pull(stream.begin()) is not None
        else:
            with pytest.raises(DisabledError, match="licence"):
                stream.pull(stream.begin())


def test_a_secret_that_ended_does_not_end_the_consent(desk: Desk) -> None:
    desk.connect()
    own = desk.microsoft.oauth.client_secret
    desk.microsoft.oauth.access_token_s = 1.0  # from now on each use needs a new one
    with desk.hub.db.write() as session:
        row = session.scalars(select(OauthGrant)).one()
        grant = grants.granted(session, desk.hub.vault, desk.id)
        assert grant is not None
        grants.keep(
            session, desk.hub.vault, desk.id, row.mailbox, type(grant)(grant.refresh_token, scopes=grant.scopes)
        )
    desk.microsoft.oauth.client_secret = "a new one"
    with pytest.raises(Exception, match="AADSTS7000215") as caught:
        desk.hub.remotes.open(desk.account()).streams()
    assert not isinstance(caught.value, AuthError)
    desk.microsoft.oauth.client_secret = own
    assert desk.hub.remotes.open(desk.account()).streams()
