"""What an answer with a stranger's file says, so that it is saved and never run."""

from urllib.parse import quote

FILE_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


def disposition(name: str) -> str:
    """Return the header that has a file saved under a name, also one that is not ASCII. Source: RFC 6266, appendix D."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\%' else "_" for c in name)
    written = f'attachment; filename="{plain}"'
    return written if plain == name else f"{written}; filename*=UTF-8''{quote(name, safe='')}"
