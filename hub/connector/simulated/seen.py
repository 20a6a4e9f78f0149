"""What a person sees of a text that is kept as HTML."""

from html.parser import HTMLParser


class _Reader(HTMLParser):
    """Collects what is shown; what a script or a style says is not."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._hidden += tag in ("script", "style")
        if tag in ("br", "p", "div", "li"):
            self.parts.append("\n")

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag in ("script", "style")

    def handle_data(self, data: str) -> None:
        if self._hidden <= 0:
            self.parts.append(data)


def seen(text: str) -> str:
    """Return what is shown of HTML."""
    reader = _Reader()
    reader.feed(text)
    reader.close()
    return "".join(reader.parts)
