"""One call, many tabs, exactly one card."""

from collections.abc import Callable

from playwright.sync_api import Page

from tests.ui.harness import SHOWN, Profile, Site, cards, online, shows, stays, until, use

Make = Callable[..., Profile]


def test_a_call_shows_one_card_in_the_tab_used_last_and_follows_the_user(tabs: list[Page], site: Site) -> None:
    first, second = tabs
    use(first)
    first.click("#q")
    first.keyboard.type("shir")
    call = site.ring()
    for _ in range(3):  # telephone systems repeat themselves
        site.hub.bus.publish(site.users["noa"], "call.ringing", {"call": call})
    shows(tabs, [1, 0])
    first.keyboard.type("on")
    assert first.input_value("#q") == "shiron"  # the card takes no focus
    assert first.inner_text("#pop [data-number]") == SHOWN
    assert first.inner_text("#pop [data-name]") == "דנה לוי"
    assert "דנה לוי" in first.inner_text("#say")
    assert second.locator("#badge").is_visible()
    assert second.title().startswith("☎")
    assert site.streams() == {"noa": 1}  # one stream for both tabs
    use(second)
    shows(tabs, [0, 1])
    second.close()
    shows([first], [1])
    site.end(call, reason="gave_up")
    shows([first], [0])
    assert not first.title().startswith("☎")


def test_seven_tabs_have_one_stream_and_one_card(profile: Make, site: Site) -> None:
    noa = profile("noa")
    tabs = [noa.open(path) for path in ("/", "/settings", "/search", "/calls", "/connections", "/people", "/tasks")]
    use(tabs[3])
    call = site.ring()
    shows(tabs, [0, 0, 0, 1, 0, 0, 0])
    assert site.streams() == {"noa": 1}
    assert [tab.locator("#badge").is_visible() for tab in tabs] == [True, True, True, False, True, True, True]
    for tab in tabs:
        use(tab)
        shows(tabs, [int(tab is other) for other in tabs])
    site.end(call, reason="gave_up")
    shows(tabs, [0] * 7)


def test_a_tab_opened_in_the_middle_of_a_call_gets_the_card(tabs: list[Page], site: Site, profile: Make) -> None:
    use(tabs[0])
    site.ring()
    shows(tabs, [1, 0])
    context = tabs[0].context
    third = context.new_page()
    third.goto(site.url + "/search")
    online(third)
    shows([*tabs, third], [0, 0, 1])
    third.goto(site.url + "/calls")
    shows([*tabs, third], [0, 0, 1])
    third.go_back()
    shows([*tabs, third], [0, 0, 1])


def test_a_call_that_ended_while_a_page_was_away_is_not_shown_when_it_comes_back(profile: Make, site: Site) -> None:
    page = profile("noa").open("/")
    call = site.ring()
    shows([page], [1])
    page.goto(site.url + "/search")
    shows([page], [1])
    site.end(call, reason="gave_up")
    shows([page], [0])
    page.go_back()
    shows([page], [0])


def test_the_card_goes_through_its_states(tabs: list[Page], site: Site) -> None:
    first, _ = tabs
    use(first)
    call = site.ring()
    first.wait_for_selector("#pop [data-state=ringing]")
    assert first.inner_text("#pop [data-kicker]") == "Incoming call"
    assert first.locator("#pop [data-timer]").is_hidden()
    site.answer(call)
    first.wait_for_selector("#pop [data-state=answered]")
    timer = first.locator("#pop [data-timer]")
    until(lambda: timer.inner_text() in {"0:01", "0:02", "0:03"}, "the timer does not run")
    site.hang_up(call)
    first.wait_for_selector("#pop [data-state=ended]")
    assert first.inner_text("#pop [data-kicker]") == "Call ended \N{EN DASH} finish your note"
    assert timer.is_hidden()
    first.select_option("#pop [name=outcome]", index=1)
    first.click("#pop .note .primary")
    first.wait_for_selector("#pop [data-saved]")
    shows(tabs, [0, 0])


def test_several_calls_are_stacked_the_newest_on_top(tabs: list[Page], site: Site) -> None:
    first, second = tabs
    use(first)
    calls = [site.ring(), site.ring(number="+48221234567"), site.ring(number="")]
    shows(tabs, [3, 0])
    shown = first.evaluate("[...document.querySelectorAll('#pop article')].map((card) => card.dataset.call)")
    assert shown == calls[::-1]
    assert first.locator("#pop [data-name]").all_inner_texts() == ["Number withheld", "Unknown number", "דנה לוי"]
    assert second.inner_text("#badge b") == "3"
    site.end(calls[1], reason="gave_up")
    shows(tabs, [2, 0])


def test_a_call_of_several_possible_customers_says_maybe(tabs: list[Page], site: Site) -> None:
    use(tabs[0])
    site.ring(match="maybe", name="Dana Levi / Dan Levi")
    tabs[0].wait_for_selector("#pop [data-maybe]:not([hidden])")


def test_closing_the_card_hides_it_in_every_browser_and_later_news_do_not_bring_it_back(
    tabs: list[Page], site: Site, profile: Make
) -> None:
    other = profile("noa").open("/")
    use(tabs[0])
    call = site.ring()
    shows([*tabs, other], [1, 0, 1])
    tabs[0].click("#pop [data-dismiss]")
    shows([*tabs, other], [0, 0, 0])
    until(lambda: site.pop(call).dismissed_at is not None)
    site.answer(call)
    shows([*tabs, other], [0, 0, 0])


def test_the_dock_shows_the_last_calls_while_nobody_calls(tabs: list[Page], site: Site) -> None:
    first, _ = tabs
    assert first.inner_text("#no-call .empty").strip() == "No live call"
    call = site.ring()
    use(first)
    shows(tabs, [1, 0])
    assert first.locator("#no-call").is_hidden()
    site.end(call, reason="gave_up")
    shows(tabs, [0, 0])
    assert first.locator("#no-call").is_visible()


def test_one_system_notification_a_call_and_only_when_no_tab_has_the_focus(profile: Make, site: Site) -> None:
    noa = profile("noa")
    noa.context.add_init_script(
        """window.away = true; window.told = [];
        document.hasFocus = () => !window.away;
        window.Notification = class { static permission = 'granted';
          constructor(title, options) { window.told.push([title, options.tag]); } close() { window.told.push('closed'); } };"""
    )
    tabs = [noa.open("/"), noa.open("/settings")]
    use(tabs[1])
    call = site.ring()
    shows(tabs, [0, 1])
    for tab in tabs[::-1]:
        use(tab)
        shows(tabs, [int(tab is other) for other in tabs])
    told = [tab.evaluate("window.told.filter((one) => one !== 'closed')") for tab in tabs]
    # The same tag: the system shows one notification, however often it is told.
    assert {tag for tell in told for _, tag in tell} == {f"call-{call}"}
    tabs[0].evaluate("window.away = false; window.told = []")
    site.ring(number="+48221234567")
    until(lambda: cards(tabs) == [2, 0])
    stays(lambda: tabs[0].evaluate("window.told") == [])


def test_the_time_from_publishing_to_the_screen_can_be_measured(tabs: list[Page], site: Site) -> None:
    use(tabs[0])
    call = site.ring()
    names = "performance.getEntriesByType('mark').filter((mark) => mark.detail?.call === '%s').map((mark) => mark.name)"
    until(lambda: sorted(tabs[0].evaluate(names % call)) == ["call-card", "call-number"])
