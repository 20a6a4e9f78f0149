"""A half-written note is never lost: not by hanging up, another tab, a reload, a restart, or sleep."""

import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from playwright.sync_api import Page, Route

from hub.cti import screen_pop
from tests.ui.harness import Profile, Site, online, shows, stays, until, use

Make = Callable[..., Profile]
TEXT = "half a sentence, שלום"


def write(page: Page, text: str = TEXT) -> None:
    page.wait_for_selector("#pop form.note")
    page.fill("#pop [name=note]", text)


def note(page: Page) -> str:
    return page.input_value("#pop [name=note]")


def saved_draft(site: Site, call: str, name: str = "noa") -> str:
    return str(site.pop(call, name).draft.get("note", ""))


def test_it_stays_in_its_tab_and_survives_hang_up_and_restart(tabs: list[Page], site: Site) -> None:
    first, second = tabs
    use(first)
    call = site.ring()
    site.answer(call)
    write(first)
    use(second)
    shows(tabs, [1, 0])  # it does not follow now
    until(lambda: saved_draft(site, call) == TEXT)
    site.hang_up(call)
    first.wait_for_selector("#pop [data-state=ended]")
    site.stop()
    for tab in tabs:
        tab.wait_for_selector("#link[data-up=false]")
    assert note(first) == TEXT
    site.start_again()
    for tab in tabs:
        online(tab)
    shows(tabs, [1, 0])
    assert note(first) == TEXT
    site.ring(number="+48221234567")  # another call does not push it away
    shows(tabs, [2, 0])
    assert first.input_value(f"[data-call='{call}'] [name=note]") == TEXT
    first.click(f"[data-call='{call}'] .note .primary")
    shows(tabs, [1, 0])
    assert first.locator(f"[data-call='{call}']").count() == 0
    until(lambda: saved_draft(site, call) == "")


def test_the_draft_is_saved_soon_after_typing_stops_and_not_at_every_key(
    tabs: list[Page], site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    drafts: list[str] = []

    def count(*args: object) -> None:
        drafts.append(str(args[-1]))
        save(*args)  # type: ignore[arg-type]

    save = screen_pop.save_draft
    monkeypatch.setattr(screen_pop, "save_draft", count)
    first, _ = tabs
    use(first)
    call = site.ring()
    first.wait_for_selector("#pop form.note")
    first.locator("#pop [name=note]").press_sequentially("abcdefghij", delay=30)
    until(lambda: saved_draft(site, call) == "abcdefghij")
    assert len(drafts) == 1


def test_a_card_that_loads_again_does_not_take_what_is_being_written(tabs: list[Page], site: Site) -> None:
    first, _ = tabs
    use(first)
    call = site.ring(number="+48221234567")
    first.wait_for_selector("#pop form.note")
    late: list[Route] = []

    def hold(route: Route) -> None:
        late.append(route)

    first.route("**/card", hold)
    site.answer(call)
    site.hub.bus.publish(site.users["noa"], "call.answered", {"call": call, "name": "Now known", "party": "known"})
    first.wait_for_function("() => document.querySelector('#pop [data-name]').textContent === 'Now known'")
    until(lambda: first.evaluate("1") and late)
    write(first)
    late[0].continue_()
    until(lambda: saved_draft(site, call) == TEXT)
    assert note(first) == TEXT


def test_a_draft_that_the_server_could_not_keep_is_sent_again(tabs: list[Page], site: Site) -> None:
    first, _ = tabs
    use(first)
    call = site.ring()
    refused: list[str] = []

    def refuse(route: Route) -> None:
        refused.append(route.request.url)
        route.fulfill(status=503)

    first.route("**/draft", refuse, times=1)
    write(first)
    until(lambda: first.evaluate("1") and saved_draft(site, call) == TEXT)
    assert len(refused) == 1


def test_a_reload_brings_card_and_draft_back_to_the_same_tab(tabs: list[Page], site: Site) -> None:
    first, second = tabs
    use(first)
    call = site.ring()
    site.answer(call)
    write(first)  # and reloads at once, before the draft was sent
    first.reload()
    online(first)
    shows(tabs, [1, 0])
    until(lambda: note(first) == TEXT)
    site.hang_up(call)
    first.wait_for_selector("#pop [data-state=ended]")
    first.reload()
    online(first)
    shows(tabs, [1, 0])
    until(lambda: note(first) == TEXT)
    assert second.locator("#badge").is_visible()


def test_a_reload_of_the_only_tab_brings_the_draft_of_an_ended_call_back(profile: Make, site: Site) -> None:
    page = profile("noa").open("/")
    call = site.ring()
    site.answer(call)
    write(page)
    until(lambda: saved_draft(site, call) == TEXT)
    site.hang_up(call)
    page.wait_for_selector("#pop [data-state=ended]")
    page.reload()
    online(page)
    shows([page], [1])
    until(lambda: note(page) == TEXT)


def test_closing_the_tab_hands_the_draft_to_another_one(tabs: list[Page], site: Site) -> None:
    first, second = tabs
    use(first)
    call = site.ring()
    site.answer(call)
    write(first)
    until(lambda: saved_draft(site, call) == TEXT)
    site.hang_up(call)
    first.close()
    shows([second], [1])
    until(lambda: note(second) == TEXT)


def test_a_note_without_anything_in_it_is_refused_and_the_text_is_kept(tabs: list[Page], site: Site) -> None:
    first, _ = tabs
    use(first)
    call = site.ring()
    site.answer(call)
    first.wait_for_selector("#pop form.note")
    first.select_option("#pop [name=call_back]", "other")
    first.fill("#pop [name=call_back_at]", "2001-01-01T10:00")
    first.fill("#pop [name=note]", TEXT)
    first.click("#pop .note .primary")
    first.wait_for_selector("#pop .err")
    assert note(first) == TEXT
    stays(lambda: first.locator("#pop article.call").count() == 1)


def test_what_was_typed_while_the_server_was_away_is_saved_when_it_is_back(tabs: list[Page], site: Site) -> None:
    first, _ = tabs
    use(first)
    call = site.ring()
    write(first, "before")
    until(lambda: saved_draft(site, call) == "before")
    site.stop()
    first.wait_for_selector("#link[data-up=false]")
    assert first.inner_text("#link .link-text") == "Phone reconnecting"
    write(first, "in between")
    site.start_again()
    online(first)
    until(lambda: saved_draft(site, call) == "in between")
    assert note(first) == "in between"


def test_the_stream_comes_back_after_the_errors_of_a_proxy(tabs: list[Page], site: Site) -> None:
    refused = threading.Event()

    class Unavailable(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(503)
            if self.path == "/events":
                refused.set()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is http.server's
            pass

    site.stop()
    proxy = HTTPServer(("127.0.0.1", site.port), Unavailable)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    until(refused.is_set)  # which closes an EventSource for good
    proxy.shutdown()
    proxy.server_close()
    thread.join()
    site.start_again()
    online(tabs[0], 30)
    use(tabs[0])
    site.ring()
    shows(tabs, [1, 0])


def test_after_a_restart_the_live_calls_are_there_and_ended_ones_are_gone(tabs: list[Page], site: Site) -> None:
    use(tabs[0])
    ended, live = site.ring(number="+48221234567"), site.ring()
    shows(tabs, [2, 0])
    site.stop()
    with site.hub.db.write() as session:
        site.retract(session, ended, "noa", "gave_up")
    site.start_again()
    online(tabs[0])
    shows(tabs, [1, 0])
    assert tabs[0].get_attribute("#pop article", "data-call") == live


def test_an_old_page_offers_to_load_itself_again_after_an_update(profile: Make, site: Site) -> None:
    page = profile("noa").open("/")
    assert page.locator("#reload").is_hidden()
    page.evaluate("document.body.dataset.version = 'of last week'")
    site.stop()
    site.start_again()
    page.wait_for_selector("#reload:not([hidden])")
    page.click("#reload a")
    online(page)
    assert page.locator("#reload").is_hidden()
