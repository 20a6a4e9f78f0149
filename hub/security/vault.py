"""Secrets at rest: sealed with a key that lies outside the database."""

import base64
import json
import os
from collections.abc import Mapping
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from hub.errors import ConfigError


class Vault:
    """Seals and opens. The key file has one key a line: the first seals, all open, so keys can be rotated."""

    def __init__(self, keys: list[bytes]) -> None:
        self._keys = keys
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, secrets: Mapping[str, str]) -> str:
        """Return an opaque text; empty for nothing."""
        return self._fernet.encrypt(json.dumps(dict(secrets)).encode()).decode() if secrets else ""

    def open(self, sealed: str) -> dict[str, str]:
        """Return what was sealed.

        Raises:
            ConfigError: the key that sealed it is not in the key file.
        """
        if not sealed:
            return {}
        try:
            opened: dict[str, str] = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise ConfigError("security.key_file: not the key that sealed the secrets; restore it") from None
        return opened

    def reseal(self, sealed: str) -> str:
        """Seal anew with the first key."""
        return self._fernet.rotate(sealed.encode()).decode() if sealed else ""

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for another use, such as signing the session cookie."""
        return HKDF(SHA256(), 32, salt=None, info=purpose.encode()).derive(base64.urlsafe_b64decode(self._keys[0]))


def open_vault(file: Path) -> Vault:
    """Open the key file; make it (readable by its owner only) where there is none.

    Raises:
        ConfigError: it cannot be read, or others can read it.
    """
    try:
        _create(file)
        if file.stat().st_mode & 0o077:
            raise ConfigError(f"{file}: others can read the key; run: chmod 600 {file}")
        keys = file.read_bytes().split()
        return Vault(keys)
    except (OSError, ValueError) as error:
        raise ConfigError(f"security.key_file: {file}: {error}") from None


def _create(file: Path) -> None:
    """Write a new key under another name first, so that no process ever reads half a key."""
    if file.exists():
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_name(f"{file.name}.{os.getpid()}")
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
        out.write(Fernet.generate_key() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    try:
        os.link(part, file)  # fails if another process was faster: then its key counts
    except FileExistsError:
        pass
    finally:
        part.unlink()
