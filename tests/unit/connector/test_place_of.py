"""Addresses that anybody may have written: which host they name, for every reader the same."""

import pytest

from hub.connector.http import place_of


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("https://Files.Example/x?y#z", ("https", "files.example")),
        ("https://files.example:8443/x", ("https", "files.example:8443")),
        ("https://files.example@evil.example/", ("https", "files.example@evil.example")),
        ("https://files.example\\@evil.example/", ("", "")),
        ("https://files.exa\nmple/", ("", "")),
        ("https://files.example /", ("", "")),
        ("https://fil\u00e9s.example/", ("", "")),
        ("https://[", ("", "")),
        ("//files.example/", ("", "files.example")),
        ("", ("", "")),
    ],
)
def test_an_address_that_could_be_read_in_two_ways_names_no_host(address: str, place: tuple[str, str]) -> None:
    assert place_of(address) == place
