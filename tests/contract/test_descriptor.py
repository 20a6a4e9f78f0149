"""What a connector says of itself, and how it treats its secrets."""

import inspect
import json
import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr, ValidationError

from hub.connector.contract import Account, AccountSettings, Connector
from hub.connector.exchange import Exchange, Sink
from hub.connector.simulator import ExchangeSimulator, Simulator
from hub.intake import accounts
from tests.contract.connectors import (
    EXCHANGES,
    NAMES,
    Ear,
    account,
    connector,
    exchange,
    secret_fields,
    secrets,
    simulated,
)

# A host key and a public key are meant to be seen.
SECRET_NAME = re.compile(r"secret|passw|token|passphrase|credential|(?<!host_)(?<!public_)key$")
MARK = "Tr0ub4dor-and-3"
WRONG: list[Any] = [
    f"{MARK}\r\nx",
    {"x": MARK},
    [MARK],
    f"{MARK}\0" * 100,
    f"mysql://user:{MARK}@pbx/records?unknown=1",
    f"nothing://user:{MARK}@pbx:port/records",
    f"mysql://user:{MARK}@pbx:99999999/records",
    f"user:{MARK}@pbx",
]


def complaint(model: type[AccountSettings], values: dict[str, Any]) -> str:
    """What is said of wrong settings; empty where they are right."""
    try:
        model.model_validate(values)
    except ValidationError as error:
        return f"{error} {error!r}"
    return ""


@pytest.mark.parametrize("name", NAMES)
class TestDescriptor:
    def test_is_complete(self, name: str) -> None:
        one = connector(name)

        assert isinstance(one, Connector)
        assert one.title.strip() == one.title != ""
        assert urlsplit(one.docs).scheme == "https"
        assert urlsplit(one.docs).hostname
        assert one.help.strip(), "what to prepare in the remote system"
        assert issubclass(one.settings, AccountSettings)
        assert one.receive or one.exchange or one.remote, "nothing comes from it"

    def test_every_setting_is_explained(self, name: str) -> None:
        fields = connector(name).settings.model_fields

        assert not [key for key, field in fields.items() if not field.title or not field.description]
        assert not [key for key, field in fields.items() if field.title and len(field.title) > 40]
        titles = [field.title for field in fields.values()]
        assert len(set(titles)) == len(titles)

    def test_what_is_called_a_secret_is_one(self, name: str) -> None:
        fields = connector(name).settings.model_fields
        named = {key for key in fields if SECRET_NAME.search(key)}

        assert named <= secret_fields(name)

    def test_every_secret_is_one_that_the_hub_seals(self, name: str) -> None:
        assert accounts.secret_names(connector(name)) == secret_fields(name)

    def test_settings_are_frozen_and_refuse_what_they_do_not_know(self, name: str) -> None:
        with simulated(name) as simulator:
            made = account(name, simulator).settings
            with pytest.raises(ValidationError):
                account(name, simulator, no_such_setting="x")
        with pytest.raises(ValidationError):
            setattr(made, next(iter(type(made).model_fields)), "x")

    def test_a_secret_is_shown_nowhere(self, name: str) -> None:
        with simulated(name) as simulator:
            made = account(name, simulator)
            shown = f"{made} {made!r} {made.settings} {made.settings!r} {made.settings.model_dump()!r}"
            shown += made.settings.model_dump_json() + json.dumps(made.settings.model_dump(mode="json"))

            assert secrets(made), "the simulator asks for none: then nothing here is tested"
            assert not [secret for secret in secrets(made) if secret in shown]

    @pytest.mark.parametrize("value", WRONG)
    def test_an_error_in_a_setting_repeats_no_secret(self, name: str, value: Any) -> None:
        model = connector(name).settings
        # A field that is not shown (repr=False) may hold a secret among other things, such as an address.
        delicate = {key for key, field in model.model_fields.items() if not field.repr} | secret_fields(name)
        with simulated(name) as simulator:
            good = simulator.settings()
        said = {key: complaint(model, {**good, key: value}) for key in delicate}

        assert not [key for key, text in said.items() if MARK in text]

    def test_the_simulator_tells_settings_that_can_be_typed(self, name: str) -> None:
        with simulated(name) as simulator:
            given = simulator.settings()

        assert all(isinstance(key, str) and isinstance(value, str) for key, value in given.items())
        assert set(given) <= set(connector(name).settings.model_fields)


def public(protocol: type) -> dict[str, Any]:
    return {name: what for name, what in vars(protocol).items() if not name.startswith("_") and callable(what)}


def missing(made: object, protocol: type) -> list[str]:
    """Methods of a protocol that an object lacks, or has with other arguments."""
    wrong = [name for name in getattr(protocol, "__annotations__", {}) if not hasattr(made, name)]
    for name, promised in public(protocol).items():
        offered = getattr(made, name, None)
        wanted = [(one.name, one.kind) for one in inspect.signature(promised).parameters.values()][1:]
        if (
            not callable(offered)
            or [(p.name, p.kind) for p in inspect.signature(offered).parameters.values()] != wanted
        ):
            wrong.append(name)
    return wrong


@pytest.mark.parametrize("name", EXCHANGES)
def test_an_exchange_offers_everything_that_the_hub_calls(name: str) -> None:
    with simulated(name) as simulator:
        made = exchange(name, simulator)

        assert missing(made, Exchange) == []
        assert made.silent_s is None or made.silent_s > 0
        assert isinstance(made.attends, bool)
        assert missing(simulator, Simulator) == []
        assert missing(simulator, ExchangeSimulator) == []
        assert isinstance(simulator.asked, int)


def test_the_ear_of_these_tests_is_a_whole_sink() -> None:
    assert missing(Ear(), Sink) == []


@pytest.mark.parametrize("name", NAMES)
def test_making_an_exchange_asks_nobody(name: str) -> None:
    """The hub makes one for every page that shows the account; nobody may wait for that."""
    make = connector(name).exchange
    if make is None:
        return
    with simulated(name) as simulator:
        made: Account[Any] = account(name, simulator)
        before = simulator.asked
        make(made)

        assert simulator.asked == before


@pytest.mark.parametrize("name", NAMES)
def test_secrets_are_secret_strings(name: str) -> None:
    model = connector(name).settings
    for key in secret_fields(name):
        default = model.model_fields[key].default
        assert isinstance(default, SecretStr) or model.model_fields[key].is_required(), key
