"""The form to copy: it posts to its address, with the account's own names, and says nothing that could break out of it."""

from html.parser import HTMLParser
from typing import Any

import pytest

from connectors.webforms.settings import WebFormsSettings
from connectors.webforms.snippet import snippet
from hub.connector.contract import Account

ADDRESS = "https://hub.example/hooks/abc"


class Read(HTMLParser):
    """Tags with their attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def names(self) -> list[str | None]:
        return [attributes.get("name") for tag, attributes in self.tags if tag in {"input", "textarea"}]


def made(address: str = ADDRESS, *, name: str = "Our page", **settings: Any) -> str:
    account = Account(1, name, WebFormsSettings.model_validate(settings), "IL", "Asia/Jerusalem")
    return snippet(account, address)


def test_it_posts_to_its_address_with_the_accounts_own_names() -> None:
    read = Read(made(consent_fields="marketing\nterms", trap_field="fax", form_name="Offer"))
    [form] = [attributes for tag, attributes in read.tags if tag == "form"]
    assert (form["method"], form["action"]) == ("post", ADDRESS)
    assert {"name", "phone", "marketing", "terms", "fax", "submission_id", "utm_campaign"} <= set(read.names())
    assert [one["value"] for _, one in read.tags if one.get("name") == "form_name"] == ["Offer"]
    assert "fax" not in Read(made(trap_field="")).names()


@pytest.mark.parametrize("hostile", ['"><script>alert(1)</script>', "a'b\"c<d>&"])
def test_what_an_administrator_typed_stays_inside(hostile: str) -> None:
    honest, odd = Read(made(name="x")), Read(made(f"{ADDRESS}?{hostile}", name=hostile, consent_fields="c"))
    box = ["label", "input"]
    plain = [tag for tag, _ in odd.tags]
    assert len(plain) == len(honest.tags) + len(box)
    assert [one["value"] for _, one in odd.tags if one.get("name") == "form_name"] == [hostile]


@pytest.mark.parametrize(
    "settings",
    [{"preset": "elementor"}, {"preset": "typeform", "signing_secret": "s"}, {"proof": "hmac", "signing_secret": "s"}],
)
def test_programs_and_signed_calls_have_no_form(settings: dict[str, str]) -> None:
    assert made(**settings) == ""
