"""Where a record is looked at in the system that it came from: a template, filled with the record's id.

An administrator sets one for everything that an account has; else the connector's own count, one for each kind of records,
which the hub asks for when it lists the account's streams and keeps in the account's facts.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, urlsplit

from hub import log
from hub.connector.crm import HasRecordUrls
from hub.errors import UserError

PLACE = "{external_id}"
FACT = "record_urls"  # among the facts of an account: the connector's templates by kind of records
LONGEST = 1000
_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:]+", re.IGNORECASE)
_log = log.get(__name__)


def check(template: str) -> str:
    """Return a template that is fit to be kept; an empty one is none.

    Raises:
        UserError: it is no address of the web, or has no place for the id, or has it where the host stands.
    """
    template = template.strip()
    if template and not _is_good(template):
        raise UserError(
            f"Write an address that begins with https:// and has {PLACE} where the record's id belongs.",
            error_id="bad_record_url",
            field="record_url",
        )
    return template


def offered(remote: object, streams: Iterable[str]) -> dict[str, str]:
    """Ask a remote for its templates, by kind of records; one that is not fit to be a link is left out.

    Args:
        streams: of records, such as `contacts` or `contacts:book`.
    """
    if not isinstance(remote, HasRecordUrls):
        return {}
    said = {kind: remote.record_url(kind) for kind in sorted({_kind(stream) for stream in streams})}
    for kind, template in said.items():
        if template and not _is_good(template):
            _log.warning("a connector's address of records is none", records=kind)
    return {kind: template for kind, template in said.items() if template and _is_good(template)}


def template_of(own: str, facts: Mapping[str, Any], stream: str) -> str:
    """Return the template for the records of a stream; empty: there is none.

    Args:
        own: the administrator's.
        facts: of the account.
    """
    return own or str(facts.get(FACT, {}).get(_kind(stream), ""))


def _kind(stream: str) -> str:
    return stream.partition(":")[0]


def fill(template: str, remote_id: str) -> str:
    """Return the address of a record; empty where there is no template, or one that is not good any more.

    The id comes from the remote: whatever is in it stays one part of the address.
    """
    if not template or not remote_id or not _is_good(template):
        return ""
    return template.replace(PLACE, quote(remote_id.encode("utf-8", "replace"), safe=""))


def _is_good(template: str) -> bool:
    if len(template) > LONGEST or not template.isprintable() or any(c in ' "<>\\^`|' for c in template):
        return False
    try:
        parts = urlsplit(template)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        return False
    rest = f"{parts.path}?{parts.query}#{parts.fragment}"
    return (
        parts.scheme in {"http", "https"}
        and _HOST.fullmatch(host) is not None
        and "@" not in parts.netloc
        and PLACE in rest
        and not set("{}") & set(template.replace(PLACE, ""))
    )
