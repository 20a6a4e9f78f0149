"""Orders to the telephone system, recordings from it, and the simulator that posts like one."""

import hashlib
import hmac
import io
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from werkzeug.wrappers import Request

from connectors.phonehook import CONNECTOR
from connectors.phonehook.exchange import PhoneHookExchange
from connectors.phonehook.message import HookMessage
from connectors.phonehook.recordings import address
from connectors.phonehook.settings import PhoneHookSettings
from connectors.phonehook.simulator import HookPbx, create
from connectors.phonehook.webhook import receive
from hub.connector.contract import Account
from hub.connector.exchange import DialOrder
from hub.connector.hook import Hook
from hub.connector.simulator import Faults
from hub.errors import GoneError, HubError, RejectedError, RetryLaterError

ORDER = DialOrder("order-7", "101", "0201234567")


@pytest.fixture
def pbx() -> Iterator[HookPbx]:
    pbx = create(0, Faults())
    pbx.start()
    yield pbx
    pbx.stop()


@pytest.fixture
def exchange(pbx: HookPbx) -> PhoneHookExchange:
    return PhoneHookExchange(_account(**pbx.settings(), timeout_s=2))


def _account(**settings: Any) -> Account[PhoneHookSettings]:
    return Account(1, "desk", PhoneHookSettings(**settings), "IL", "UTC")


class TestOrders:
    def test_a_click_is_posted_and_signed(self, pbx: HookPbx, exchange: PhoneHookExchange) -> None:
        exchange.dial(ORDER)

        (order,) = pbx.orders
        signature = order.pop("signature")
        assert order == {"extension": "101", "number": "0201234567", "id": "order-7"}
        body = json.dumps(order).encode()
        assert signature == "sha256=" + hmac.new(pbx.secret.encode(), body, hashlib.sha256).hexdigest()

    def test_a_refusal_is_final(self, pbx: HookPbx, exchange: PhoneHookExchange) -> None:
        pbx.faults.add("refuse")

        with pytest.raises(RejectedError, match="409"):
            exchange.dial(ORDER)

    def test_silence_is_not_tried_again_because_the_phone_may_ring(self, pbx: HookPbx) -> None:
        pbx.faults.add("hang")

        with pytest.raises(RejectedError, match="look whether your phone rings"):
            PhoneHookExchange(_account(**pbx.settings(), timeout_s=0.2)).dial(ORDER)

    def test_a_closed_port_may_be_tried_later(self) -> None:
        with pytest.raises(RetryLaterError):
            PhoneHookExchange(_account(dial_url="http://127.0.0.1:1/dial")).dial(ORDER)

    def test_without_an_address_there_is_no_click_to_dial(self) -> None:
        with pytest.raises(RejectedError, match="takes no orders"):
            PhoneHookExchange(_account()).dial(ORDER)

    @pytest.mark.parametrize(
        "order",
        [
            lambda exchange: exchange.hang_up("HOOK/101-01234567"),
            lambda exchange: exchange.transfer("HOOK/101-01234567", "102"),
            lambda exchange: exchange.pause_recording("HOOK/101-01234567", paused=True),
        ],
    )
    def test_control_of_running_calls_is_refused(self, exchange: PhoneHookExchange, order: Any) -> None:
        with pytest.raises(RejectedError, match="no control"):
            order(exchange)


def test_listening_ends_with_stop_and_history_is_empty(exchange: PhoneHookExchange) -> None:
    class Sink:
        facts: Any = None

        def connected(self, facts: Any) -> None:
            self.facts = facts

    sink, stop = Sink(), threading.Event()
    stop.set()
    exchange.listen(sink, stop)  # type: ignore[arg-type]  # the rest of a sink is not used

    assert sink.facts == {"by": "webhook"}
    assert list(exchange.history(None, None, None)) == []  # type: ignore[arg-type]  # it looks at none of them


class TestRecordings:
    def test_a_recording_is_read_whole_and_from_the_middle(self, pbx: HookPbx, exchange: PhoneHookExchange) -> None:
        place = f"{pbx.settings()['recordings_url']}2026/1.wav"
        facts = exchange.recording_facts(place)

        assert (facts.size, facts.content_type) == (32_044, "audio/wav")
        with exchange.open_recording(place) as whole, exchange.open_recording("2026/1.wav", start=40) as rest:
            assert whole.read()[40:] == rest.read()

    def test_one_that_is_not_there_is_gone(self, exchange: PhoneHookExchange) -> None:
        with pytest.raises(GoneError):
            exchange.recording_facts("nothing.mp3")

    @pytest.mark.parametrize(
        "place",
        [
            "http://169.254.169.254/latest/meta-data",
            "https://pbx.example/recordings/1.wav",  # another scheme
            "http://pbx.example:81/recordings/1.wav",
            "http://pbx.example@evil.example/recordings/1.wav",
            "http://user@pbx.example/recordings/1.wav",
            "http://pbx.example/other/1.wav",
            "http://pbx.example/recordings/../1.wav",
            "http://pbx.example/recordings/%2e%2e/1.wav",
            "//evil.example/1.wav",
            "../1.wav",
            "file:///etc/passwd",
            "",
        ],
    )
    def test_a_place_elsewhere_is_refused(self, place: str) -> None:
        with pytest.raises(RejectedError):
            address(PhoneHookSettings(recordings_url="http://pbx.example/recordings/"), place)

    def test_without_an_address_nothing_is_fetched(self) -> None:
        with pytest.raises(RejectedError, match="no place"):
            PhoneHookExchange(_account()).recording_facts("1.wav")


class _Hub:
    """A web server that takes hooks as the hub does."""

    def __init__(self, account: Account[PhoneHookSettings]) -> None:
        self.heard: list[HookMessage] = []
        self.errors: list[type[HubError]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                path, _, query = self.path.partition("?")
                environ = {
                    "REQUEST_METHOD": "POST",
                    "PATH_INFO": path,
                    "QUERY_STRING": query,
                    "CONTENT_TYPE": self.headers["Content-Type"],
                    "CONTENT_LENGTH": str(len(body)),
                    "wsgi.input": io.BytesIO(body),
                    "SERVER_NAME": "x",
                    "SERVER_PORT": "80",
                    "wsgi.url_scheme": "http",
                }
                request = Request(environ)
                headers = {name.lower(): value for name, value in self.headers.items()}
                form, args = dict(request.form.lists()), dict(request.args.lists())
                status, answer = hub.take(account, Hook(body, headers, request.mimetype, form, args))
                self.send_response(status)
                self.send_header("Content-Length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as in the base class
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/api/cti/v1/token"

    def take(self, account: Account[PhoneHookSettings], hook: Hook) -> tuple[int, bytes]:
        try:
            received = receive(account, hook)
        except HubError as error:
            self.errors.append(type(error))
            return 422, b""
        self.heard += [HookMessage.load(raw) for raw in received.heard]
        return 200, json.dumps(received.answer).encode()

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join(5)
        self.server.server_close()


@pytest.fixture
def hub(pbx: HookPbx) -> Iterator[_Hub]:
    hub = _Hub(_account(**pbx.settings()))
    pbx.hub_url = hub.url
    yield hub
    hub.close()


class TestSimulator:
    @pytest.mark.parametrize("form", ["", "form=always", "multipart=always"])
    def test_a_whole_call_arrives_in_each_form(self, pbx: HookPbx, hub: _Hub, form: str) -> None:
        if form:
            pbx.faults.add(form)
        pbx.ring_in("0612345678", "5550100", ["Noa Levi", "102"], answer="102")

        assert [message.event for message in hub.heard] == ["newCall", "answer", "hangup"]
        assert hub.heard[0].users == ("Noa Levi", "102")
        assert hub.heard[1].users == ("102",)
        assert [status for status, _ in pbx.answers] == [200, 200, 200]

    @pytest.mark.parametrize("fault", ["huge", "bad_signature", "query"])
    def test_what_is_against_the_contract_is_refused(self, pbx: HookPbx, hub: _Hub, fault: str) -> None:
        pbx.faults.add(fault)
        pbx.ring_in("0612345678", "5550100", ["101"])

        assert [message.event for message in hub.heard] == ["hangup"]
        assert len(hub.errors) == 1

    def test_repeats_and_disorder_arrive_as_ordered(self, pbx: HookPbx, hub: _Hub) -> None:
        pbx.faults.add("swapped")
        pbx.faults.add("twice")
        pbx.ring_in("0612345678", "5550100", ["101"], answer="101")

        assert [message.event for message in hub.heard] == ["answer", "answer", "newCall", "hangup"]

    def test_a_missing_hangup_is_missing(self, pbx: HookPbx, hub: _Hub) -> None:
        pbx.faults.add("no_hangup")
        pbx.ring_in("0612345678", "5550100", ["101"])

        assert [message.event for message in hub.heard] == ["newCall"]

    @pytest.mark.parametrize("form", ["", "form"])
    def test_latin_1_names_are_read(self, pbx: HookPbx, hub: _Hub, form: str) -> None:
        pbx.faults.add("latin1")
        if form:
            pbx.faults.add(form)
        call = {"event": "newCall", "from": "1", "to": "2", "direction": "in", "callId": "c", "name": "José"}
        pbx.send(call)

        assert [message.name for message in hub.heard] == ["José"]


def test_the_connector_offers_what_the_hub_asks_for() -> None:
    assert (CONNECTOR.name, CONNECTOR.receive) == ("phonehook", receive)
    assert CONNECTOR.exchange is PhoneHookExchange
