"""What a picture is, by its first bytes: names, addresses and headers say what their sender likes."""

_BEGINNINGS = {
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF87a": "image/gif",
    b"GIF89a": "image/gif",
}


def picture_type(head: bytes) -> str:
    """Return the media type of a picture by its first bytes; empty where it is none that is shown, such as SVG."""
    for begin, media_type in _BEGINNINGS.items():
        if head.startswith(begin):
            return media_type
    return "image/webp" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else ""
