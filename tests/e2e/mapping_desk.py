"""An administrator at the mapping editor, with a browser that runs no script: what a page's form holds is what it posts."""

from typing import Any

import lxml.html
from lxml.etree import strip_tags
from werkzeug.test import TestResponse

from hub import app as hub_app
from hub import replays
from hub.fields import edit
from hub.fields.edit import Draft
from hub.fields.models import Of
from hub.mapping.models import Replay
from hub.security.policy import Person
from hub.work.lease import Lease, claim
from tests.fakes.browser import Browser
from tests.fakes.leads import Forms

ADMIN = Person(0, None, "admin@example.com", "Admin", "admin")


class Page:
    """One page as it was answered."""

    def __init__(self, answer: TestResponse) -> None:
        self.status = answer.status_code
        self.text = answer.text
        self.tree: Any = lxml.html.fromstring(answer.text or "<p></p>")
        strip_tags(self.tree, "bdi")  # it only keeps a value from turning what stands around it

    def values(self, form: str = "map") -> list[tuple[str, str]]:
        """What a form would post, without a button."""
        return [(name, value or "") for name, value in self.tree.get_element_by_id(form).form_values()]

    def words(self, xpath: str = "//main") -> str:
        """The text of a part, each run of blanks as one."""
        return " ".join(" ".join(text for one in self.tree.xpath(xpath) for text in one.itertext()).split())

    def rows(self) -> list[str]:
        """The fields of the rows, in their order."""
        return [one.get("value") for one in self.tree.xpath("//form[@id='map']//input[@name='row']")]

    def result(self, target: str) -> tuple[str, str]:
        """State and text of what becomes of a row."""
        [one] = self.tree.xpath(f"//*[@id='o-{self.rows().index(target)}']")
        return one.get("data-state"), " ".join(" ".join(one.itertext()).split())

    def buttons(self, begin: str) -> list[str]:
        """What buttons say that begin so."""
        return [
            one.get("value") for one in self.tree.xpath("//button[@name='do']") if one.get("value").startswith(begin)
        ]

    def focus(self) -> str | None:
        """The id of what gets the focus."""
        found = self.tree.xpath("//*[@autofocus]")
        return found[0].get("id") if found else None


class Desk:
    """The editor of one stream."""

    def __init__(self, admin: Browser, forms: Forms) -> None:
        self.admin, self.forms, self.hub = admin, forms, forms.hub
        self.path = "/mappings/webforms/lead"
        self.query = f"?account={forms.public_id}"

    def open(self, more: str = "") -> Page:
        page = Page(self.admin.get(f"{self.path}{self.query}{more}"))
        assert page.status == 200, page.text[-500:]
        return page

    def press(
        self, page: Page, do: str, changed: dict[str, Any] | None = None, *, to: str = "", htmx: bool = False
    ) -> Page:
        """Press a button of the form, with other values than the page has; None takes one away."""
        changed = changed or {}
        kept = [(name, value) for name, value in page.values() if name not in changed]
        for name, value in changed.items():
            kept += [(name, one) for one in (value if isinstance(value, list) else [value]) if one is not None]
        headers = {"HX-Request": "true"} if htmx else {}
        data: dict[str, list[str]] = {}
        for name, value in [*kept, ("do", do)]:
            data.setdefault(name, []).append(value)
        return Page(self.admin.client.post(f"{self.path}{to}{self.query}", data=data, headers=headers))

    def field(self, name: str, type_: str, label: str = "", **more: Any) -> None:
        """An administrator's own field of leads."""
        with self.hub.db.write() as session:
            edit.create(session, ADMIN, Of.LEAD, Draft(name=name, type=type_, labels={"en": label or name}, **more))

    def work(self) -> int:
        """Run over history whatever is asked for; returns how many runs there were."""
        done = 0
        while leases := self._claimed():
            for lease in leases:
                hub_app.replayer(self.hub).run(lease)
                done += 1
        return done

    def _claimed(self) -> list[Lease]:
        with self.hub.db.write() as session:
            return list(claim(session, Replay, replays.due(), owner="test", lease_s=60))
