"""What a simulator opens that was sealed for it, and seals for others: RSA-OAEP and AES-256 in CBC, both with SHA-256 and PKCS#7."""

import base64
import hashlib
from datetime import UTC, datetime, timedelta
from functools import cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, padding, serialization
from cryptography.hazmat.primitives.asymmetric import padding as rsa_padding
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.x509.oid import NameOID

_DAYS = 365
_BLOCK_BITS = 128
_OAEP = rsa_padding.OAEP(rsa_padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)


class Opener:
    """A key pair of one use; whoever has the certificate can seal, only the simulator can open."""

    def __init__(self, use: str) -> None:
        self._key = _rsa(use)
        public = self._key.public_key()
        self.valid_from = datetime.now(UTC).replace(microsecond=0) - timedelta(days=1)
        self.valid_to = self.valid_from + timedelta(days=_DAYS)
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"Simulated {use}")])
        certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self.valid_from)
            .not_valid_after(self.valid_to)
            .sign(self._key, hashes.SHA256())
        )
        self.certificate = certificate.public_bytes(serialization.Encoding.DER)
        spki = public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
        self.id = base64.b64encode(hashlib.sha256(spki).digest()).decode()

    def opened(self, sealed: str) -> bytes:
        """Open what came in base64. Raises ValueError: it was not sealed for this key."""
        return self._key.decrypt(base64.b64decode(sealed, validate=True), _OAEP)


def encrypted(data: bytes, key: bytes, vector: bytes) -> bytes:
    """Encrypt with AES-256-CBC and PKCS#7. Raises ValueError: the key has another length."""
    padder = padding.PKCS7(_BLOCK_BITS).padder()
    cipher = Cipher(algorithms.AES256(key), modes.CBC(vector)).encryptor()
    return cipher.update(padder.update(data) + padder.finalize()) + cipher.finalize()


@cache
def _rsa(_use: str) -> rsa.RSAPrivateKey:
    """A key for this use; every simulator of a process has the same, because making one takes long."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)
