"""Signatures over the body alone: who knows the secret is believed, and nobody where there is none."""

import base64
import hashlib
import hmac

import pytest

from hub.connector.hook import Hook
from hub.connector.proof import of_body

BODY = '{"name": "דנה"}'.encode()


def signed(secret: str, body: bytes = BODY) -> str:
    return base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def hook(**headers: str) -> Hook:
    return Hook(BODY, headers, "application/json")


def test_who_knows_the_secret_is_believed() -> None:
    assert of_body("secret", hook(signature=signed("secret")), "signature")


@pytest.mark.parametrize(
    "given", ["", "x", "é", "\udcff", signed("other"), signed("secret", BODY + b" "), signed("secret")[:-1], signed("")]
)
def test_who_does_not_is_not(given: str) -> None:
    assert not of_body("secret", hook(signature=given), "signature")


def test_a_signature_under_another_name_is_none() -> None:
    assert not of_body("secret", hook(other=signed("secret")), "signature")


@pytest.mark.parametrize("headers", [{}, {"signature": ""}, {"signature": signed("")}])
def test_without_a_secret_nothing_is_proven(headers: dict[str, str]) -> None:
    assert not of_body("", hook(**headers), "signature")
