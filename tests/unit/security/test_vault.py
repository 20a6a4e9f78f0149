"""Secrets at rest: sealed, rotated, and never readable by others."""

from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from hub.errors import ConfigError
from hub.security.vault import Vault, open_vault


def test_what_is_sealed_opens_again_and_does_not_show() -> None:
    vault = Vault([Fernet.generate_key()])
    sealed = vault.seal({"secret": "amp111"})
    assert "amp111" not in sealed
    assert vault.open(sealed) == {"secret": "amp111"}
    assert vault.open(vault.seal({})) == {}


def test_the_key_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    file = tmp_path / "home" / "secret.key"
    sealed = open_vault(file).seal({"a": "b"})
    assert file.stat().st_mode & 0o777 == 0o600
    assert open_vault(file).open(sealed) == {"a": "b"}
    assert [entry.name for entry in file.parent.iterdir()] == ["secret.key"]


def test_a_key_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "secret.key"
    open_vault(file)
    file.chmod(0o640)
    with pytest.raises(ConfigError, match="chmod 600"):
        open_vault(file)


def test_an_old_key_still_opens_after_rotation_and_a_lost_one_says_so() -> None:
    old, new = Fernet.generate_key(), Fernet.generate_key()
    sealed = Vault([old]).seal({"a": "b"})
    rotated = Vault([new, old])
    assert rotated.open(sealed) == {"a": "b"}
    assert Vault([new]).open(rotated.reseal(sealed)) == {"a": "b"}
    with pytest.raises(ConfigError, match="key_file"):
        Vault([new]).open(sealed)


def test_derived_keys_differ_by_purpose() -> None:
    vault = Vault([Fernet.generate_key()])
    assert vault.derive("session") == vault.derive("session")
    assert vault.derive("session") != vault.derive("cookie name")
    assert len(vault.derive("session")) == 32
