"""Logs: one short event a line with facts as keys, as JSON or for people; secrets never get through."""

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from typing import Any

import structlog

SECRET_KEYS = re.compile(r"secret|password|token|authorization|cookie|api_?key|private_?key", re.IGNORECASE)
HOOK_TOKEN = re.compile(r"(/api/cti/v1/|/hooks/(?=[^/?\s\"]{30,}))[^/?\s\"]+")
TICKET = re.compile(r"(/embed/[^\s\"?]*\?(?:[^\s\"#]*&)?ticket=)[^&\s\"#]+")
URL_PASSWORD = re.compile(r"(://[^:/@\s]+:)[^@\s]+@")


def setup(level: str, form: str) -> None:
    """Send structlog and the standard library's logging through one chain to standard error."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        masked,
    ]
    structlog.configure(
        # The level is the standard library's to know: a logger that was used once keeps what it was made with.
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    last = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if form == "json"
        # The renderer's own choice shows local variables where the package `rich` is installed: secrets among them.
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    logging.getLogger("uvicorn.access").disabled = True  # the web layer writes its own line a request
    for chatty in ("paramiko", "alembic", "uvicorn.error"):
        logging.getLogger(chatty).setLevel("WARNING")


def get(name: str) -> structlog.stdlib.BoundLogger:
    """Return a logger; `name` is the module's."""
    return structlog.stdlib.get_logger(module=name)


def masked(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Take out values whose key sounds like a secret, however deep, and tokens within addresses."""
    for key, value in event.items():
        event[key] = _masked(key, value)
    return event


def _masked(key: str, value: Any) -> Any:
    if SECRET_KEYS.search(key):
        return "***"
    match value:
        case str():
            return mask(value)
        case bytes():
            return f"{len(value)} bytes"  # a body, which is nobody's business here
        case Mapping():
            return {inner: _masked(str(inner), one) for inner, one in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_masked("", one) for one in value]
        case BaseException():
            return mask(str(value))
        case _:
            return value


def mask(text: str) -> str:
    """Return `text` without the token of a hook's address, the ticket of a frame's, and without a password in a URL."""
    return URL_PASSWORD.sub(r"\1***@", TICKET.sub(r"\1***", HOOK_TOKEN.sub(r"\1***", text)))
