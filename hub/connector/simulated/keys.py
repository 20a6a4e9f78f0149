"""Keys and certificates that a simulator makes for itself: a test authority, its server, its signatures."""

import base64
import datetime as dt
import hashlib
import ipaddress
import json
import ssl
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

_DAYS = 365


class Authority:
    """A certificate authority of one simulator, and the certificate of its server for this machine."""

    def __init__(self) -> None:
        key, server = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
        own = _builder("Simulated authority", "Simulated authority", key.public_key())
        own = own.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        own = own.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        own = own.add_extension(_usage(signs=True), critical=True)
        local = _builder("localhost", "Simulated authority", server.public_key())
        names = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
        local = local.add_extension(x509.SubjectAlternativeName(names), critical=False)
        local = local.add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key())
        local = local.add_extension(issuer, critical=False)
        self._authority = own.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        certificate = local.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        self._server = _private(server) + certificate

    def write(self, folder: Path) -> ssl.SSLContext:
        """Write what clients trust to `ca.pem`. Returns what the server needs for TLS."""
        folder.mkdir(mode=0o700, exist_ok=True)
        (folder / "ca.pem").write_bytes(self._authority)
        secret = folder / "server.pem"
        secret.touch(mode=0o600)
        secret.write_bytes(self._server)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(secret)
        return context


def _builder(name: str, issuer: str, key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer)]))
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=_DAYS))
    )


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True, content_commitment=False, key_encipherment=False, data_encipherment=False,
        key_agreement=False, key_cert_sign=signs, crl_sign=signs, encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _private(key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


class Signer:
    """An RSA key that signs JSON web tokens, and checks them."""

    def __init__(self, name: str) -> None:
        self._key = _rsa(name)
        self.id = hashlib.sha256(self.pem.encode()).hexdigest()[:40]

    @property
    def pem(self) -> str:
        return _private(self._key).decode()

    def sign(self, claims: dict[str, Any]) -> str:
        head = _encode(json.dumps({"alg": "RS256", "typ": "JWT", "kid": self.id}).encode())
        text = f"{head}.{_encode(json.dumps(claims).encode())}"
        return f"{text}.{_encode(self._key.sign(text.encode(), padding.PKCS1v15(), hashes.SHA256()))}"

    def claims(self, token: str) -> dict[str, Any]:
        """Return what a token says. Raises ValueError: not signed with this key."""
        try:
            head, body, signature = token.split(".")
            if json.loads(_decode(head)).get("alg") != "RS256":
                raise ValueError("not RS256")
            self._key.public_key().verify(
                _decode(signature), f"{head}.{body}".encode(), padding.PKCS1v15(), hashes.SHA256()
            )
            found = json.loads(_decode(body))
        except (InvalidSignature, UnicodeDecodeError, AttributeError):
            raise ValueError("a wrong signature") from None
        if not isinstance(found, dict):
            raise ValueError("no claims")  # noqa: TRY004 - whatever is wrong with a token is a wrong value
        return found

    @cached_property
    def certificate(self) -> str:
        """The public key as a certificate that the key itself signed, PEM."""
        name, key = "simulated-signer", self._key
        return (
            _builder(name, name, key.public_key())
            .sign(key, hashes.SHA256())
            .public_bytes(serialization.Encoding.PEM)
            .decode()
        )

    def jwk(self) -> dict[str, str]:
        """The public key as a JSON web key (RFC 7517)."""
        numbers = self._key.public_key().public_numbers()
        return {
            "kty": "RSA", "alg": "RS256", "use": "sig", "kid": self.id,
            "n": _encode(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8, "big")),
            "e": _encode(numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8, "big")),
        }  # fmt: skip


@cache
def _rsa(_name: str) -> rsa.RSAPrivateKey:
    """A key for this use; every simulator of a process has the same, because making one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
