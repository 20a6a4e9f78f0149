"""Where a picture of a contact may be fetched from, however its address is written; and how much of it."""

from collections.abc import Iterator
from typing import Any

import pytest

from connectors.microsoft import photos
from connectors.microsoft.client import quoted
from connectors.microsoft.settings import MicrosoftSettings
from hub.errors import RejectedError

NOA = "noa@acme.example"
SETTINGS = MicrosoftSettings.model_validate({"address": NOA})
BASE = f"https://graph.microsoft.com/v1.0/users/{NOA}/contacts"


class Clients:
    """Clients of mailboxes that note what they are asked for."""

    settings = SETTINGS
    mailbox = NOA

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []
        self._opened = ""

    def __call__(self, mailbox: str) -> Any:
        self._opened = mailbox
        return self

    def blocks(self, path: str) -> Iterator[bytes]:
        self.asked.append((self._opened, path))
        for _ in range(4):
            yield b"12345"


def test_an_address_leads_back_to_the_contact() -> None:
    clients = Clients()
    client: Any = clients
    for remote_id in ("AAk-1_=", "a/b+c", "AAk-1_%3D", "a?b#c", "../me"):
        url = photos.address(client, remote_id, "EQ/1=")
        assert photos.photo(SETTINGS, client, url, largest=20) == b"12345" * 4
        mailbox, path = clients.asked[-1]
        assert (mailbox, path) == (NOA, f"/contacts/{quoted(remote_id)}/photo/$value")
        assert path.count("/") == 4
    assert photos.address(client, "AAk-1", "1") != photos.address(client, "AAk-1", "2")


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://evil.example/v1.0/users/noa@acme.example/contacts/1/photo/$value",
        "http://graph.microsoft.com/v1.0/users/noa@acme.example/contacts/1/photo/$value",
        "https://graph.microsoft.com.evil.example/v1.0/users/noa@acme.example/contacts/1/photo/$value",
        "https://graph.microsoft.com@evil.example/v1.0/users/noa@acme.example/contacts/1/photo/$value",
        "https://graph.microsoft.com/v1.0/me/contacts/1/photo/$value",
        "https://graph.microsoft.com/v1.0/users/eve@acme.example/contacts/1/photo/$value",
        "https://graph.microsoft.com/beta/users/noa@acme.example/contacts/1/photo/$value",
        f"{BASE}/1/2/photo/$value",
        f"{BASE}/1",
        f"{BASE}/../messages/1/photo/$value",
        f"{BASE}/1/photo/$value?v=1&x=2",
        f"{BASE}/1/photo/$value#x",
        f"{BASE}/1/photo/$value\n",
        f"{BASE}/\u0661/photo/$value",
        f"{BASE}/{'1' * 700}/photo/$value",
    ],
)
def test_nothing_is_asked_for_at_another_address(url: str) -> None:
    clients = Clients()
    client: Any = clients
    with pytest.raises(RejectedError, match="not at an address"):
        photos.photo(SETTINGS, client, url, largest=20)
    assert clients.asked == []


def test_of_one_that_is_too_large_nothing_more_is_read() -> None:
    client: Any = Clients()
    with pytest.raises(RejectedError, match="larger than 19 bytes"):
        photos.photo(SETTINGS, client, f"{BASE}/1/photo/$value?v=1", largest=19)
