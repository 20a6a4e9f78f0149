"""What an administrator does who has never seen the code, with a browser and a keyboard alone.

They go by the words on the page, in their language. Nothing is clicked and no address is typed: every step is a Tab to
something that is called so, and a key. Whoever reaches something must also see that it has the focus.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Locator, Page, expect
from sqlalchemy import select

from hub.intake.models import RawRecord, RawState
from hub.leads.models import LeadRow
from hub.web import i18n
from tests.ui.harness import SOON_S, Profile, Site, shot, until

Role = Literal["button", "combobox", "group", "link", "radio", "searchbox", "textbox"]
MOST_KEYS = 150
DASH = "\u2013"
# Nothing lies over it, such as a bar that stays where it is while the page scrolls.
IS_OPEN = """one => {
  const box = one.getBoundingClientRect();
  const there = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
  return !!there && (one.contains(there) || there.contains(one));
}"""
WHERE = """one => {
  const at = document.activeElement;
  return one === at ? "there" : at.matches(".skip[href='#main']") && one.closest("main") ? "before the top" : "";
}"""
HAS_RING = "one => one.matches(':focus-visible')"


@dataclass(frozen=True)
class Story:
    """The words of one office: its form's questions and answers, and its fields."""

    language: str
    connection: str
    budget: str  # a number; the form's question is called the same
    wish: str  # one of a list
    question: str  # what the form calls that one
    garden: str
    roof: str
    balcony: str  # not in the list
    little: str  # no number

    @property
    def answers(self) -> list[dict[str, str]]:
        """What people write into the form; the first two what a field will not take."""
        said = {
            "Jan": (self.little, self.garden), "Omer": ("9000", self.balcony),
            "Dana": ("5000", self.garden), "Rut": ("7500", self.roof),
        }  # fmt: skip
        return [
            {"name": f"{name} Levi", "phone": f"052-234-567{at}", self.budget: budget, self.question: wish}
            for at, (name, (budget, wish)) in enumerate(said.items())
        ]


STORIES = (
    Story("en", "Our page", "Budget", "Wish", "What is it for?", "Garden", "Roof", "Balcony", "not much"),
    Story("he", "האתר שלנו", "תקציב", "רצון הלקוח", "עבור מה?", "גינה", "גג", "מרפסת", "לא הרבה"),
)


class Admin:
    """Somebody with a keyboard in front of a page."""

    def __init__(self, page: Page, story: Story) -> None:
        self.page = page
        self.story = story
        self._catalog = i18n.load(i18n.FOLDER / story.language / "LC_MESSAGES/messages.po")
        self._shots = 0

    # ------------------------------------------------------------------ what stands there
    def word(self, text: str, **values: Any) -> str:
        """Return a text of the pages in the page's language."""
        said = self._catalog.gettext(text)
        return said % values if values else said

    def find(self, role: Role, text: str, within: str = "main", **values: Any) -> Locator:
        """Return what the page calls so."""
        return self.page.locator(within).get_by_role(role, name=self.word(text, **values), exact=True)

    def counted(self, one: str, many: str, count: int) -> str:
        """Return a text of the pages about so many."""
        return self._catalog.ngettext(one, many, count) % {"num": count}

    def reads(self, *texts: str, within: str = "main") -> None:
        """See that it stands there."""
        for text in texts:
            expect(self.page.locator(within)).to_contain_text(text)

    def looks(self, name: str, page: Page | None = None) -> None:
        """Take a picture where somebody wants to look at pages."""
        self._shots += 1
        shot(page or self.page, f"{self.story.language}-{self._shots:02}-{name}")

    # ------------------------------------------------------------------ keys
    def reach(self, wanted: Locator, key: str = "Tab") -> Locator:
        """Go on until this has the focus; past the top of the page by the link that is there for it."""
        expect(wanted).to_have_count(1)
        there = wanted.element_handle()
        for _ in range(MOST_KEYS):
            self.page.keyboard.press(key)
            where = there.evaluate(WHERE)
            if where == "before the top" and key == "Tab":
                self.page.keyboard.press("Enter")
            elif where == "there":
                assert there.evaluate(IS_OPEN), f"something lies over {wanted}"
                assert there.evaluate(HAS_RING), f"nobody sees that it has the focus: {wanted}"
                return wanted
        pytest.fail(f"{key} never came to {wanted}")

    def press(self, wanted: Locator, key: str = "Tab") -> None:
        """Go there and press Enter."""
        self.reach(wanted, key)
        self.page.keyboard.press("Enter")

    def follow(self, wanted: Locator, to: str, key: str = "Tab") -> None:
        """Go there, press Enter and come to another page."""
        self.press(wanted, key)
        self.page.wait_for_url(to)

    def write(self, wanted: Locator, text: str, key: str = "Tab") -> None:
        """Go there and write this instead of what is there."""
        self.reach(wanted, key)
        self.page.keyboard.press("Control+a")
        self.page.keyboard.type(text)

    def choose(self, wanted: Locator, text: str) -> None:
        """Go to a list and down in it, as fast as keys are, until this is chosen."""
        self.reach(wanted)
        entries = wanted.locator("option").all_inner_texts()
        for _ in range(entries.index(self.word(text)) - entries.index(wanted.locator("option:checked").inner_text())):
            self.page.keyboard.press("ArrowDown")


@pytest.fixture(autouse=True)
def patience() -> Iterator[None]:
    """Wait for what is expected as long as the harness does."""
    expect.set_options(timeout=SOON_S * 1000)
    yield
    expect.set_options(timeout=None)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A hub of its own for each story: nothing is connected and nothing defined."""
    site = Site(tmp_path)
    yield site
    site.close()


@pytest.mark.parametrize("story", STORIES, ids=lambda one: one.language)
def test_a_form_is_connected_and_its_answers_fill_fields_of_ones_own(
    profile: Callable[..., Profile], working: Site, story: Story
) -> None:
    working.language("noa", story.language)
    admin = Admin(profile("noa").open("/"), story)
    address = connect(admin)
    for answers in story.answers:
        post(address, answers)
    until(lambda: states(working) == [RawState.APPLIED] * 4, lambda: f"the leads did not come: {states(working)}")
    budget, wish = add_fields(admin)
    map_fields(admin, wish)
    find_what_fails(admin, budget, wish)
    publish_and_run_again(admin)
    see_what_failed(admin, wish)
    see_the_values(admin)
    assert states(working) == [RawState.SET_ASIDE] * 2 + [RawState.APPLIED] * 2
    garden, roof = story.garden.casefold(), story.roof.casefold()
    assert kept(working) == [{}, {}, {budget: "5000", wish: garden}, {budget: "7500", wish: roof}]


# --- what happens elsewhere, and what is kept -----------------------------------------------------------------------


def post(address: str, answers: dict[str, str]) -> None:
    """Do what the web site does when somebody sends its form."""
    request = Request(address, urlencode(answers).encode(), method="POST")
    with urlopen(request, timeout=20) as answer:
        assert answer.status == 200


def states(site: Site) -> list[str]:
    """What became of the form's answers, in the order in which they came."""
    with site.hub.db.read() as session:
        return list(session.scalars(select(RawRecord.state).order_by(RawRecord.id)))


def kept(site: Site) -> list[dict[str, Any]]:
    """What the leads have in fields of one's own, in the order in which they came."""
    with site.hub.db.read() as session:
        return [dict(fields) for fields in session.scalars(select(LeadRow.fields).order_by(LeadRow.id))]


# --- the steps ------------------------------------------------------------------------------------------------------


def connect(admin: Admin) -> str:
    """Connect a form; returns the address that is to be given to the web site."""
    page = admin.page
    admin.follow(admin.find("link", "Connections", "header"), "**/connections")
    admin.follow(admin.find("link", "Connect"), "**/connections/new")
    admin.write(admin.find("searchbox", "Search what can be connected"), admin.word("Leads"))
    connect_forms = page.get_by_role("link", name=f"{admin.word('Connect')} Web forms", exact=True)
    until(lambda: page.locator("#catalogue article").count() == 2, "the catalogue does not follow what is typed")
    admin.looks("catalogue")
    admin.follow(connect_forms, "**/connections/new/webforms")
    admin.write(page.get_by_label(admin.word("Name of the connection")), admin.story.connection)
    admin.looks("settings")
    page.keyboard.press("Enter")
    admin.reads(admin.word("Saved. The hub starts to work with it within seconds."))
    address = admin.reach(admin.find("textbox", "Address"))
    admin.looks("address")
    chosen = address.evaluate("one => one.value.slice(one.selectionStart, one.selectionEnd)")
    assert chosen == address.input_value(), "Control+C would copy a part of it"
    return str(chosen)


def add_fields(admin: Admin) -> tuple[str, str]:
    """Define a number and a list; returns what mappings call them, as the page shows it."""
    story = admin.story
    admin.follow(admin.find("link", "Settings", "header"), "**/settings")
    admin.follow(admin.find("link", "Fields"), "**/admin/fields")
    return (
        add_field(admin, story.budget, "Number"),
        add_field(admin, story.wish, "One of a list", story.garden, story.roof),
    )


def add_field(admin: Admin, label: str, type_: str, *entries: str) -> str:
    """Define a field of leads, with a label in the administrator's language alone."""
    page, language = admin.page, i18n.NAMES[admin.story.language]
    add = page.get_by_role("link", name=f"{admin.word('Add a field')} {DASH} {admin.word('Leads')}")
    admin.follow(add, "**/admin/fields/lead/new")
    admin.write(admin.find("textbox", language), label)
    type_list = admin.find("combobox", "Type")
    admin.choose(type_list, type_)
    if entries:
        page.wait_for_selector("#list")
    expect(type_list).to_be_focused()
    expect(type_list.locator("option:checked")).to_have_text(admin.word(type_))
    for number, entry in enumerate(entries, 1):
        admin.write(admin.find("textbox", f"{language} {DASH} {number}"), entry)
    admin.looks("field")
    admin.follow(admin.find("button", "Save"), "**/admin/fields#*")
    line = page.get_by_role("row").filter(has_text=label)
    expect(line).to_contain_text(admin.word(type_))
    return line.locator("small").first.inner_text()


def map_fields(admin: Admin, wish: str) -> None:
    """Make the first field of what the hub suggests, the other of a question that is called otherwise."""
    page, story = admin.page, admin.story
    admin.follow(admin.find("link", "Connections", "header"), "**/connections")
    admin.follow(admin.find("link", story.connection), "**/connections/*")
    admin.follow(admin.find("link", "Mapping"), "**/mapping")
    admin.press(page.locator("main tbody").get_by_role("link"))
    page.wait_for_selector("#map")
    suggest = admin.counted("Add %(num)s suggestion", "Add %(num)s suggestions", 1)
    admin.press(admin.find("button", suggest), "Shift+Tab")
    expect(made_of(admin, story.budget)).to_be_focused()
    unused = admin.counted("%(num)s source field is not used", "%(num)s source fields are not used", 3)
    admin.press(page.locator("summary").filter(has_text=unused))
    source = page.get_by_role("row").filter(has_text=story.question)
    expect(source).to_contain_text(story.roof)  # what the newest lead answered
    admin.write(source.get_by_role("combobox"), wish)
    admin.looks("unused")
    page.keyboard.press("Enter")
    expect(made_of(admin, story.wish)).to_be_focused()
    expect(preview(admin, story.budget)).to_have_text("7500")
    expect(preview(admin, story.wish)).to_have_text(story.roof)
    admin.reads(admin.word("Every field fits this record."))
    admin.looks("mapped")


def row_of(admin: Admin, label: str) -> Locator:
    return admin.page.locator("main").get_by_role("group", name=label)


def made_of(admin: Admin, label: str) -> Locator:
    return row_of(admin, label).get_by_role("textbox", name=admin.word("Expression"))


def preview(admin: Admin, label: str) -> Locator:
    return row_of(admin, label).locator("output")


def find_what_fails(admin: Admin, budget: str, wish: str) -> None:
    """Try it on what is stored, and look at a record that does not fit. What is not saved yet stays."""
    page, story = admin.page, admin.story
    admin.press(admin.find("button", "Test %(count)d", count=50), "Shift+Tab")
    found = page.locator("#tried")
    expect(found).to_be_focused()
    assert found.locator("h2").evaluate(IS_OPEN), "its heading is not in sight"
    counts = [" ".join(one.split()) for one in found.locator("li").all_inner_texts()]
    assert counts == [
        f"0 {admin.word('would be taken for the first time')}", f"2 {admin.word('would change')}",
        f"0 {admin.word('stay as they are')}", f"2 {admin.word('would be set aside')}",
    ]  # fmt: skip
    for field, value in ((budget, story.little), (wish, story.balcony)):
        expect(found.get_by_role("row").filter(has_text=value)).to_contain_text(field)
    admin.looks("tried")
    with page.context.expect_page() as opened:
        admin.press(found.get_by_role("row").filter(has_text=story.balcony).get_by_role("link"))
    record = opened.value
    expect(record.locator("main")).to_contain_text("Omer Levi")
    admin.looks("tried-record", record)
    record.close()
    expect(made_of(admin, story.wish)).to_have_count(1)


def publish_and_run_again(admin: Admin) -> None:
    """Publish with a note, over everything that is stored, and wait until it is done."""
    page, story = admin.page, admin.story
    admin.follow(admin.find("button", "Publish…"), "**/publish?*", "Shift+Tab")
    admin.reads(story.little, story.balcony)  # whoever publishes is told once more what will fail
    admin.write(admin.find("textbox", "What is it good for?"), f"{story.budget}, {story.wish}")
    admin.reach(admin.find("radio", "From now on. What was taken before stays as it is."))
    page.keyboard.press("ArrowUp")  # from the first one round to the last
    expect(admin.find("radio", "Run it again over everything that is stored.")).to_be_checked()
    admin.looks("publish")
    admin.follow(admin.find("button", "Publish"), "**/runs?*")
    admin.reads(admin.word("It is published and counts from now on. What is stored is run again now."))
    admin.reads(admin.word("done"), within="#runs")
    admin.looks("done")


def see_what_failed(admin: Admin, wish: str) -> None:
    """Go from the run to what it set aside, by its cause, and to one of the records."""
    page, story = admin.page, admin.story
    aside = admin.counted("%(num)s set aside", "%(num)s set aside", 2)
    admin.follow(admin.find("link", aside), "**/failures")
    admin.reads(story.little, story.balcony)
    admin.looks("failures")
    cause = page.get_by_role("row").filter(has_text=story.balcony)
    admin.follow(cause.get_by_role("link", name=admin.word("See")), "**/failures/*")
    admin.looks("failure")
    admin.follow(page.locator("main tbody").get_by_role("link"), "**/raw-records/*")
    admin.reads(admin.word("set aside"), wish, story.balcony, "Omer Levi")
    expect(admin.find("link", "Fix mapping")).to_be_visible()
    admin.looks("failed-record")


def see_the_values(admin: Admin) -> None:
    """Look at the leads: their fields are filled where they fit."""
    page, story = admin.page, admin.story
    for name, values in (("Dana Levi", ["5000", story.garden]), ("Jan Levi", [])):
        admin.follow(admin.find("link", "Leads", "header"), "**/leads")
        admin.follow(admin.find("link", name), "**/leads/*")
        expect(page.locator("#fields dd")).to_have_text(values)
        admin.looks("lead")
