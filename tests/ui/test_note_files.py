"""Files of notes in a real browser: put there, seen, saved, taken away, in both directions."""

from collections.abc import Callable
from pathlib import Path

from tests.ui.harness import LOOKS, Profile, Site, shot, violations

Make = Callable[..., Profile]
LARGE = b"%PDF-1.7" + bytes(3 * 2**20)


def test_files_are_put_with_a_note_seen_saved_and_taken_away(profile: Make, site: Site, tmp_path: Path) -> None:
    for language, scheme in LOOKS:
        site.language("noa", language)
        tab = profile("noa", color_scheme=scheme).open(f"/customers/{site.party}")
        names = [f"חוזה {language}.pdf", f"Price list {language}.txt"]
        for name, content in zip(names, (LARGE, b"one, two"), strict=True):
            (tmp_path / name).write_bytes(content)
        tab.fill("#note-text", f"Signed, {language}")
        tab.set_input_files("#note-files", [tmp_path / name for name in names])
        shot(tab, f"note-files-form-{language}")
        tab.click("form.note.slim button.primary")
        row = tab.locator(".tl li", has_text=f"Signed, {language}")
        row.locator(".files .file").nth(1).wait_for()
        assert row.locator(".files a").all_inner_texts() == names
        assert tab.url.endswith(str(site.party)), "the page was not left"
        with tab.expect_download() as found:
            row.locator(".files a").first.click()
        assert found.value.suggested_filename == names[0]
        assert found.value.path().read_bytes() == LARGE
        assert violations(tab) == []
        shot(tab, f"note-files-{language}")

        row.locator("details > summary").click()
        body = row.locator("details .body")
        body.locator(".file").nth(1).wait_for()
        assert violations(tab) == []
        shot(tab, f"note-files-more-{language}")
        tab.set_viewport_size({"width": 360, "height": 740})
        assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        shot(tab, f"note-files-narrow-{language}")
        body.locator(".file button").nth(1).click()
        row.locator(".files .file").nth(1).wait_for(state="detached")
        assert row.locator(".files a").all_inner_texts() == names[:1]
        tab.close()
