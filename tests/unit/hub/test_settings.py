"""Settings: three sources, each stronger than the one before; what is unknown or wrong is refused and named."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from hub.errors import ConfigError
from hub.settings import CONFIG, Settings, load


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A folder with the shipped default.toml alone."""
    folder = tmp_path / "config"
    folder.mkdir()
    shutil.copy(CONFIG / "default.toml", folder)
    return folder


def read(config: Path, local: str = "", overrides: Any = None, **environment: str) -> Settings:
    if local:
        (config / "local.toml").write_text(local, "utf-8")
    return load(environment, config=config, overrides=overrides)


def refusal(config: Path, local: str = "", **environment: str) -> str:
    with pytest.raises(ConfigError) as refused:
        read(config, local, **environment)
    return str(refused.value)


class TestSources:
    def test_the_shipped_file_has_every_setting(self, config: Path) -> None:
        made = read(config)

        assert made.server.port == 8000
        assert made.hub.connectors == (
            "asterisk",
            "phonehook",
            "google",
            "microsoft",
            "facebook",
            "webforms",
            "whatsapp",
            "sms",
            "odoo",
            "xero",
            "quickbooks",
            "einvoice",
            "ksef",
            "fakturownia",
            "morning",
            "icount",
            "priority",
            "onec",
            "sapb1",
            "erpnext",
            "manifest",
            "zammad",
            "hubspot",
            "pipedrive",
            "espocrm",
            "salesforce",
        )
        sections = set(Settings.model_fields) - {"home"}
        written = {line.strip("[]\n") for line in (CONFIG / "default.toml").read_text().splitlines() if line[:1] == "["}
        assert written == sections

    def test_local_values_are_stronger_than_the_shipped_ones_and_leave_the_others(self, config: Path) -> None:
        made = read(config, '[server]\nport = 9000\n[hub]\nname = "Ours"\n')

        assert (made.server.port, made.hub.name) == (9000, "Ours")
        assert (made.server.host, made.hub.region) == ("127.0.0.1", "IL")

    def test_the_environment_is_stronger_than_both(self, config: Path) -> None:
        made = read(config, "[server]\nport = 9000\n", HUB_SERVER__PORT="9001", HUB_CALLS__KEEP_INTERNAL="false")

        assert (made.server.port, made.calls.keep_internal) == (9001, False)

    def test_the_command_line_is_the_strongest(self, config: Path) -> None:
        assert read(config, overrides={"server": {"port": 9002}}, HUB_SERVER__PORT="9001").server.port == 9002

    def test_other_variables_are_none_of_our_business(self, config: Path) -> None:
        assert read(config, PATH="/bin", HUBBLE="1", HUB="2", hub_server__port="7").server.port == 8000

    @pytest.mark.parametrize("text", ['["+1900", "+44"]', "+1900,+44", " +1900 , '+44' "])
    def test_a_list_may_be_written_with_commas_or_as_toml(self, config: Path, text: str) -> None:
        assert read(config, HUB_CALLS__BLOCKED_PREFIXES=text).calls.blocked_prefixes == ("+1900", "+44")

    @pytest.mark.parametrize(
        ("local", "text"),
        [('[notices]\nthrough = ["Office@Example.com", "lena@example.com", "office@example.com "]\n', ""),
         ("", "office@example.com, Lena@example.com")],
    )  # fmt: skip
    def test_mailboxes_of_notices_are_addresses_in_one_spelling_each_once(
        self, config: Path, local: str, text: str
    ) -> None:
        made = read(config, local, **({"HUB_NOTICES__THROUGH": text} if text else {}))

        assert made.notices.through == ("office@example.com", "lena@example.com")
        assert read(config, "[hub]\n").notices.through == ()

    def test_home_comes_from_its_variable_alone(self, config: Path, tmp_path: Path) -> None:
        made = read(config, HUB_HOME=str(tmp_path))

        assert made.home == tmp_path
        assert made.key_file == tmp_path / "secret.key"
        assert made.database_url == f"sqlite:///{tmp_path / 'hub.db'}"
        assert "HUB_HOME" in refusal(config, 'home = "/elsewhere"\n')


class TestRefused:
    @pytest.mark.parametrize("local", ["[server]\nprot = 1\n", "[serve]\nport = 1\n", "port = 1\n"])
    def test_an_unknown_name_in_the_local_file(self, config: Path, local: str) -> None:
        said = refusal(config, local)

        assert "local.toml" in said
        assert next(word for word in ("prot", "serve", "port") if word in said)
        assert "is not a setting" in said

    def test_an_unknown_name_in_the_shipped_file(self, config: Path) -> None:
        file = config / "default.toml"
        file.write_text(file.read_text("utf-8").replace("threads = 24", "threads = 24\nfibres = 1"), "utf-8")

        said = refusal(config)
        assert "default.toml: server.fibres: is not a setting" in said

    @pytest.mark.parametrize("name", ["HUB_SERVER__PROT", "HUB_SERVE__PORT"])
    def test_an_unknown_name_in_the_environment(self, config: Path, name: str) -> None:
        said = refusal(config, **{name: "1"})

        assert "the environment" in said
        assert name.removeprefix("HUB_").lower().replace("__", ".") in said or "serve" in said

    def test_a_variable_without_a_section(self, config: Path) -> None:
        assert "HUB_SERVER__PORT" in refusal(config, HUB_PORT="1")

    @pytest.mark.parametrize(
        ("local", "setting"),
        [
            ('[server]\nport = "many"\n', "server.port"),
            ("[server]\nport = 70000\n", "server.port"),
            ("[server]\nhost = 5\n", "server.host"),
            ('[server]\ntls_cert = "a.pem"\n', "server"),
            ('[hub]\nregion = "il"\n', "hub.region"),
            ('[hub]\ntime_zone = "Mars/Olympus"\n', "hub.time_zone"),
            ('[hub]\nlanguage = "xx"\n', "hub.language"),
            ('[live]\nbus = "smoke"\n', "live.bus"),
            ('[work]\nbroker = "smoke"\n', "work.broker"),
            ("[work]\nlease_s = 0\n", "work.lease_s"),
            ('[log]\nlevel = "loud"\n', "log.level"),
            ("[calls]\nqueue = 1\n", "calls.queue"),
            ('[notices]\nthrough = ["Office"]\n', "notices.through"),
            ('[notices]\nthrough = "office@example.com"\n', "notices.through"),
        ],
    )
    def test_a_wrong_value_is_named_with_its_file(self, config: Path, local: str, setting: str) -> None:
        said = refusal(config, local)

        assert f"local.toml: {setting}:" in said

    def test_a_wrong_value_in_the_environment_is_named(self, config: Path) -> None:
        assert "the environment: server.port:" in refusal(config, HUB_SERVER__PORT="many")

    @pytest.mark.parametrize("data", [b"[server\n", b"\xff\xfe", b"port = \n"])
    def test_a_file_that_is_no_toml_is_named(self, config: Path, data: bytes) -> None:
        (config / "local.toml").write_bytes(data)

        assert "local.toml: not valid TOML" in refusal(config)


def test_settings_cannot_be_changed(config: Path) -> None:
    made = read(config)
    with pytest.raises(ValidationError):
        made.server.port = 1  # type: ignore[misc]  # that it cannot be is what is tested
