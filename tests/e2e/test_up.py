"""`hub up` as a newcomer starts it: the demo with its sign-ins and its calls, HTTPS, and a first start without a demo."""

import re
from pathlib import Path

import requests

from tests.e2e.calls import environment, until
from tests.e2e.certificates import self_signed
from tests.e2e.processes import HubProcess

SIGN_IN = re.compile(r"^  (\w+) +(\S+@\S+) +password (\S+)$", re.MULTILINE)
CARDS = re.compile(r"^hub_pops_total [1-9]", re.MULTILINE)
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')


def test_the_demo_prints_sign_ins_that_work_and_calls_ring_at_its_people(tmp_path: Path, database_url: str) -> None:
    with HubProcess(tmp_path, environment(tmp_path, database_url), "up", "--demo", "--port", "0") as process:
        address = process.address()
        people = until(lambda: SIGN_IN.findall(process.text), why=lambda: process.text)
        assert address.startswith("http://127.0.0.1:")
        assert {role for role, _, _ in people} == {"agent", "manager", "admin"}
        for _, email, password in people:
            with requests.Session() as browser:
                form = browser.get(f"{address}/login", timeout=30).text
                [token] = TOKEN.findall(form)[:1]
                fields = {"csrf_token": token, "email": email, "password": password}
                answer = browser.post(f"{address}/login", data=fields, timeout=30)
                assert (answer.status_code, answer.url) == (200, f"{address}/"), email
        until(lambda: CARDS.search(requests.get(f"{address}/metrics", timeout=30).text), why="no card was shown")
        process.end()
    assert not any(password in process.text.partition("Stop with")[2] for _, _, password in people), "only shown once"


def test_the_demo_stays_on_this_machine(tmp_path: Path, database_url: str) -> None:
    process = HubProcess(tmp_path, environment(tmp_path, database_url), "up", "--demo", "--host", "0.0.0.0")
    process.start()
    assert process.process is not None
    assert process.process.wait(60) == 1
    assert process.text.startswith("hub: server.host")


def test_with_a_certificate_it_speaks_https(tmp_path: Path, database_url: str) -> None:
    pem = str(self_signed(tmp_path / "hub.pem"))
    words = ("up", "--port", "0", "--tls-cert", pem, "--tls-key", pem)
    with HubProcess(tmp_path, environment(tmp_path, database_url), *words) as process:
        until(lambda: "/setup" in process.text, 60, why=lambda: process.text)
        [address] = re.findall(r"is open at (https://\S+)", process.text)
        assert f"{address}/setup and enter the code" in process.text
        answer = requests.get(f"{address}/login", verify=pem, timeout=30)
        assert "Secure" in answer.headers["Set-Cookie"]
        assert "Strict-Transport-Security" in answer.headers
