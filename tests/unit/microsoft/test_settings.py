"""Settings of a Microsoft account that make no sense are refused by name, and secrets by no value."""

from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pydantic import ValidationError

from connectors.microsoft.settings import CALENDAR, CONTACTS, MAIL, SEND, SHARED, MicrosoftSettings

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
APP = {"app_only": True, "mailboxes": "noa@acme.example", "tenant": "acme.example", "client_id": "app"}


def key_pem(key: Key, password: bytes = b"") -> str:
    locked = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked).decode()


def certificate_pem(key: Key) -> str:
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "hub")])
    moment = datetime.now(UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(1).not_valid_before(moment).not_valid_after(moment + timedelta(days=9))
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture(scope="module")
def keys() -> tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]:
    return rsa.generate_private_key(65537, 2048), rsa.generate_private_key(65537, 2048)


def refusal(**values: object) -> str:
    with pytest.raises(ValidationError) as caught:
        MicrosoftSettings.model_validate(values)
    return str(caught.value)


def test_without_anything_it_waits_for_consent() -> None:
    settings = MicrosoftSettings()
    assert settings.wanted_mailboxes == ("",)
    assert settings.permissions == (MAIL, SEND, CALENDAR, CONTACTS)
    assert settings.credential == ""


def test_calendars_of_others_want_a_permission_more() -> None:
    settings = MicrosoftSettings.model_validate({"calendars": "primary\nAAMkBoss="})
    assert SHARED in settings.permissions
    assert SHARED not in MicrosoftSettings.model_validate({"calendars": "x", "calendar": False}).permissions


@pytest.mark.parametrize("tenant", ["organizations", "Common", "consumers"])
def test_an_app_that_asks_for_itself_has_one_organisation(tenant: str) -> None:
    assert "tenant" in refusal(**{**APP, "tenant": tenant})


def test_an_app_that_asks_for_itself_says_for_whom() -> None:
    assert "mailboxes" in refusal(**{**APP, "mailboxes": " \n"})
    settings = MicrosoftSettings.model_validate(
        {**APP, "mailboxes": "Noa@acme.example\n\nnoa@acme.example \nadam@x.example"}
    )
    assert settings.wanted_mailboxes == ("noa@acme.example", "adam@x.example")


@pytest.mark.parametrize(
    "address",
    [
        "http://graph.microsoft.com",
        "https://graph.microsoft.com/v1.0",
        "https://a@b.example",
        "https://x.example?y",
        "",
    ],
)
@pytest.mark.parametrize("name", ["graph_url", "authority_url"])
def test_addresses_are_hosts_with_tls(name: str, address: str) -> None:
    assert name in refusal(**{name: address})


@pytest.mark.parametrize("tenant", ["a/b", "../x", "", "x?y", "a" * 101])
def test_a_tenant_is_one_part_of_an_address(tenant: str) -> None:
    assert "tenant" in refusal(tenant=tenant)


def test_a_certificate_comes_with_its_key(keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]) -> None:
    own, other = keys
    certificate = certificate_pem(own)
    text = f"Bag Attributes\n{certificate}\nsome words\n{key_pem(own)}"
    settings = MicrosoftSettings.model_validate({**APP, "certificate": text})
    assert settings.credential == {"private_key": key_pem(own), "public_certificate": certificate}
    assert settings.certificate_ends_at is not None
    assert settings.certificate_ends_at > datetime.now(UTC) + timedelta(days=8)
    assert "not that of the private key" in refusal(**APP, certificate=key_pem(other) + certificate_pem(own))


def test_a_certificate_that_cannot_be_used_is_refused_and_not_shown(
    keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey],
) -> None:
    own, _ = keys
    curve = ec.generate_private_key(ec.SECP256R1())
    locked = key_pem(own, b"secret")
    for text, words in (
        ("nothing", "both PEM"),
        (key_pem(own), "both PEM"),
        (certificate_pem(own), "both PEM"),
        (locked + certificate_pem(own), "without a password"),
        (key_pem(curve) + certificate_pem(curve), "RSA"),
    ):
        said = refusal(**APP, certificate=text)
        assert words in said
        assert "PRIVATE KEY" not in said


def test_one_proof_is_enough(keys: tuple[rsa.RSAPrivateKey, rsa.RSAPrivateKey]) -> None:
    own, _ = keys
    assert "not both" in refusal(**APP, client_secret="x", certificate=key_pem(own) + certificate_pem(own))
