"""Log lines: no secret, no body, no local variable ever gets into one, whoever writes it and in whatever form."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import structlog

from hub import log

SECRET = "Tr0ub4dor-and-3"
FORMS = ["json", "text"]


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:], root.level = handlers, level
    structlog.reset_defaults()


def written(capsys: pytest.CaptureFixture[str]) -> str:
    return capsys.readouterr().err


def fail() -> None:
    password_of_the_database = SECRET
    raise ValueError(f"it has {len(password_of_the_database)} letters")


@pytest.mark.parametrize("form", FORMS)
def test_a_traceback_shows_no_local_variable(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", form)
    for logger in (log.get("hub.test"), logging.getLogger("some.package")):
        try:
            fail()
        except ValueError:
            logger.exception("it failed")
        said = written(capsys)
        assert "it failed" in said
        assert "it has 15 letters" in said
        assert "Traceback" in said
        assert SECRET not in said


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "facts",
    [
        {"secret": SECRET},
        {"db_password": SECRET},
        {"api_key": SECRET},
        {"Authorization": f"Bearer {SECRET}"},
        {"hook_token": SECRET},
        {"settings": {"host": "pbx", "secret": SECRET}},
        {"tried": [{"name": "x", "private_key": SECRET}]},
        {"body": SECRET.encode()},
        {"url": f"postgresql://hub:{SECRET}@db/hub"},
        {"path": f"/api/cti/v1/{SECRET}"},
        {"paths": [f"/api/cti/v1/{SECRET}?x=1"]},
        {"error": ValueError(f"no answer from mysql://hub:{SECRET}@db/cdr")},
    ],
    ids=lambda facts: next(iter(facts)),
)
def test_a_secret_never_gets_through(form: str, facts: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", form)
    log.get("hub.test").info("something", **facts)

    said = written(capsys)
    assert "something" in said
    assert SECRET not in said


@pytest.mark.parametrize("form", FORMS)
def test_other_packages_go_through_the_same_sieve(form: str, capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", form)
    logging.getLogger("urllib3").warning("retrying %s", f"https://hub:{SECRET}@pbx/recordings/")
    logging.getLogger("werkzeug").info('"POST /api/cti/v1/%s HTTP/1.1" 200', SECRET)

    said = written(capsys)
    assert "retrying" in said
    assert "POST" in said
    assert SECRET not in said


def test_an_error_that_names_an_address_is_masked_in_its_traceback(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", "json")
    try:
        raise OSError(f"cannot reach mysql://hub:{SECRET}@db/cdr")
    except OSError:
        log.get("hub.test").exception("no records")

    line = json.loads(written(capsys))
    assert line["event"] == "no records"
    assert "cannot reach mysql://hub:***@db/cdr" in line["exception"]


def test_a_line_is_one_json_object_with_its_facts(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("info", "json")
    log.get("hub.test").info("stream read", stream="calls", records=12, name="נועה\nline")

    said = written(capsys)
    assert said.count("\n") == 1
    line = json.loads(said)
    assert (line["event"], line["stream"], line["records"], line["level"]) == ("stream read", "calls", 12, "info")
    assert line["module"] == "hub.test"
    assert line["timestamp"].endswith("Z")


def test_below_the_level_nothing_is_written(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("warning", "json")
    log.get("hub.test").info("not worth it")
    logging.getLogger("some.package").info("nor this")

    assert written(capsys) == ""


def test_the_masked_facts_are_not_those_of_the_caller(capsys: pytest.CaptureFixture[str]) -> None:
    """A log line must not change what it tells of."""
    log.setup("info", "json")
    settings = {"secret": SECRET, "hosts": ["a"]}
    log.get("hub.test").info("made", settings=settings)

    assert settings == {"secret": SECRET, "hosts": ["a"]}
    assert SECRET not in written(capsys)
