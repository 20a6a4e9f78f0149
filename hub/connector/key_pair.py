"""A private key and its certificate in one text, both PEM: what an app signs with that a remote knows by a certificate."""

import re
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

_KEY = re.compile(r"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.*?-----END \1-----", re.DOTALL)
_CERTIFICATE = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)


@dataclass(frozen=True, slots=True)
class KeyPair:
    """A private RSA key, its certificate, and when that ends."""

    key: str  # PEM, as the certificate
    certificate: str
    ends_at: datetime


def key_pair(text: str) -> KeyPair:
    """Read a text with a key and a certificate, in any order and with anything around them.

    Raises:
        ValueError: one of them is missing or of another kind, or they do not belong together; nothing of the text is said.
    """
    key, certificate = _KEY.search(text), _CERTIFICATE.search(text)
    if key is None or certificate is None:
        raise ValueError("enter the private key and the certificate, both PEM")
    try:
        private = load_pem_private_key(key[0].encode(), password=None)
        public = x509.load_pem_x509_certificate(certificate[0].encode())
        is_pair = private.public_key() == public.public_key()
    except TypeError:  # it has a password
        raise ValueError("enter the private key without a password") from None
    except Exception:  # noqa: BLE001 - cryptography has errors of its own for each kind of key that it cannot read
        raise ValueError("enter the private key and the certificate, both PEM") from None
    if not isinstance(private, RSAPrivateKey):
        raise ValueError("the key must be an RSA key")  # noqa: TRY004 - what a person typed is no fault of types
    if not is_pair:
        raise ValueError("the certificate is not that of the private key")
    return KeyPair(f"{key[0]}\n", f"{certificate[0]}\n", public.not_valid_after_utc)
