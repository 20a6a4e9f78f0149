"""Where a record is looked at in the system that it came from: a template of the account, filled with the record's id."""

import re
from urllib.parse import quote, urlsplit

from hub.errors import UserError

PLACE = "{external_id}"
LONGEST = 1000
_HOST = re.compile(r"[a-z0-9.-]+|[0-9a-f:]+", re.IGNORECASE)


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


def fill(template: str, remote_id: str) -> str:
    """Return the address of a record; empty where the account has no template, or one that is not good any more.

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
