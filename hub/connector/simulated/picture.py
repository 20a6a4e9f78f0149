"""Pictures to show."""

import hashlib
import struct
import zlib
from collections.abc import Iterable


def square(name: str, side: int = 32) -> bytes:
    """A small PNG of one colour, chosen by a name."""
    colour = hashlib.sha256(name.encode()).digest()[:3]
    rows = b"".join(b"\x00" + colour * side for _ in range(side))
    chunks: Iterable[tuple[bytes, bytes]] = (
        (b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(rows)), (b"IEND", b""),
    )  # fmt: skip
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    )
