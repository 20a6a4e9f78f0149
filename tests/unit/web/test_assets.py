"""Static files: hashed names, compressed, kept for pages of an earlier version."""

import gzip
import os
import re
import sys
import time
from pathlib import Path

import brotli
import pytest
from flask import Flask

from hub.web import assets
from hub.web.vendor import vendor

STATIC = assets.SOURCE


def test_every_file_is_there_under_its_hash_plain_and_compressed(tmp_path: Path) -> None:
    found = assets.collect(tmp_path)
    assert set(found.names) >= {"app.css", "app.js", "bus-worker.js", "icons.svg", "vendor/htmx-4.0.1/htmx.min.js"}
    for name, hashed in found.names.items():
        content = (STATIC / name).read_bytes()
        assert re.search(r"\.[0-9a-f]{12}\.\w+$", hashed)
        assert (tmp_path / hashed).read_bytes() == content
        assert gzip.decompress((tmp_path / f"{hashed}.gz").read_bytes()) == content
        assert brotli.decompress((tmp_path / f"{hashed}.br").read_bytes()) == content
    assert found.version == assets.version()


def test_a_changed_file_has_another_name_and_the_old_one_stays_for_a_month(tmp_path: Path) -> None:
    source, folder = tmp_path / "source", tmp_path / "out"
    source.mkdir()
    (source / "app.js").write_text("one")
    old = assets.collect(folder, source)
    (source / "app.js").write_text("two")
    new = assets.collect(folder, source)
    assert old.url("app.js") != new.url("app.js")
    assert old.version != new.version
    assert (folder / old.names["app.js"]).read_text() == "one"
    past = time.time() - assets.KEEP_S - 1
    for file in folder.iterdir():
        os.utime(file, (past, past))
    assets.collect(folder, source)
    assert {file.name for file in folder.iterdir()} == {new.names["app.js"] + ending for ending in ("", ".gz", ".br")}


def test_half_a_file_of_a_crash_is_written_anew(tmp_path: Path) -> None:
    found = assets.collect(tmp_path)
    file = tmp_path / found.names["app.js"]
    file.write_bytes(b"half")
    assets.collect(tmp_path)
    assert file.read_bytes() == (STATIC / "app.js").read_bytes()


def test_a_file_that_does_not_exist_is_our_mistake(tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="no-such"):
        assets.collect(tmp_path).url("no-such.css")


def test_files_are_served_compressed_for_ever_and_under_a_policy_of_their_own(tmp_path: Path) -> None:
    app = Flask(__name__, static_folder=None)
    found = assets.install(app, tmp_path)
    with app.test_client().get(found.url("bus-worker.js"), headers={"Accept-Encoding": "br, gzip"}) as answer:
        assert answer.status_code == 200
        assert answer.headers["Content-Encoding"] == "br"
        assert "immutable" in answer.headers["Cache-Control"]
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'; connect-src 'self'"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert "Access-Control-Allow-Origin" not in answer.headers
    assert app.test_client().get("/static/../app.js").status_code == 404
    assert app.test_client().get("/static/app.js").status_code == 404


def test_what_we_took_from_others_is_unchanged() -> None:
    assert vendor.check() == []


# ------------------------------------------------------------------ rules of the house for these files
def test_styles_know_no_left_and_right() -> None:
    css = re.sub(r"/\*.*?\*/", "", (STATIC / "app.css").read_text("utf-8"), flags=re.DOTALL)
    physical = re.compile(
        r"(?<![\w-])(?:(?:margin|padding|border|scroll-(?:margin|padding))-(?:left|right|top|bottom)[\w-]*"
        r"|left|right|top|bottom|(?:min-|max-)?(?:width|height)|border-(?:top|bottom)-(?:left|right)-radius)\s*:(?!\s*\w+rem\))"
    )
    assert [match.group() for match in physical.finditer(re.sub(r"@media[^{]*", "", css))] == []
    assert not re.search(r"text-align:\s*(?:left|right)|float:\s*(?:left|right)", css)


def test_scripts_hold_no_sentence_of_their_own() -> None:
    for name in ("app.js", "bus-worker.js"):
        text = re.sub(r"//.*", "", (STATIC / name).read_text("utf-8"))
        for words in re.findall(r'"([^"\n]*)"|`([^`]*)`', text):
            said = "".join(words)
            assert not re.fullmatch(r"[A-Z][a-z]+( [a-z]+)+[.!?]?", said), said


def test_every_icon_of_a_template_is_in_the_sprite() -> None:
    known = set(re.findall(r'<symbol id="([^"]+)"', (STATIC / "icons.svg").read_text("utf-8")))
    used: set[str] = set()
    for file in (STATIC.parent / "templates").rglob("*.html"):
        used |= set(re.findall(r"\bicon\('([a-z0-9-]+)'", file.read_text("utf-8")))
    used |= set(re.findall(r'"((?:phone|user)[a-z-]*)"', (STATIC / "app.js").read_text("utf-8"))) & {
        "phone", "phone-off", "phone-call", "phone-outgoing", "phone-incoming",
    }  # fmt: skip
    assert used - known == set()


@pytest.mark.skipif(sys.platform == "win32", reason="file modes")
def test_other_users_of_the_machine_may_read_what_browsers_may(tmp_path: Path) -> None:
    found = assets.collect(tmp_path)
    assert all((tmp_path / name).stat().st_mode & 0o777 == 0o644 for name in found.names.values())
