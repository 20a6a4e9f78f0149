"""The body of a mail: HTML that is safe to show, the same as text, and its first words.

Nothing of a stranger's page runs, loads, covers or imitates anything of ours: what is not listed here is taken out.
"""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import nh3
from selectolax.lexbor import LexborHTMLParser, LexborNode

from hub.records.mail import Mail

LONGEST_PAGE = 1_000_000  # characters that are looked at
# Parsers need time by the square of the depth; mails of newsletter programs reach about 200.
DEEPEST = 2000
MOST_ENTITIES = 50_000  # and by the square of the `&` in them
LONGEST_SNIPPET = 200


def _listed(words: str) -> frozenset[str]:
    return frozenset(words.split())


TAGS = _listed("""
    a abbr address article b bdi bdo big blockquote br caption center cite code col colgroup dd del dfn div dl
    dt em figcaption figure font footer h1 h2 h3 h4 h5 h6 header hr i img ins kbd li main mark ol p pre q rp rt
    ruby s samp section small span strike strong sub sup table tbody td tfoot th thead time tr tt u ul var wbr
""")
# These go with everything inside; of other unknown tags the content stays.
EMPTIED = _listed("""
    applet audio embed head iframe math noembed noframes noscript object script select style svg template
    textarea title video xmp
""")
_CELL = frozenset({"align", "bgcolor", "height", "valign", "width"})
# No id, class or name: they would borrow our own styles, or stand in for our own elements.
ATTRIBUTES: Mapping[str, frozenset[str]] = {
    "*": frozenset({"dir", "lang", "style", "title"}),
    "a": frozenset({"href"}),
    "blockquote": frozenset({"type"}),
    "col": _CELL | {"span"},
    "colgroup": _CELL | {"span"},
    "div": frozenset({"align"}),
    "font": frozenset({"color", "face", "size"}),
    "hr": frozenset({"align", "size", "width"}),
    "img": frozenset({"align", "alt", "border", "height", "src", "width"}),
    "li": frozenset({"value"}),
    "ol": frozenset({"start", "type"}),
    "p": frozenset({"align"}),
    "table": _CELL | {"border", "cellpadding", "cellspacing"},
    "tbody": _CELL,
    "td": _CELL | {"colspan", "rowspan"},
    "tfoot": _CELL,
    "th": _CELL | {"colspan", "rowspan"},
    "thead": _CELL,
    "time": frozenset({"datetime"}),
    "tr": _CELL,
    "ul": frozenset({"type"}),
}
# Looks only. Nothing that takes an element out of its place (position, float of page, transform) or makes it invisible
# bait (opacity), and nothing that loads.
_SIDES = ("top", "right", "bottom", "left")
STYLES = _listed("""
    background-color border border-collapse border-color border-radius border-spacing border-style border-width
    color direction display font-family font-size font-style font-weight height letter-spacing line-height
    list-style-type margin max-width min-width padding table-layout text-align text-decoration text-indent
    text-transform unicode-bidi vertical-align white-space width word-break word-wrap overflow-wrap
""") | {f"{box}-{side}" for box in ("margin", "padding", "border") for side in _SIDES}

_STYLE_VALUE = re.compile(r"(?:[\w\s.,%#!+'\"-]|\brgba?\([\d\s.,%/]{1,40}\))*")
_BELOW_ZERO = re.compile(r"(?<![\w-])-\s*[\d.]")
_LINK = re.compile(r"(?i)(?:https?://[^\s/]|mailto:|tel:)")
_REMOTE = re.compile(r"(?i)\s*(?:(?:https?|ftp):|//)")
_REMOTE_STYLE = re.compile(r"(?i)(?:url\s*\(|@import)[\s'\"(]{0,5}(?:url\()?[\s'\"]{0,5}(?:https?:|//)")
_LOADING = frozenset({"background", "srcset", "poster", "lowsrc", "dynsrc"})
_LOADS = re.compile(rf"(?i)<[a-z][^<>]*\s(?:{'|'.join(sorted(_LOADING))})\s*=")
_PAGE_DIRECTION = re.compile(r"(?i)<(?:html|body)\b[^<>]{0,2000}?\sdir\s*=\s*[\"']?(rtl|ltr)\b")
_TAG = re.compile(r"<(/?)([a-zA-Z][a-zA-Z0-9]{0,20})")
# Never deep: they hold nothing, or the next one ends them.
_FLAT = _listed("""
    area base br col dd dt hr img input li link meta option p param source td th tr track wbr tbody thead
""")


@dataclass(frozen=True, slots=True)
class SafeBody:
    """HTML without danger, as one `div`; and whether pictures of elsewhere were in it, shown or not."""

    html: str
    has_remote_images: bool


def sanitise(page: str, *, cid: Mapping[str, str], remote_images: bool = False) -> SafeBody:
    """Make a stranger's HTML safe to show.

    Args:
        page: as it came.
        cid: content id of an inline picture -> our own address of it; pictures not named here are left out.
        remote_images: load pictures from elsewhere, which tells the sender that and where the mail is read.
    """
    page = page[:LONGEST_PAGE].replace("\x00", "")
    if _is_trap(page):
        return SafeBody(f'<div dir="auto">{html.escape(_bare(page))}</div>', has_remote_images=False)
    attributes = _Attributes({key.strip("<>").lower(): where for key, where in cid.items()}, remote_images)
    safe = _cleaner(attributes).clean(page)
    turned = _PAGE_DIRECTION.search(page[:20_000])
    loads = attributes.saw_remote or bool(_REMOTE_STYLE.search(page) or _LOADS.search(page))
    return SafeBody(f'<div dir="{turned[1].lower() if turned else "auto"}">{safe}</div>', has_remote_images=loads)


class _Attributes:
    """Decides about every attribute of one page."""

    def __init__(self, cid: Mapping[str, str], remote_images: bool) -> None:  # noqa: FBT001 - the one flag there is
        self.cid = cid
        self.remote_images = remote_images
        self.saw_remote = False

    def __call__(self, _tag: str, attribute: str, value: str) -> str | None:
        match attribute:
            case "style":
                return _style(value)
            case "href":
                return value if _LINK.match(value.strip()) else None
            case "src":
                return self._picture(value.strip())
            case "dir":
                return value if value.strip().lower() in {"rtl", "ltr", "auto"} else None
            case _:
                return value

    def _picture(self, source: str) -> str | None:
        if source[:4].lower() == "cid:":
            return self.cid.get(unquote(source[4:]).strip("<>").lower())
        if not _REMOTE.match(source):
            return None
        self.saw_remote = True
        return source if self.remote_images and source[:4].lower() == "http" else None


def _cleaner(attributes: Callable[[str, str, str], str | None]) -> nh3.Cleaner:
    return nh3.Cleaner(
        tags=TAGS,
        clean_content_tags=EMPTIED,
        attributes=ATTRIBUTES,
        attribute_filter=attributes,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        # Our own address of a picture is relative; every other relative one is refused above.
        url_relative="pass_through",
        filter_style_properties=STYLES,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def _style(value: str) -> str | None:
    kept = [d.strip() for d in value[:4000].split(";") if _is_harmless(d)]
    return ";".join(kept) or None


def _is_harmless(declaration: str) -> bool:
    name, colon, value = declaration.partition(":")
    if not colon or name.strip().lower() not in STYLES or len(value) > 200:
        return False
    # No brackets but those of a colour, no backslash, no quote that runs on, nothing pulled over its neighbours.
    even = value.count('"') % 2 == 0 and value.count("'") % 2 == 0
    return even and _STYLE_VALUE.fullmatch(value) is not None and not _BELOW_ZERO.search(value)


def _is_trap(page: str) -> bool:
    """Tell whether a page is made to keep a parser busy; of such only the words are shown."""
    if page.count("&") > MOST_ENTITIES:
        return True
    depth = 0
    for tag in _TAG.finditer(page):
        if tag[2].lower() not in _FLAT:
            depth = max(depth + (-1 if tag[1] else 1), 0)
        if depth > DEEPEST:
            return True
    return False


def _bare(page: str) -> str:
    return html.unescape(re.sub(r"<[^<>]*>", " ", page))


def text_of(mail: Mail) -> str:
    """Return what a mail says, whichever form it came in."""
    return mail.text if mail.text.strip() else to_text(mail.html)


def snippet(text: str) -> str:
    """Return the first words of a text, in one line."""
    line = " ".join(text[: LONGEST_SNIPPET * 20].split())
    return line if len(line) <= LONGEST_SNIPPET else line[: LONGEST_SNIPPET - 1].rstrip() + "…"


def to_text(page: str) -> str:
    """Return HTML as text: paragraphs and lines kept, quotes marked with `>`, what is hidden left out."""
    page = page[:LONGEST_PAGE].replace("\x00", "")
    if _is_trap(page):
        return _bare(page).strip()
    body = LexborHTMLParser(page).body
    writing = _Writing()
    if body is not None:
        _walk(body, writing)
    return writing.text()


_SKIPPED = EMPTIED | {"img", "input", "button", "meta", "link", "-comment"}
_PARAGRAPHS = frozenset({"p", "blockquote", "ul", "ol", "table", "pre", "h1", "h2", "h3", "h4", "h5", "h6"})
_LINES = _PARAGRAPHS | {"div", "li", "tr", "section", "article", "header", "footer", "dt", "dd", "address", "center"}
_HIDDEN = re.compile(
    r"(?i)display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0(?![.\d]*[1-9])"
)


class _Writing:
    """Text as it grows: lines with the depth of the quote they stand in."""

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.line: list[str] = []
        self.quotes = 0
        self.kept_blanks = 0  # open `pre`

    def write(self, text: str) -> None:
        if self.kept_blanks:
            first, *others = text.split("\n")
            self.line.append(first)
            for other in others:
                self.end_line(always=True)
                self.line.append(other)
        elif words := " ".join(text.split()):
            lead = " " if text[0].isspace() and self.line else ""
            self.line.append(f"{lead}{words}{' ' if text[-1].isspace() else ''}")
        elif text and self.line:
            self.line.append(" ")

    def end_line(self, *, always: bool = False) -> None:
        text = "".join(self.line)
        text = text.rstrip() if self.kept_blanks else re.sub(r"[^\S\u00a0]{2,}", " ", text).strip()
        if text or always:
            self.lines.append("> " * self.quotes + text if text else ">" * bool(self.quotes))
        self.line = []

    def end_paragraph(self) -> None:
        self.end_line()
        if self.lines and self.lines[-1].strip("> "):
            self.lines.append(">" * bool(self.quotes))

    def text(self) -> str:
        self.end_line()
        return re.sub(r"\n{3,}", "\n\n", "\n".join(self.lines)).strip("\n ").replace("\u00a0", " ")


def _walk(root: LexborNode, writing: _Writing) -> None:
    """Write a tree, without recursion: its depth is the sender's choice."""
    node: LexborNode | None = root
    while node is not None:
        inside = _enter(node, writing) and node.child is not None
        if inside:
            node = node.child
            continue
        while node is not None:
            _leave(node, writing)
            if node.mem_id == root.mem_id:
                return
            if node.next is not None:
                node = node.next
                break
            node = node.parent


def _enter(node: LexborNode, writing: _Writing) -> bool:
    """Write what stands at the begin of an element; tell whether to go into it."""
    tag = node.tag or ""
    if tag == "-text":
        writing.write(node.text_content or "")
        return False
    if tag == "br":
        writing.end_line(always=True)
    elif tag in _PARAGRAPHS:
        writing.end_paragraph()
    elif tag in _LINES:
        writing.end_line()
    elif tag in {"td", "th"} and writing.line:
        writing.line.append(" ")
    if tag == "img":
        _picture(node, writing)
    if tag in _SKIPPED or _is_hidden(node):
        return False
    if tag == "li":
        writing.line.append("- ")
    writing.quotes += tag == "blockquote"
    writing.kept_blanks += tag == "pre"
    return True


def _leave(node: LexborNode, writing: _Writing) -> None:
    tag = node.tag or ""
    if tag in _PARAGRAPHS:
        writing.end_paragraph()
    elif tag in _LINES:
        writing.end_line()
    if tag in {"blockquote", "pre"} and not _is_hidden(node):
        writing.quotes -= tag == "blockquote"
        writing.kept_blanks -= tag == "pre"


def _picture(node: LexborNode, writing: _Writing) -> None:
    # Mail programs send smileys as pictures; the names of logos are noise.
    alt = (node.attributes.get("alt") or "").strip()
    if alt and len(alt) <= 4 and not alt.isascii():
        writing.line.append(alt)


def _is_hidden(node: LexborNode) -> bool:
    attributes = node.attributes
    return "hidden" in attributes or bool(_HIDDEN.search((attributes.get("style") or "")[:2000]))
