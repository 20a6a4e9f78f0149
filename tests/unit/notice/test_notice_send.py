"""Sending through a mail server: what went, what certainly did not, and what nobody knows."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from hub.errors import ConfigError, RejectedError, RetryLaterError, UserError
from hub.notice.carrier import Message, UnansweredError
from hub.notice.send import Smtp, open_smtp
from hub.records.mail import Address
from hub.settings import Settings, load
from tests.e2e.certificates import self_signed
from tests.fakes.servers import free_port
from tests.fakes.smtp import CONTENT, CUT, HOLD, SmtpServer

PASSWORD = "swordfish"


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return self_signed(tmp_path / "mail.pem")


@pytest.fixture
def server(certificate: Path) -> Iterator[SmtpServer]:
    with SmtpServer(certificate, user="hub", password=PASSWORD) as started:
        yield started


Way = Callable[..., Smtp]


def settings(tmp_path: Path, **smtp: Any) -> Settings:
    given = {"host": "127.0.0.1", "from": "hub@example.com", "timeout_s": 5, **smtp}
    return load(
        {"HUB_HOME": str(tmp_path)}, overrides={"smtp": given, "server": {"public_url": "https://hub.example.com"}}
    )


@pytest.fixture
def way(server: SmtpServer, certificate: Path, tmp_path: Path) -> Way:
    """The server as it is set up, with what a test sets otherwise."""

    def opened(**more: Any) -> Smtp:
        usual = {"port": server.port, "user": "hub", "password": PASSWORD, "ca_file": str(certificate)}
        made = open_smtp(settings(tmp_path, **{**usual, **more}))
        assert made is not None
        return made

    return opened


def message(to: str = "noa@example.com", **more: Any) -> Message:
    given = {"subject": "Google needs you", "text": "Text\n.\n..dots\n", "html": "<p>Text</p>", **more}
    return Message("0190-key", Address("Noa נועה", to), at=datetime(2026, 3, 1, 12, tzinfo=UTC), **given)


def test_a_mail_goes_encrypted_signed_in_and_whole(server: SmtpServer, way: Way) -> None:
    way().carry(message())

    [taken] = server.taken
    assert (taken.sender, taken.to, taken.encrypted) == ("hub@example.com", "noa@example.com", True)
    mail = taken.mail
    assert (mail["Subject"], mail["From"], mail["To"]) == (
        "Google needs you", "Hub <hub@example.com>", "Noa נועה <noa@example.com>",
    )  # fmt: skip
    assert mail["Auto-Submitted"] == "auto-generated"
    body = mail.get_body(("plain",))
    assert body is not None
    assert body.get_content().splitlines() == ["Text", ".", "..dots"]
    assert server.asked[0] == "ehlo hub.example.com"
    assert [line for line in server.asked if line.startswith("AUTH")]


def test_the_same_message_has_the_same_id_and_another_one_another(server: SmtpServer, way: Way) -> None:
    way().carry(message())
    way().carry(message())
    way().carry(Message("0190-other", Address("", "noa@example.com"), "x", "x", "", datetime.now(UTC)))
    first, again, other = (taken.message_id for taken in server.taken)
    assert first == again != other
    assert first.endswith("@example.com>")


def test_a_server_that_speaks_tls_from_the_beginning(certificate: Path, tmp_path: Path) -> None:
    with SmtpServer(certificate, implicit=True) as server:
        made = open_smtp(settings(tmp_path, port=server.port, security="tls", ca_file=str(certificate)))
        assert made is not None
        made.carry(message())
        assert server.taken[0].encrypted


def test_a_server_without_any_encryption_where_that_is_set(tmp_path: Path) -> None:
    with SmtpServer() as server:
        made = open_smtp(settings(tmp_path, port=server.port, security="none"))
        assert made is not None
        made.carry(message())
        assert not server.taken[0].encrypted


def test_nothing_is_said_to_a_server_that_does_not_encrypt(tmp_path: Path) -> None:
    with SmtpServer(user="hub", password=PASSWORD) as server:
        made = open_smtp(settings(tmp_path, port=server.port, user="hub", password=PASSWORD))
        assert made is not None
        with pytest.raises(RetryLaterError, match="STARTTLS"):
            made.carry(message())
        assert [line.partition(" ")[0] for line in server.asked] == ["ehlo"]


def test_a_certificate_of_an_unknown_authority_is_not_believed(server: SmtpServer, way: Way) -> None:
    with pytest.raises(RetryLaterError, match="certificate verify failed"):
        way(ca_file="").carry(message())
    assert not [line for line in server.asked if "AUTH" in line or "MAIL" in line]


def test_a_wrong_password_is_a_matter_of_settings_and_not_written_anywhere(server: SmtpServer, way: Way) -> None:
    with pytest.raises(RetryLaterError, match=r"refuses smtp.user and smtp.password \(535\)") as told:
        way(password="wrong-one").carry(message())
    assert "wrong-one" not in str(told.value)


@pytest.mark.parametrize(
    ("step", "answer", "error"),
    [
        ("connect", "421 busy", RetryLaterError),
        ("connect", "554 go away", RetryLaterError),
        ("connect", CUT, RetryLaterError),
        ("EHLO", CUT, RetryLaterError),
        ("STARTTLS", "454 not now", RetryLaterError),
        ("MAIL", "451 later", RetryLaterError),
        ("MAIL", "550 not from you", RetryLaterError),  # our settings, not this mail
        ("MAIL", CUT, RetryLaterError),
        ("RCPT", "450 greylisted", RetryLaterError),
        ("RCPT", "530 sign in first", RetryLaterError),
        ("RCPT", "550 no such user", RejectedError),
        ("RCPT", CUT, RetryLaterError),
        ("DATA", "451 later", RetryLaterError),
        ("DATA", "554 no", RejectedError),
        (CONTENT, "451 disk full", RetryLaterError),
        (CONTENT, "554 spam", RejectedError),
        (CONTENT, CUT, UnansweredError),
        (CONTENT, "what?", UnansweredError),
        (CONTENT, "250-" + "x" * 20000, UnansweredError),
    ],
)
def test_what_each_answer_means(server: SmtpServer, way: Way, step: str, answer: str, error: type[Exception]) -> None:
    server.answers[step] = answer
    with pytest.raises(error) as told:
        way().carry(message())
    assert type(told.value) is error
    assert len(str(told.value)) < 500
    assert len(server.taken) == (1 if error is UnansweredError else 0)


def test_a_server_that_does_not_answer_to_the_content_is_not_waited_for_without_end(
    server: SmtpServer, way: Way
) -> None:
    server.answers[CONTENT] = HOLD
    with pytest.raises(UnansweredError):
        way(timeout_s=2, security="none", user="").carry(message())


def test_a_server_that_hangs_before_has_certainly_sent_nothing(server: SmtpServer, way: Way) -> None:
    server.answers["RCPT"] = HOLD
    with pytest.raises(RetryLaterError) as told:
        way(timeout_s=0.3).carry(message())
    assert not isinstance(told.value, UnansweredError)


def test_no_server_at_all(tmp_path: Path) -> None:
    made = open_smtp(settings(tmp_path, port=free_port()))
    assert made is not None
    with pytest.raises(RetryLaterError, match="cannot be used"):
        made.carry(message())


def test_a_bad_goodbye_changes_nothing(server: SmtpServer, way: Way) -> None:
    server.answers["QUIT"] = CUT
    way().carry(message())
    assert len(server.taken) == 1


@pytest.mark.parametrize(
    "to", ["", "noa", "noa@example.com\r\nRCPT TO:<eve@example.com>", "a b@example.com", "é@example.com"]
)
def test_an_address_that_is_none_never_reaches_the_server(server: SmtpServer, way: Way, to: str) -> None:
    with pytest.raises(UserError):
        way().carry(message(to))
    assert not server.asked


def test_a_line_break_in_the_subject_never_reaches_the_server(server: SmtpServer, way: Way) -> None:
    with pytest.raises(UserError):
        way().carry(message(subject="x\r\nBcc: eve@example.com"))
    assert not server.asked


@pytest.mark.parametrize(
    ("smtp", "setting"),
    [
        ({"from": ""}, "smtp.from"),
        ({"from": "hub@localhost"}, "smtp.from"),
        ({"from": "hub@example.com\r\nBcc: eve@example.com"}, "smtp.from"),
        ({"user": "hub", "password": "x", "security": "none"}, "smtp.security"),
        ({"user": "hub"}, "smtp.password"),
    ],
)
def test_wrong_settings_are_named(tmp_path: Path, smtp: dict[str, str], setting: str) -> None:
    with pytest.raises(ConfigError, match=f"^{setting}: "):
        open_smtp(settings(tmp_path, **smtp))


def test_no_server_set_is_no_mistake(tmp_path: Path) -> None:
    assert open_smtp(load({"HUB_HOME": str(tmp_path)})) is None


def test_the_password_comes_from_the_environment_and_is_never_shown(tmp_path: Path) -> None:
    made = load({"HUB_HOME": str(tmp_path), "HUB_SMTP__PASSWORD": PASSWORD, "HUB_SMTP__FROM": "hub@example.com"})
    assert made.smtp.password.get_secret_value() == PASSWORD
    assert PASSWORD not in repr(made)


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://hub.example.com:8443", "hub.example.com"),
        ("http://127.0.0.1:8000", "[127.0.0.1]"),
        ("http://[::1]:8000", "[IPv6:::1]"),
        ("http://hub", "[127.0.0.1]"),
    ],
)
def test_what_we_call_ourselves(server: SmtpServer, certificate: Path, tmp_path: Path, url: str, name: str) -> None:
    given = {"host": "127.0.0.1", "port": server.port, "from": "hub@example.com", "ca_file": str(certificate)}
    made = open_smtp(load({"HUB_HOME": str(tmp_path)}, overrides={"smtp": given, "server": {"public_url": url}}))
    assert made is not None
    made.carry(message())
    assert server.asked[0] == f"ehlo {name}"
