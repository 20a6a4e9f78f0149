"""Cards and people: a ring group, another person at the same computer, somebody who may not be here any more."""

from collections.abc import Callable

from hub.security import users
from hub.security.models import User
from tests.ui.harness import PASSWORD, Profile, Site, online, shows, stays, until, use

Make = Callable[..., Profile]


def test_a_ring_group_rings_at_both_and_the_answer_of_one_retracts_the_others_card(profile: Make, site: Site) -> None:
    noa, amir = profile("noa").open("/"), profile("amir").open("/")
    call = site.ring("noa", "amir")
    shows([noa, amir], [1, 1])
    site.answer(call, "noa")
    site.end(call, "amir", "elsewhere", by="Noa Bar")
    until(lambda: amir.inner_text("#pop [data-kicker]") == "Answered by Noa Bar")
    noa.wait_for_selector("#pop [data-state=answered]")
    shows([noa, amir], [1, 0])  # three seconds later
    site.hang_up(call, "noa")
    noa.wait_for_selector("#pop [data-state=ended]")


def test_a_caller_who_gives_up_leaves_no_card(profile: Make, site: Site) -> None:
    noa, amir = profile("noa").open("/"), profile("amir").open("/")
    call = site.ring("noa", "amir")
    shows([noa, amir], [1, 1])
    site.end(call, "noa", "gave_up")
    site.end(call, "amir", "gave_up")
    shows([noa, amir], [0, 0])


def test_a_note_begun_while_it_rang_stays_although_a_colleague_answered(profile: Make, site: Site) -> None:
    amir = profile("amir").open("/")
    call = site.ring("noa", "amir")
    amir.wait_for_selector("#pop form.note")
    amir.fill("#pop [name=note]", "she told me already")
    site.end(call, "amir", "elsewhere", by="Noa Bar")
    until(lambda: amir.inner_text("#pop [data-kicker]") == "Answered by Noa Bar")
    stays(lambda: amir.input_value("#pop [name=note]") == "she told me already", seconds=4)


def test_a_transfer_takes_the_card_along(profile: Make, site: Site) -> None:
    noa, amir = profile("noa").open("/"), profile("amir").open("/")
    call = site.ring("noa")
    site.answer(call, "noa")
    shows([noa, amir], [1, 0])
    site.show(call, "amir", consult_by="Noa Bar")
    until(lambda: amir.inner_text("#pop [data-kicker]") == "Noa Bar asks you about this call")
    site.answer(call, "amir")
    site.end(call, "noa", "transferred", by="Amir Katz")
    until(lambda: noa.inner_text("#pop [data-kicker]").startswith("Handed to Amir Katz"))
    shows([noa, amir], [1, 1])  # hers for the note, his for the call
    site.hang_up(call, "amir")


def test_another_person_at_the_same_browser_sees_nothing_of_the_one_before(profile: Make, site: Site) -> None:
    noa = profile("noa")
    first, second = noa.open("/"), noa.open("/settings")
    mine = site.ring("noa")
    use(first)
    shows([first, second], [1, 0])
    first.click("[popovertarget=menu]")
    first.click("#menu form[action='/logout'] button")
    first.wait_for_selector("#email")
    shows([second], [0])
    until(lambda: site.streams() == {}, "a stream is open though nobody is signed in")
    site.states.pop("noa", None)  # that session has ended
    first.fill("#email", "amir@example.com")
    first.fill("#password", PASSWORD)
    first.click(".gate .primary")
    online(first)
    site.answer(mine, "noa")
    site.ring("noa", number="+48221234567")
    shows([first, second], [0, 0])
    use(second)  # opened by the one before
    call = site.ring("amir")
    shows([first, second], [1, 0])
    assert first.get_attribute("#pop article", "data-call") == call
    assert site.streams() == {"amir": 1}


def test_a_page_left_open_by_the_person_before_says_that_it_is_out_of_date(profile: Make, site: Site) -> None:
    noa = profile("noa")
    first, second = noa.open("/"), noa.open("/settings")
    first.click("[popovertarget=menu]")
    first.click("#menu form[action='/logout'] button")
    first.wait_for_selector("#email")
    site.states.pop("noa", None)
    second.wait_for_selector("#reload:not([hidden])")


def test_a_disabled_user_loses_the_stream_at_once(profile: Make, site: Site) -> None:
    site.add_user("gil", "Gil", "agent")
    page = profile("gil").open("/")
    assert site.streams() == {"gil": 1}
    with site.hub.db.write() as session:
        users.disable(session, session.get_one(User, site.users["gil"]))
    site.hub.bus.drop_user(site.users["gil"])
    page.wait_for_selector("#link[data-up=false]")
    site.ring("gil")
    stays(lambda: page.locator("#pop article").count() == 0 and site.streams() == {}, seconds=3)
