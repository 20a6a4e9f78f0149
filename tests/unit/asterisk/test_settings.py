"""The connect form of an Asterisk account."""

import pytest
from pydantic import ValidationError

from connectors.asterisk.settings import AsteriskSettings

NEEDED = {"host": "pbx.example", "username": "hub", "secret": "s3cret"}


def settings(**values: object) -> AsteriskSettings:
    return AsteriskSettings.model_validate(NEEDED | values)


def test_host_user_and_secret_are_enough() -> None:
    made = settings()
    assert (made.port, made.tls, made.context, made.agi_port) == (5038, False, "from-internal", 0)


def test_the_secret_is_not_shown() -> None:
    assert "s3cret" not in repr(settings()) + str(settings().model_dump())


def test_a_password_in_the_address_of_the_records_is_not_shown() -> None:
    assert "pw" not in repr(settings(cdr_source="mysql://u:pw@db/cdr"))


def test_texts_of_the_command_line_become_values() -> None:
    made = settings(port="5039", tls="true", keepalive_s="5")
    assert (made.port, made.tls, made.keepalive_s) == (5039, True, 5.0)


@pytest.mark.parametrize(
    "given",
    [
        "/var/spool/asterisk/monitor=/mnt/a\n/old=/mnt/b",
        {"/var/spool/asterisk/monitor": "/mnt/a", "/old": "/mnt/b"},
        '{"/var/spool/asterisk/monitor": "/mnt/a", "/old": "/mnt/b"}',
        "/var/spool/asterisk/monitor=/mnt/a; /old=/mnt/b",
    ],
)
def test_folder_names_may_be_lines_a_mapping_or_json(given: object) -> None:
    assert settings(prefix_map=given).prefixes == (("/var/spool/asterisk/monitor", "/mnt/a"), ("/old", "/mnt/b"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("host", "a b"),
        ("host", "https://pbx"),
        ("host", ""),
        ("username", "hub\r\nAction: Command"),
        ("secret", "x\r\nAction: Command"),
        ("context", "from internal"),
        ("context", "x,1)"),
        ("originate_channel", "PJSIP/101"),
        ("port", 0),
        ("agi_allow", "somewhere"),
        ("prefix_map", "/only/one"),
        ("recordings_root", "ftp://pbx/x"),
        ("cdr_source", "oracle://x"),
        ("unknown", "x"),
    ],
)
def test_what_cannot_work_is_refused_before_it_is_saved(field: str, value: object) -> None:
    with pytest.raises(ValidationError) as refused:
        settings(**{field: value})
    assert "s3cret" not in str(refused.value)


def test_blocked_prefixes_lose_what_is_no_digit() -> None:
    assert settings(blocked_prefixes="0900, +1 900\n").blocked == ("0900", "+1900")
