"""Pages in frames of other products: tickets, what the session of a frame may, and addresses of records elsewhere."""

import asyncio
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar, cast

import pytest
from sqlalchemy import select, update
from werkzeug.test import TestResponse

from hub import log
from hub.connector.crm import COMPANIES, CONTACTS, LEADS, TASKS
from hub.connector.stream import Lane, Remote
from hub.context import Hub
from hub.cti.models import Click
from hub.errors import UserError
from hub.identity import parties
from hub.identity.models import Link, PartyKind
from hub.intake import read, record_link
from hub.intake.models import LISTING, Account, StreamState
from hub.intake.read import Reader, Taker
from hub.live.events import Live
from hub.security import embedding, sessions, tokens, users
from hub.security.embedding import Page, Subject
from hub.security.models import Audit, EmbedTicket, Role, User, UserSession
from hub.security.policy import Person
from hub.store.base import now
from hub.web import auth
from hub.web.embedded import ENDPOINTS, HEADER
from hub.work.lease import claim, new_owner
from tests.fakes.api import ApiClient, Office, add_call, office
from tests.fakes.browser import PASSWORD, Browser
from tests.fakes.exchange import FakeExchange

CRM, OTHER = "https://crm.example", "https://other.example"
NUMBER = "+972542345678"
SYSTEM = Person(0, None, "", "test", Role.ADMIN)
TOKEN = re.compile(r'"Hub-Embed":"([\w-]{40,})"')


class Frame:
    """A page of ours in another product's frame, without a screen."""

    def __init__(self, desk: Office, page: TestResponse) -> None:
        found = TOKEN.search(page.text)
        assert found is not None, page.text
        self.page, self.token, self.client = page, str(found[1]), desk.app.test_client()

    def ask(self, method: str, path: str, **fields: str) -> TestResponse:
        headers = {HEADER: self.token, "HX-Request": "true"}
        return self.client.open(path, method=method, headers=headers, data=fields or None)


@pytest.fixture
def desk(hub: Hub) -> Office:
    made = office(hub, FakeExchange())
    with hub.db.write() as session:
        embedding.allow(session, SYSTEM, CRM)
    return made


@pytest.fixture
def as_admin(desk: Office) -> ApiClient:
    return desk.as_admin


def load(desk: Office, url: str) -> TestResponse:
    path = url.removeprefix(desk.hub.settings.public_url)
    return desk.app.test_client().get(path)


def frame(desk: Office, asker: ApiClient, **body: Any) -> Frame:
    made = asker.post("/embed-tickets", {"user": desk.agent.email, "origin": CRM, **body})
    assert made.status_code == 201, made.text
    page = load(desk, made.get_json()["url"])
    assert page.status_code == 200, page.text
    return Frame(desk, page)


def test_a_ticket_opens_one_page_once_and_only_in_frames_of_its_origin(desk: Office, as_admin: ApiClient) -> None:
    with desk.hub.db.write() as session:
        given = [parties.Given("phone", NUMBER)]
        dana = parties.create(session, None, PartyKind.PERSON, "Dana <b>Levi", given, region="IL")
    made = as_admin.post(
        "/embed-tickets", {"user": str(desk.agent.public_id), "origin": f"{CRM}/", "party": str(dana.public_id)}, "key"
    ).get_json()
    assert made["url"] == f"{desk.hub.settings.public_url}/embed/card?ticket={made['ticket']}"
    with desk.hub.db.read() as session:
        row = session.scalars(select(EmbedTicket)).one()
        assert row.token_hash == tokens.digest(made["ticket"])
        assert row.expires_at - now() < timedelta(seconds=61)
        assert session.scalars(select(Audit.actor).where(Audit.action == "embed.ticket")).all() == [desk.admin.email]
    # another page than the ticket is for opens nothing, and the ticket stays good
    assert load(desk, made["url"].replace("/card", "/pop")).status_code == 410
    again = as_admin.post(
        "/embed-tickets", {"user": desk.agent.email, "origin": CRM, "party": str(dana.public_id)}, "key"
    )
    url = again.get_json()["url"]
    assert url != made["url"], "the answer is a secret: it is kept for nobody"
    page = load(desk, url)
    assert page.status_code == 200
    assert "Dana &lt;b&gt;Levi" in page.text
    assert f'href="tel:{NUMBER}"' in page.text
    assert f"frame-ancestors {CRM}" in page.headers["Content-Security-Policy"]
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers
    spent = load(desk, url)
    assert spent.status_code == 410
    assert HEADER not in spent.text
    assert f"frame-ancestors {CRM}" in spent.headers["Content-Security-Policy"]
    for secret in ("nothing", "", "x" * 500, "\0"):
        nothing = desk.app.test_client().get("/embed/card", query_string={"ticket": secret})
        assert nothing.status_code == 404
        assert "frame-ancestors 'none'" in nothing.headers["Content-Security-Policy"]
    with desk.hub.db.read() as session:
        assert {(row.party, row.number) for row in session.scalars(select(EmbedTicket))} == {("", "")}
        kept = session.scalars(select(UserSession).where(UserSession.origin != "")).one()
        assert (kept.user_id, kept.origin) == (desk.agent.id, CRM)
        assert kept.expires_at - kept.created_at <= timedelta(hours=8)


def test_of_many_loads_at_once_one_gets_the_session(desk: Office, as_admin: ApiClient) -> None:
    url = as_admin.post("/embed-tickets", {"user": desk.agent.email, "origin": CRM, "page": "pop"}).get_json()["url"]
    with ThreadPoolExecutor(6) as several:
        pages = list(several.map(lambda _: load(desk, url).status_code, range(6)))
    assert sorted(pages) == [200, *[410] * 5]
    with desk.hub.db.read() as session:
        assert len(session.scalars(select(UserSession).where(UserSession.origin == CRM)).all()) == 1


def test_tickets_are_refused_for_strangers_late_ones_and_those_who_may_not(desk: Office, as_admin: ApiClient) -> None:
    agent, nobody = desk.agent.email, "018f0000-0000-7000-8000-000000000000"
    for body, status, field in (
        ({"user": agent, "origin": OTHER}, 422, "origin"),
        ({"user": agent, "origin": "http://crm.example"}, 422, "origin"),
        ({"user": agent, "origin": "*"}, 422, "origin"),
        ({"user": "nobody@example.com", "origin": CRM}, 422, "user"),
        ({"user": nobody, "origin": CRM}, 422, "user"),
        ({"user": agent, "origin": CRM, "party": nobody}, 422, "party"),
        ({"user": agent, "origin": CRM, "party": nobody, "number": "1"}, 422, ""),
        ({"user": agent, "origin": CRM, "page": "settings"}, 422, "page"),
    ):
        answer = as_admin.post("/embed-tickets", body)
        assert (answer.status_code, answer.get_json()["field"]) == (status, field), (body, answer.text)
    # an agent's own token speaks for that agent, and for nobody else
    assert desk.as_agent.post("/embed-tickets", {"user": agent, "origin": CRM}).status_code == 201
    assert desk.as_agent.post("/embed-tickets", {"user": desk.admin.email, "origin": CRM}).status_code == 403
    with desk.hub.db.write() as session:
        limited = tokens.add(session, "crm server", Role.ADMIN, scopes=["embed-tickets:write"])
    crm = ApiClient(desk.app.test_client(), limited)
    assert crm.post("/embed-tickets", {"user": agent, "origin": CRM}).status_code == 201
    assert crm.get("/parties").status_code == 403
    with desk.hub.db.write() as session:
        late, _until = embedding.issue(session, SYSTEM, desk.agent, CRM, Page.POP, Subject(number=NUMBER))
        session.execute(update(EmbedTicket).values(expires_at=now() - timedelta(seconds=1)))
        kept = session.scalars(select(EmbedTicket).where(EmbedTicket.number != "")).one()
        assert kept.number == NUMBER
        embedding.forget(session)
        session.refresh(kept)
        assert kept.number == ""
    assert load(desk, f"/embed/pop?ticket={late}").status_code == 410
    with desk.hub.db.write() as session:
        good, _until = embedding.issue(session, SYSTEM, desk.agent, CRM, Page.POP, Subject())
        users.disable(session, session.get_one(User, desk.agent.id))
    assert load(desk, f"/embed/pop?ticket={good}").status_code == 410
    assert as_admin.post("/embed-tickets", {"user": agent, "origin": CRM}).status_code == 422


def test_a_frame_may_what_the_dock_does_and_nothing_else(desk: Office, as_admin: ApiClient) -> None:
    with desk.hub.db.write() as session:
        given = [parties.Given("phone", NUMBER)]
        dana = parties.create(session, None, PartyKind.PERSON, "Dana", given, region="IL").public_id
        call = add_call(session, desk.account, "one", now(), [desk.agent], number=NUMBER).public_id
        strange = add_call(session, desk.account, "two", now(), [desk.colleague]).public_id
    pop = frame(desk, as_admin, page="pop")
    assert pop.ask("GET", f"/calls/{call}/card").status_code == 200
    assert pop.ask("GET", f"/calls/{strange}/card").status_code == 404, "one's own visibility"
    noted = pop.ask("POST", f"/calls/{call}/note", note="from the frame", outcome="")
    assert noted.status_code == 200, noted.text
    assert "data-saved" in noted.text
    assert "Dana" in pop.ask("GET", f"/embed/customers/{dana}").text
    assert "Dana" in pop.ask("GET", "/embed/customers?number=054-234-5678").text
    assert "Unknown number" in pop.ask("GET", "/embed/customers?number=%2B48221234567%00").text
    dialled = pop.ask("POST", "/dial", number=NUMBER)
    assert dialled.status_code == 200, dialled.text
    with desk.hub.db.read() as session:
        assert session.scalars(select(Click.user_id)).all() == [desk.agent.id]
    for method, path in (
        ("GET", "/"),
        ("GET", "/settings"),
        ("POST", "/settings"),
        ("GET", f"/customers/{dana}"),
        ("GET", "/calls"),
    ):
        answer = pop.ask(method, path)
        assert answer.status_code == 403, path
        assert "Set-Cookie" not in answer.headers
    known = {rule.endpoint for rule in desk.app.url_map.iter_rules()}
    assert known >= ENDPOINTS
    # its token is none of a cookie, a cookie's none of a frame, and a good cookie beside the header does not count
    browser = Browser(desk.app)
    with desk.hub.db.write() as session:
        users.set_password(session, session.get_one(User, desk.manager.id), PASSWORD)
        token = sessions.start(session, session.get_one(User, desk.agent.id), "", "", desk.hub.settings)
        assert sessions.look(session, token, desk.hub.settings, embedded=True) is None
        assert sessions.look(session, pop.token, desk.hub.settings) is None
    browser.sign_in(desk.manager.email)
    assert browser.is_signed_in()
    refused = browser.get("/calls/recent", Hub_Embed="wrong", HX_Request="true")
    assert refused.status_code == 401
    assert "HX-Redirect" not in refused.headers
    # without the header a form still needs its own token
    assert desk.app.test_client().post("/dial", data={"number": NUMBER}).status_code == 400


def test_the_session_of_a_frame_ends_with_its_user_and_with_its_origin(desk: Office, as_admin: ApiClient) -> None:
    def is_open(one: Frame) -> bool:
        answer = one.ask("GET", "/calls/recent?in=dock")
        assert answer.status_code in {200, 401}
        return answer.status_code == 200

    first, second = frame(desk, as_admin, page="pop"), frame(desk, as_admin)
    assert is_open(first)
    assert is_open(second)
    with desk.hub.db.write() as session:
        sessions.end_all(session, desk.agent.id)
    assert not is_open(first)
    with desk.hub.db.write() as session:
        users.set_password(session, session.get_one(User, desk.agent.id), PASSWORD)
    agent = Browser(desk.app)
    agent.sign_in(desk.agent.email)
    third, _fourth = frame(desk, as_admin), frame(desk, as_admin)
    shown = agent.get("/settings").text
    assert shown.count(CRM) == 1, "one line for all pages of a product"
    admin = Browser(desk.app)
    with desk.hub.db.write() as session:
        users.set_password(session, session.get_one(User, desk.admin.id), PASSWORD)
        waiting, _until = embedding.issue(session, SYSTEM, desk.agent, CRM, Page.CARD, Subject())
    admin.sign_in(desk.admin.email)
    listed = admin.get("/admin/embedding").text
    assert CRM in listed
    for wrong in (
        "http://crm.example",
        "https://crm.example/path",
        "https://*.example",
        "https://a@b.example",
        CRM,
        "x",
    ):
        assert admin.post("/admin/embedding", origin=wrong).status_code == 422, wrong
    assert admin.post("/admin/embedding", origin=f"{OTHER}:443/").status_code == 303
    with desk.hub.db.read() as session:
        by_origin = {row.origin: row.id for row in embedding.origins(session)}
    assert set(by_origin) == {CRM, OTHER}
    assert is_open(third)
    for _twice in range(2):
        assert admin.post(f"/admin/embedding/{by_origin[CRM]}/remove").status_code == 303
    assert not is_open(third)
    assert load(desk, f"/embed/card?ticket={waiting}").status_code == 404
    assert as_admin.post("/embed-tickets", {"user": desk.agent.email, "origin": CRM}).status_code == 422
    with desk.hub.db.write() as session:
        session.execute(update(UserSession).values(expires_at=now() - timedelta(days=2)))
        sessions.purge(session, now() - timedelta(days=90))
        assert {row.origin for row in session.scalars(select(UserSession))} == {""}, "those of frames go sooner"


def test_the_stream_takes_the_header_of_a_frame(desk: Office, as_admin: ApiClient) -> None:
    pop, hub = frame(desk, as_admin, page="pop"), desk.hub

    async def status(*headers: tuple[bytes, bytes]) -> int:
        live = Live(
            hub.bus, partial(auth.session_of, hub), partial(auth.in_force, hub), _nothing, 5.0,
            session_of_frame=partial(auth.session_of_frame, hub),
        )  # fmt: skip
        sent: list[Any] = []
        gone = asyncio.Event()

        async def send(message: Any) -> None:
            sent.append(message)
            gone.set()

        async def receive() -> Any:
            await gone.wait()
            return {"type": "http.disconnect"}

        await live({"type": "http", "method": "GET", "path": "/events", "headers": list(headers)}, receive, send)
        return int(sent[0]["status"])

    good, bad = (b"hub-embed", pop.token.encode()), (b"hub-embed", b"\xff wrong")
    assert asyncio.run(status(good)) == 200
    assert asyncio.run(status(bad)) == 401
    assert asyncio.run(status()) == 401
    assert asyncio.run(status((b"cookie", b"x=" + pop.token.encode()))) == 401


async def _nothing(*_: Any) -> None:
    raise AssertionError("only streams are asked for here")


def test_records_are_opened_where_they_came_from(desk: Office, as_admin: ApiClient) -> None:
    with desk.hub.db.write() as session:
        party = parties.create(session, None, PartyKind.PERSON, "Dana", region="IL")
        for remote_id in ("7/../x?y=<z>", "8"):
            session.add(
                Link(party_id=party.id, origin_party_id=party.id, account_id=desk.account.id, stream="contacts",
                     remote_id=remote_id)
            )  # fmt: skip
        users.set_password(session, session.get_one(User, desk.admin.id), PASSWORD)
        dana, account = party.public_id, session.get_one(Account, desk.account.id).public_id
    admin = Browser(desk.app)
    admin.sign_in(desk.admin.email)
    place = f"/connections/{account}"
    assert "crm.example/c" not in admin.get(f"/customers/{dana}").text
    for wrong in ("javascript:{external_id}", "https://crm.example/", "https://{external_id}.example/{external_id}"):
        refused = admin.post(f"{place}/record-url", record_url=wrong)
        assert refused.status_code == 422
        assert "record-url-error" in refused.text
    assert admin.post(f"{place}/record-url", record_url=" https://crm.example/c/{external_id} ").status_code == 303
    encoded = "https://crm.example/c/7%2F..%2Fx%3Fy%3D%3Cz%3E"
    page = admin.get(f"/customers/{dana}").text
    assert f'href="{encoded}"' in page
    assert 'href="https://crm.example/c/8"' in page
    card = frame(desk, as_admin, party=str(dana)).page.text
    assert f'href="{encoded}"' in card
    assert admin.post(f"{place}/record-url", record_url="").status_code == 303
    assert "crm.example/c" not in admin.get(f"/customers/{dana}").text


@dataclass
class Listed:
    """A stream, as far as a listing tells of it."""

    key: str
    title: str = ""
    mailbox: str = ""
    every: timedelta = timedelta(hours=1)
    full_every: timedelta | None = None

    @property
    def records(self) -> str:
        return f"{self.key}:book" if self.key == CONTACTS else self.key


class Crm:
    """A remote that knows where its records are looked at; of one kind it says what must never be a link."""

    templates: ClassVar = {
        CONTACTS: "https://crm.example/p/{external_id}",
        COMPANIES: "https://crm.example/o/{external_id}",
    }

    def streams(self) -> list[Listed]:
        return [Listed(key) for key in (CONTACTS, COMPANIES, LEADS, TASKS)]

    def record_url(self, records: str) -> str:
        return self.templates.get(records, "javascript:alert({external_id})" if records == LEADS else "")


class Silent:
    """The same one after an update, when it says nothing any more."""

    streams = Crm.streams


def test_a_connector_says_where_each_kind_of_its_records_is_opened(desk: Office, as_admin: ApiClient) -> None:
    kinds = {CONTACTS: f"{CONTACTS}:book", COMPANIES: COMPANIES, LEADS: LEADS}
    with desk.hub.db.write() as session:
        party = parties.create(session, None, PartyKind.PERSON, "Dana", region="IL")
        for kind, stream in kinds.items():
            session.add(
                Link(
                    party_id=party.id,
                    origin_party_id=party.id,
                    account_id=desk.account.id,
                    stream=stream,
                    remote_id=kind,
                )
            )
        account = session.get_one(Account, desk.account.id)
        account.facts = {"version": "20.6"}
        read.begin(session, account.id)
        users.set_password(session, session.get_one(User, desk.admin.id), PASSWORD)
        dana, place = party.public_id, f"/connections/{account.public_id}"

    def listed(remote: Any) -> Any:
        wanted = (StreamState.account_id == desk.account.id) & (StreamState.stream == LISTING)
        with desk.hub.db.write() as session:
            [lease] = claim(session, StreamState, wanted, owner=new_owner(), lease_s=60)
        opened = cast("Callable[[Account, Lane], Remote]", lambda _account, _lane: remote)
        Reader(desk.hub.db, opened, cast("Taker", None)).read(lease)
        with desk.hub.db.write() as session:
            session.execute(update(StreamState).where(wanted).values(due_at=now() - timedelta(seconds=1)))
            assert session.scalars(select(StreamState.last_error).where(wanted)).one() == ""
            return session.get_one(Account, desk.account.id).facts

    admin = Browser(desk.app)
    admin.sign_in(desk.admin.email)

    def opens() -> set[str]:
        """Where the records are opened: pages and API say the same."""
        shown = [admin.get(f"/customers/{dana}").text, frame(desk, as_admin, party=str(dana)).page.text]
        found = [set(re.findall(r'href="(https://crm\.example/[^"]+|javascript[^"]+)"', text)) for text in shown]
        told = {
            one["remote_id"]: one["record_url"] for one in as_admin.get(f"/parties/{dana}/links").get_json()["items"]
        }
        assert told.keys() == kinds.keys()
        assert found[0] == found[1] == set(told.values()) - {""}
        return found[0]

    assert opens() == set()
    assert listed(Crm()) == {"version": "20.6", "record_urls": Crm.templates}
    assert opens() == {"https://crm.example/p/contacts", "https://crm.example/o/companies"}
    assert "https://crm.example/o/{external_id}" in admin.get(f"{place}/settings").text
    assert admin.post(f"{place}/record-url", record_url="https://crm.example/own/{external_id}").status_code == 303
    assert opens() == {f"https://crm.example/own/{kind}" for kind in kinds}
    assert admin.post(f"{place}/record-url", record_url="").status_code == 303
    assert len(opens()) == 2
    assert listed(Silent()) == {"version": "20.6"}
    assert opens() == set()


def test_the_card_shows_what_the_customer_waits_for(desk: Office, as_admin: ApiClient) -> None:
    dana = as_admin.post("/parties", {"name": "Dana"}).get_json()["id"]
    assert "Open questions" not in frame(desk, as_admin, party=dana).page.text
    asked = [
        as_admin.post("/notes", {"party": dana, "text": f"Where is <b>{number}?", "kind": "question"}).get_json()["id"]
        for number in range(4)
    ]
    card = frame(desk, as_admin, party=dana)
    page = card.page.text
    assert re.search(r'Open questions <span class="num">\(4\)</span>', page)
    assert [page.count(f"Where is &lt;b&gt;{number}?") for number in range(3)] == [1, 1, 1], (
        "and not among the notes again"
    )
    assert "and 1 more" in page
    assert "/close" not in page, "a frame closes nothing"
    assert as_admin.post(f"/notes/{asked[0]}/close").status_code == 200
    assert "(3)</span>" in card.ask("GET", f"/embed/customers/{dana}").text


def test_a_number_of_another_page_is_asked_about_before_it_is_dialled(desk: Office) -> None:
    browser = Browser(desk.app)
    with desk.hub.db.write() as session:
        users.set_password(session, session.get_one(User, desk.agent.id), PASSWORD)
    browser.sign_in(desk.agent.email)
    asked = browser.get("/dial?number=tel%3A%2B972-54-234-5678")
    assert asked.status_code == 200
    assert 'value="+972-54-234-5678"' in asked.text
    with desk.hub.db.read() as session:
        assert session.scalars(select(Click)).all() == []
    assert "<script" not in browser.get("/dial?number=tel:<script>%00" + "9" * 5000).text.partition("<main")[2]


def test_origins_and_templates_and_logs_without_a_database() -> None:
    for text, origin in (
        ("https://CRM.Example", "https://crm.example"),
        ("https://crm.example:8443/", "https://crm.example:8443"),
        ("https://bücher.example", "https://xn--bcher-kva.example"),
        ("http://localhost:5000", "http://localhost:5000"),
        ("http://127.0.0.1", "http://127.0.0.1"),
        ("http://[::1]:80", "http://[::1]"),
    ):
        assert embedding.read_origin(text) == origin
    for text in (
        "", "crm.example", "//crm.example", "http://crm.example", "http://localhost.crm.example", "https://", "https://*",
        "https://crm.example/a", "https://crm.example?a", "https://crm.example#", "https://a:b@crm.example", "data:x",
        "https://crm.example; script-src *", "https://crm.example\nx", "https://crm.example:99999", "https://-a.example",
        "https://crm.example\\@evil.example", "null", "https://" + "a" * 300,
    ):  # fmt: skip
        with pytest.raises(UserError):
            embedding.read_origin(text)
    for template in (
        "https://crm.example/c", "ftp://crm.example/{external_id}", "javascript:alert('{external_id}')", "/c/{external_id}",
        "https://u@crm.example/{external_id}", "https://crm.example/{external_id}/{other}", "https://crm.example:x/{external_id}",
        'https://crm.example/"{external_id}', "https://crm.example/\n{external_id}", "https://" + "a" * 1000 + "/{external_id}",
    ):  # fmt: skip
        with pytest.raises(UserError):
            record_link.check(template)
        assert record_link.fill(template, "1") == ""
    assert (
        record_link.fill("http://crm.example/?id={external_id}#top", "a b&c=\udc80")
        == "http://crm.example/?id=a%20b%26c%3D%3F#top"
    )
    assert record_link.fill("", "1") == record_link.fill("https://crm.example/{external_id}", "") == ""
    assert log.mask("GET /embed/card?a=1&ticket=secret&b=2") == "GET /embed/card?a=1&ticket=***&b=2"
    assert log.mask("https://hub.example/embed/pop?ticket=se-cr_et") == "https://hub.example/embed/pop?ticket=***"
