"""The connect form: made of any connector's settings, and read back without losing or showing a secret."""

from typing import Literal

import pytest
from pydantic import Field, SecretStr
from werkzeug.datastructures import MultiDict

from hub.connector.contract import AccountSettings, Connector
from hub.intake.accounts import MASK, validate
from hub.web.console import account_form


class Invented(AccountSettings):
    host: str = Field(title="Host")
    port: int = Field(5038, title="Port", ge=1)
    tls: bool = Field(default=False)
    patience_s: float = 5
    mode: Literal["read", "write"] = "read"
    context: str = "from-internal"
    allow: tuple[str, ...] = ("127.0.0.1",)
    note: str | None = None
    secret: SecretStr = Field(title="Secret")
    key: SecretStr = Field(SecretStr(""), description="Private key (PEM text)")


CONNECTOR: Connector[Invented] = Connector(
    name="invented", title="Invented", docs="", settings=Invented, check=lambda _: []
)


@pytest.fixture(autouse=True)
def english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account_form, "_", lambda text: text)


def form(**fields: str) -> MultiDict[str, str]:
    """What a browser sends for the untouched form, but for some fields."""
    sent = {"s-host": "", "s-port": "5038", "s-patience_s": "5", "s-mode": "read", "s-context": "from-internal"}
    sent |= {"s-allow": "127.0.0.1", "s-note": "", "s-secret": "", "s-key": ""}
    return MultiDict({**sent, **{f"s-{name}": value for name, value in fields.items()}})


def test_each_type_gets_its_control() -> None:
    lines = {line.name: line for line in account_form.settings_of(CONNECTOR, {})}
    assert {name: line.kind for name, line in lines.items()} == {
        "s-host": "text",
        "s-port": "number",
        "s-tls": "check",
        "s-patience_s": "number",
        "s-mode": "choice",
        "s-context": "text",
        "s-allow": "lines",
        "s-note": "text",
        "s-secret": "password",
        "s-key": "secret_text",
    }
    assert [name for name, line in lines.items() if line.required] == ["s-host", "s-secret"]
    assert lines["s-mode"].options == ("read", "write")
    assert (lines["s-port"].whole, lines["s-patience_s"].whole) == (True, False)
    assert (lines["s-port"].value, lines["s-patience_s"].value, lines["s-tls"].value) == ("5038", "5", "false")


@pytest.mark.parametrize("hint", ["Addresses, one in each line.", "One per line", "A PEM text", "The JSON file"])
def test_what_does_not_fit_on_a_line_gets_several(hint: str) -> None:
    class Long(AccountSettings):
        text: str = Field("", description=hint)
        secret: SecretStr = Field(SecretStr(""), description=hint)

    made: Connector[Long] = Connector(name="long", title="Long", docs="", settings=Long, check=lambda _: [])
    assert [line.kind for line in account_form.settings_of(made, {})] == ["lines", "secret_text"]


def test_an_untouched_form_says_only_what_has_no_default() -> None:
    assert account_form.typed(CONNECTOR, form(host=" pbx "), {}) == {"host": "pbx"}


def test_what_was_typed_passes_the_connectors_own_check() -> None:
    sent = form(host="pbx", port="5039", tls="on", mode="write", allow="10.0.0.1\r\n\r\n 10.0.0.2 ", secret=" s e c ")
    values = account_form.typed(CONNECTOR, sent, {})
    assert values == {
        "host": "pbx", "port": "5039", "tls": True, "mode": "write", "allow": ["10.0.0.1", "10.0.0.2"], "secret": "s e c",
    }  # fmt: skip
    checked = validate(CONNECTOR, values)
    assert isinstance(checked, Invented)
    assert (checked.port, checked.allow) == (5039, ("10.0.0.1", "10.0.0.2"))


def test_a_text_emptied_on_purpose_is_empty_not_the_default() -> None:
    assert account_form.typed(CONNECTOR, form(host="pbx", context=""), {}) == {"host": "pbx", "context": ""}


def test_a_secret_is_never_in_the_form() -> None:
    lines = account_form.settings_of(CONNECTOR, {"secret": "amp111", "host": "pbx"}, set_secrets={"secret"})
    assert "amp111" not in repr(lines)
    secret = next(line for line in lines if line.name == "s-secret")
    assert (secret.is_set, secret.required, secret.can_forget, secret.value) == (True, False, False, "")


def test_an_empty_secret_stays_a_typed_one_counts_and_a_box_forgets() -> None:
    kept = {"secret": MASK, "key": MASK}
    assert account_form.typed(CONNECTOR, form(host="a"), kept) == {"host": "a", "secret": MASK, "key": MASK}
    typed = account_form.typed(CONNECTOR, form(host="a", secret="new"), kept)
    assert typed == {"host": "a", "secret": "new", "key": MASK}
    sent = form(host="a")
    sent["clear-s-key"] = "on"
    assert account_form.typed(CONNECTOR, sent, kept) == {"host": "a", "secret": MASK, "key": ""}


def test_the_line_at_fault_says_why_and_is_in_sight() -> None:
    lines = account_form.settings_of(CONNECTOR, {}, wrong="allow.0", error="is no address")
    at_fault = [line for line in lines if line.error]
    assert [(line.name, line.error, line.first) for line in at_fault] == [("s-allow", "is no address", True)]
