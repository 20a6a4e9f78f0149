"""Packages of invoices: a ZIP of XML files, cut into parts that are encrypted with a key of ours.

The key is not kept anywhere: it follows from the account's token and a salt, and only the salt waits in the cursor.
Source: https://github.com/CIRFMF/ksef-api/blob/main/open-api.json (POST /invoices/exports, GET /invoices/exports/{referenceNumber}:
AES-256-CBC with PKCS#7, the key sealed by RSA-OAEP with SHA-256)
"""

import base64
import hashlib
import json
import re
import secrets
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import IO, Any

from cryptography.hazmat.primitives import hashes, padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from connectors.ksef.auth import PublicKey
from hub.connector.einvoice.safe import LARGEST
from hub.errors import RetryLaterError

MOST_PARTS, MOST_ENTRIES = 200, 10_100  # KSeF: 10,000 invoices, 1 GB, in parts of 50 MB
LARGEST_PACKAGE = 2 * 2**30  # bytes
AT_ONCE = 128 * 2**20  # bytes of invoices that are held at once, and the last one
_PACKED = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}
_LARGEST_LIST = 64 * 2**20  # bytes of _metadata.json
_LIST = "_metadata.json"
_BITS = 128  # of a block of AES
# Of an invoice's file; KSeF 1 had a dash more.
NUMBER = re.compile(r"[0-9]{10}-[0-9]{8}-[0-9A-F]{6}-?[0-9A-F]{6}-[0-9A-F]{2}")
_BROKEN = "KSeF's package is not whole"


@dataclass(frozen=True, slots=True)
class Secret:
    """Key and initialization vector of one package."""

    key: bytes
    vector: bytes

    @classmethod
    def of(cls, token: str, salt: str) -> "Secret":
        """Derive them; the same for the same token and salt."""
        made = HKDF(hashes.SHA256(), 48, bytes.fromhex(salt), b"hub ksef export").derive(token.encode())
        return cls(made[:32], made[32:])

    def told(self, public: PublicKey) -> dict[str, str]:
        """Return what KSeF needs to encrypt with it."""
        vector = base64.b64encode(self.vector).decode()
        return {
            "encryptedSymmetricKey": public.sealed(self.key),
            "initializationVector": vector,
            "publicKeyId": public.id,
        }

    def opened(self, data: bytes) -> bytes:
        """Decrypt a part. Raises ValueError: it is not encrypted with this."""
        cipher = Cipher(algorithms.AES256(self.key), modes.CBC(self.vector)).decryptor()
        unpadder = padding.PKCS7(_BITS).unpadder()
        return unpadder.update(cipher.update(data) + cipher.finalize()) + unpadder.finalize()


def new_salt() -> str:
    """Return a salt for one package."""
    return secrets.token_hex(16)


def assembled(parts: Sequence[Any], secret: Secret, download: Callable[[str], bytes]) -> IO[bytes]:
    """Return the ZIP of a package as an open file without a name.

    Raises:
        RetryLaterError: a part is missing, broken, or none of ours.
    """
    if len(parts) > MOST_PARTS:
        raise RetryLaterError(f"{_BROKEN}: it has {len(parts)} parts")
    whole = tempfile.TemporaryFile()  # noqa: SIM115 - the caller closes it
    try:
        for part in sorted(parts, key=lambda one: int(one["ordinalNumber"])):
            sealed = download(str(part["url"]))
            if hash_of(sealed) != part["encryptedPartHash"]:
                raise RetryLaterError(f"{_BROKEN}: a part has another hash")
            whole.write(secret.opened(sealed))
            if whole.tell() > LARGEST_PACKAGE:
                raise RetryLaterError(f"{_BROKEN}: it is larger than any")
    except (KeyError, TypeError, ValueError) as error:
        whole.close()
        raise RetryLaterError(f"{_BROKEN}: a part cannot be decrypted or is not described") from error
    except BaseException:
        whole.close()
        raise
    return whole


@dataclass(frozen=True, slots=True)
class Packed:
    """One invoice of a package."""

    number: str
    data: bytes
    stored_at: str  # as KSeF's list says; empty: it is not on the list


def invoices(whole: IO[bytes], begin: int, most: int) -> tuple[list[Packed], int]:
    """Return some invoices of a package, in the order of their numbers, and how many there are in all.

    Args:
        begin: how many to pass over.
        most: how many, or fewer: as many as fit into `AT_ONCE`, at least one.

    Raises:
        RetryLaterError: it is no such package.
    """
    try:
        with zipfile.ZipFile(whole) as archive:
            files = _files(archive)
            listed = _list_of(archive)
            names = sorted(files)
            found: list[Packed] = []
            left = AT_ONCE
            for name in names[begin : begin + most]:
                if left <= 0:
                    break
                found.append(Packed(name, _content(archive, files[name]), listed.get(name, ("", ""))[1]))
                left -= len(found[-1].data)
    except (zipfile.BadZipFile, zlib.error, OSError, EOFError, RuntimeError, ValueError) as error:
        raise RetryLaterError(f"{_BROKEN}: {type(error).__name__}") from error
    for one in found:
        if one.number in listed and listed[one.number][0] != hash_of(one.data):
            raise RetryLaterError(f"{_BROKEN}: the invoice {one.number} has another hash")
    if missing := listed.keys() - set(names):
        raise RetryLaterError(f"{_BROKEN}: it leaves out {len(missing)} invoices")
    return found, len(names)


def hash_of(data: bytes) -> str:
    """Return SHA-256 as KSeF writes it."""
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def _files(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    entries = archive.infolist()
    if len(entries) > MOST_ENTRIES:
        raise ValueError("too many files")
    named = ((one.filename.removesuffix(".xml"), one) for one in entries)
    return {name: one for name, one in named if NUMBER.fullmatch(name)}


def _content(archive: zipfile.ZipFile, entry: zipfile.ZipInfo, largest: int = LARGEST) -> bytes:
    """Unpack a file; what is larger than any invoice is cut, and refused by whoever reads it."""
    if entry.compress_type not in _PACKED:
        raise ValueError("it is packed in another way")
    with archive.open(entry) as file:
        return file.read(largest + 1)


def _list_of(archive: zipfile.ZipFile) -> dict[str, tuple[str, str]]:
    """Return hash and moment of each invoice, as the list that comes with them says."""
    entry = next((one for one in archive.infolist() if one.filename == _LIST), None)
    if entry is None:
        return {}
    told = json.loads(_content(archive, entry, _LARGEST_LIST), parse_float=str)
    return dict(_listed(told))


def _listed(told: Any) -> Iterator[tuple[str, tuple[str, str]]]:
    for one in told.get("invoices", ()) if isinstance(told, dict) else ():
        if isinstance(one, dict) and isinstance(one.get("ksefNumber"), str) and isinstance(one.get("invoiceHash"), str):
            yield one["ksefNumber"], (one["invoiceHash"], str(one.get("permanentStorageDate") or ""))
