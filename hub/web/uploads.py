"""Forms with files: read to the disk as they come, and their token looked at once it is said how large they may be."""

import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import IO, Any, cast

from flask import Request, current_app
from werkzeug.formparser import FormDataParser

BLOCK = 1 << 20  # bytes read at once


def take(here: Request, folder: Path, *, largest: int) -> None:
    """Let a form bring files, and look at its CSRF token; its view is exempt from the usual look, which would be too early.

    Args:
        folder: where they are written meanwhile, in files without a name, which go with the request.
        largest: bytes of the whole form.

    Raises:
        RequestEntityTooLarge: it has more.
    """
    opened = ExitStack()

    def unnamed(*_: object, **__: object) -> IO[bytes]:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return cast("IO[bytes]", opened.enter_context(tempfile.TemporaryFile(dir=folder)))

    class ToDisk(FormDataParser):
        def __init__(self, *args: Any, **named: Any) -> None:
            super().__init__(*args, **named)
            self.stream_factory = unnamed

    here.max_content_length = largest
    here.form_data_parser_class = ToDisk
    with opened:  # of a form that was not read to its end nobody else knows them
        current_app.extensions["csrf"].protect()
        opened.pop_all()  # these go with the request


def blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """Yield a file as it is read."""
    while block := stream.read(BLOCK):
        yield block
