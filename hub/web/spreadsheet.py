"""Lists as CSV that spreadsheets open as they are: UTF-8 with a mark, and no cell that one of them would run as a formula."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from flask import Response, current_app
from flask_babel import force_locale, get_locale

from hub.records.cell import MARK, harmless


def table(name: str, head: Sequence[object], pages: Iterable[Iterable[Sequence[Any]]]) -> Response:
    """Answer with a table to be saved, sent as it is made: as many pages of rows as there are.

    Args:
        name: of the file, plain ASCII.
        pages: made while the answer is sent, outside the request, but in its language.
    """
    answer = Response(_spoken(_lines([harmless(one) for one in head], pages)), content_type="text/csv; charset=utf-8")
    answer.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def pages(read: Callable[[Any], Sequence[Any]], place: Callable[[Any], Any]) -> Iterator[Sequence[Any]]:
    """Read page after page: `read` returns the rows behind a place (None: the first), `place` says where a row stands."""
    before = None
    while rows := read(before):
        yield rows
        before = place(rows[-1])


def _lines(head: Sequence[str], pages: Iterable[Iterable[Sequence[Any]]]) -> Iterator[str]:
    written = io.StringIO()
    writer = csv.writer(written)
    written.write(MARK)
    writer.writerow(head)
    for rows in pages:
        writer.writerows([[harmless(cell) for cell in row] for row in rows])
        yield written.getvalue()
        written.seek(0)
        written.truncate()
    yield written.getvalue()


def _spoken(parts: Iterator[str]) -> Iterator[str]:
    """Make each part in the language of the present request.

    `stream_with_context` would keep the request open between the parts, also where the browser goes away.
    """
    app, language = current_app._get_current_object(), str(get_locale())  # type: ignore[attr-defined]  # noqa: SLF001 - as Flask's own documentation has it for work after a request

    def spoken() -> Iterator[str]:
        while True:
            with app.app_context(), force_locale(language):
                part = next(parts, None)
            if part is None:
                return
            yield part

    return spoken()
