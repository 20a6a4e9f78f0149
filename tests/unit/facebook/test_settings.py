"""Settings: what an administrator may enter."""

from typing import Any

import pytest
from pydantic import ValidationError

from tests.unit.facebook.desk import settings


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": "26"},
        {"version": "v26"},
        {"version": "v26.0/../v1.0"},
        {"graph_url": "http://graph.facebook.com"},
        {"graph_url": "https://graph.facebook.com/v1.0"},
        {"graph_url": "https://user@graph.facebook.com"},
        {"graph_url": "http://localhost.evil.example"},
        {"dialog_url": "javascript:alert(1)"},
        {"pages": "Green Garden"},
        {"pages": "1\n../2"},
        {"ad_accounts": "act_x"},
        {"app_id": "x"},
        {"dataset_id": "x"},
        {"config_id": "x y"},
        {"calls_per_minute": 0},
        {"timeout_s": 0},
        {"unknown": 1},
    ],
)
def test_what_cannot_be_right_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_pages_stand_in_lines() -> None:
    made = settings(pages=" 1\n2\n\n1 ")
    assert made.wanted_pages == ("1", "2")
    assert made.wants("2")
    assert not made.wants("3")
    assert settings().wants("3"), "none is named, so all are wanted"


def test_an_ad_account_may_be_written_as_meta_writes_it() -> None:
    assert settings(ad_accounts="act_123\n456").ad_accounts


@pytest.mark.parametrize(
    "address", ["https://graph.facebook.com", "http://127.0.0.1:8080", "http://localhost/", "https://[::1]:8443"]
)
def test_tokens_go_to_tls_or_stay_on_this_machine(address: str) -> None:
    assert settings(graph_url=address).base.endswith("/v26.0")


def test_no_secret_is_shown() -> None:
    made = settings(old_app_secret="the one before")
    assert not [one for one in ("test_app_secret", "the one before", "our own word", "EAAperson") if one in repr(made)]
