"""Where a picture of a contact may be fetched from, however its address is written; and in which size."""

import pytest

from connectors.google.photos import is_googles, sized
from connectors.google.settings import GoogleSettings

GOOGLE = GoogleSettings.model_validate({})
TEST_SERVER = GoogleSettings.model_validate({"base_url": "https://127.0.0.1:4443"})


@pytest.mark.parametrize(
    "url",
    [
        "https://lh3.googleusercontent.com/contacts/AG6tpz=s100",
        "https://lh3.googleusercontent.com/-T_w/AAI/AA8/00gz/s100/photo.jpg?sz=50",
        "https://lh3.googleusercontent.com:443/a",
        "https://LH3.GoogleUserContent.com/a",
        "https://lh5.ggpht.com/a/b%20c",
        "https://lh3.googleusercontent.com",
    ],
)
def test_a_picture_on_googles_hosts_is_fetched(url: str) -> None:
    assert is_googles(url, GOOGLE)


@pytest.mark.parametrize(
    "url",
    [
        "http://lh3.googleusercontent.com/a",
        "//lh3.googleusercontent.com/a",
        "ftp://lh3.googleusercontent.com/a",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "https://googleusercontent.com/a",
        "https://lh3.googleusercontent.com.evil.example/a",
        "https://evilgoogleusercontent.com/a",
        "https://evil.example/?lh3.googleusercontent.com",
        "https://evil.example/.googleusercontent.com",
        "https://evil.example#.googleusercontent.com",
        "https://evil.example?.googleusercontent.com",
        "https://evil.example\\.googleusercontent.com/a",
        "https://evil.example\\@lh3.googleusercontent.com/a",
        "https://evil.example%2f.googleusercontent.com/a",
        "https://evil.example:443@lh3.googleusercontent.com/a",
        "https://lh3.googleusercontent.com@evil.example/a",
        "https://lh3.googleusercontent.com:pass@evil.example/a",
        "https://lh3.googleusercontent.com:8443/a",
        "https://lh3.googleusercontent.com:/a",
        "https://lh3.googleusercontent.com./a",
        "https://.googleusercontent.com/a",
        "https://4.3.2.1.bc.googleusercontent.com/a",
        "https://127.0.0.1/a",
        "https://127.0.0.1:4443/a",
        "https://[::1]/a",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/a",
        "https://lh3.googleusercontent.com/a\r\nHost: evil.example",
        "https://lh3.googleusercontent.com/a b",
        "https://lh3.googleusercontent.com/a\n",
        "\thttps://lh3.googleusercontent.com/a",
        "https://lh3.\u0261oogleusercontent.com/a",
        "https://lh3。googleusercontent。com/a",
        "https://lh3.googleusercontent.com/a#b",
        "https://",
        "",
    ],
)
def test_a_picture_anywhere_else_is_not(url: str) -> None:
    assert not is_googles(url, GOOGLE)


@pytest.mark.parametrize(
    ("url", "is_theirs"),
    [
        ("https://127.0.0.1:4443/photos/c1", True),
        ("https://127.0.0.1/photos/c1", False),
        ("https://127.0.0.1:4444/photos/c1", False),
        ("https://127.0.0.1:4443@evil.example/c1", False),
        ("http://127.0.0.1:4443/photos/c1", False),
        ("https://lh3.googleusercontent.com/a", True),
    ],
)
def test_the_server_that_stands_for_google_may_have_pictures_too(url: str, is_theirs: bool) -> None:
    assert is_googles(url, TEST_SERVER) is is_theirs


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("https://lh3.googleusercontent.com/contacts/AG6=s100", "https://lh3.googleusercontent.com/contacts/AG6=s192"),
        ("https://lh3.googleusercontent.com/a/AG6=s96-c", "https://lh3.googleusercontent.com/a/AG6=s192-c"),
        ("https://h.ggpht.com/s100/photo.jpg?sz=50", "https://h.ggpht.com/s100/photo.jpg?sz=192"),
        ("https://h.ggpht.com/photo.jpg?a=1&sz=50&b=2", "https://h.ggpht.com/photo.jpg?a=1&b=2&sz=192"),
        ("https://h.ggpht.com/photo.jpg", "https://h.ggpht.com/photo.jpg?sz=192"),
        ("https://h.ggpht.com:443", "https://h.ggpht.com:443/?sz=192"),
        ("nonsense", "nonsense"),
    ],
)
def test_a_picture_is_asked_for_in_the_size_that_is_shown(url: str, asked: str) -> None:
    assert sized(url) == asked
