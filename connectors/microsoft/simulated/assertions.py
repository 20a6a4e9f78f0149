"""The signed statement with which an app shows that it has the key of its certificate.

Source: https://learn.microsoft.com/entra/identity-platform/certificate-credentials
"""

import base64
import json
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

KIND = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_PADDINGS = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(padding.MGF1(hashes.SHA256()), padding.PSS.DIGEST_LENGTH),
}


def claims(assertion: str, certificate: str) -> dict[str, Any]:
    """Return what an assertion says. Raises ValueError: not signed with the key of this certificate (PEM)."""
    known = x509.load_pem_x509_certificate(certificate.encode())
    key = known.public_key()
    try:
        head, body, signature = assertion.split(".")
        header = json.loads(_decode(head))
        prints = {
            "x5t": known.fingerprint(hashes.SHA1()),  # noqa: S303 - the header's own name for it
            "x5t#S256": known.fingerprint(hashes.SHA256()),
        }
        if not any(_decode(str(header.get(name, ""))) == value for name, value in prints.items()):
            raise ValueError("another certificate")
        if not isinstance(key, rsa.RSAPublicKey):
            raise ValueError("no RSA key")  # noqa: TRY004 - whatever is wrong with a certificate is a wrong value
        key.verify(_decode(signature), f"{head}.{body}".encode(), _PADDINGS[header.get("alg")], hashes.SHA256())
        found = json.loads(_decode(body))
    except (InvalidSignature, KeyError, AttributeError, TypeError):
        raise ValueError("a wrong signature") from None
    if not isinstance(found, dict):
        raise ValueError("no claims")  # noqa: TRY004 - whatever is wrong with a token is a wrong value
    return found


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
