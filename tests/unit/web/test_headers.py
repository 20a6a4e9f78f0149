"""Where forms may lead: our own pages, and pages of consent by their exact origin."""

import pytest
from flask import Flask

from hub.web import headers
from hub.web.headers import CSP, origin_of

GOOGLE = "https://accounts.google.com"


@pytest.mark.parametrize(
    ("address", "origin"),
    [
        (f"{GOOGLE}/o/oauth2/v2/auth", GOOGLE),
        (f"{GOOGLE}:443/", f"{GOOGLE}:443"),
        ("http://127.0.0.1:8443/o?x=1#y", "http://127.0.0.1:8443"),
        ("https://[::1]:8443/", "https://[::1]:8443"),
        ("https://user:secret@h.example/", "https://h.example"),
        ("https://UPPER.example/", "https://upper.example"),
        ("https://דוגמה.example/", "https://xn--6dbbec0c.example"),
        ("", ""), ("/o/oauth2", ""), ("javascript:alert(1)", ""), ("https://", ""), ("https://*.example/", ""),
        ("https://x; script-src *", ""), ("https://x script-src/", ""), ("https://x,y/", ""), ("https://x:99999/", ""),
        ("https://[::1", ""), ("https://" + "a" * 70 + ".example/", ""),
    ],
)  # fmt: skip
def test_an_origin_is_scheme_host_and_port_or_nothing(address: str, origin: str) -> None:
    assert origin_of(address) == origin


def test_only_the_directive_of_forms_changes() -> None:
    response = Flask(__name__).response_class()
    headers.add(response, secure=False, forms=(GOOGLE,))
    policy = response.headers["Content-Security-Policy"]
    assert policy.replace(f" {GOOGLE}", "") == CSP
    assert f"; form-action 'self' {GOOGLE};" in policy
    headers.add(response, secure=False)
    assert response.headers["Content-Security-Policy"] == CSP
