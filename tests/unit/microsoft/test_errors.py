"""What each refusal of Graph and of its sign-in service makes the hub do."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.microsoft.errors import USUAL_PAUSE_S, error_of, told_of
from connectors.microsoft.signin_words import LOOP_PAUSE_S, WORDS, numbers, refused
from hub.errors import (
    AuthError,
    ConflictError,
    ConnectorError,
    CursorExpired,
    DisabledError,
    GoneError,
    LimitedError,
    ReadOnlyError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)


def said(code: str, *inner: str, message: str = "Something is wrong.") -> dict[str, Any]:
    """An error with errors inside it, the widest first."""
    told: dict[str, Any] = {"date": "2026-11-22T10:00:00", "request-id": "1"}
    for one in reversed(inner):
        told = {"code": one, "innererror": told}
    return {"error": {"code": code, "message": message, "innerError": told}}


TABLE: list[tuple[int, dict[str, Any] | None, type[ConnectorError]]] = [
    (400, said("ErrorInvalidRequest"), RejectedError),
    (400, said("BadRequest", "resyncRequired"), CursorExpired),
    (400, said("SyncStateInvalid"), CursorExpired),
    (401, said("InvalidAuthenticationToken"), AuthError),
    (402, said("paymentRequired"), DisabledError),
    (403, said("ErrorAccessDenied"), ScopeError),
    (403, said("Authorization_RequestDenied"), ScopeError),
    (403, said("generalException", "insufficient_claims"), AuthError),
    (403, said("ErrorCalendarIsNotOrganizer"), ReadOnlyError),
    (403, said("ErrorQuotaExceeded"), RetryLaterError),
    (404, said("ErrorItemNotFound"), GoneError),
    (404, said("MailboxNotEnabledForRESTAPI"), DisabledError),
    (404, said("ResourceNotFound", message="Resource could not be discovered."), DisabledError),
    (404, said("ErrorInvalidUser"), DisabledError),
    (404, said("Request_ResourceNotFound"), DisabledError),
    (404, said("SyncStateNotFound"), CursorExpired),
    (408, said("requestTimeout"), RetryLaterError),
    (409, said("conflict"), ConflictError),
    (410, said("SyncStateNotFound", "resyncRequired"), CursorExpired),
    (410, said("gone", "x", "y", "RESYNCREQUIRED"), CursorExpired),
    (410, None, CursorExpired),
    (412, said("ErrorIrresolvableConflict"), ConflictError),
    (400, said("ErrorIrresolvableConflict"), ConflictError),
    (413, said("ErrorMessageSizeExceeded"), RejectedError),
    (422, None, RejectedError),
    (423, said("locked"), RetryLaterError),
    (424, said("failedDependency"), RetryLaterError),
    (429, said("TooManyRequests"), LimitedError),
    (429, said("ApplicationThrottled", "MailboxConcurrency"), LimitedError),
    (429, None, LimitedError),
    (403, said("ErrorExceededMessageLimit"), LimitedError),
    (500, said("ErrorInternalServerError"), RetryLaterError),
    (500, said("ErrorIrresolvableConflict"), RetryLaterError),
    (503, said("ErrorMailboxMoveInProgress"), RetryLaterError),
    (504, None, RetryLaterError),
    (509, None, LimitedError),
    (302, None, RetryLaterError),
]


@pytest.mark.parametrize(("status", "told", "error"), TABLE)
def test_a_refusal_says_what_happens_next(
    status: int, told: dict[str, Any] | None, error: type[ConnectorError]
) -> None:
    found = error_of(status, {}, told)
    assert type(found) is error
    if told is not None and status >= 400:
        assert told["error"]["code"] in str(found)


def test_silence_lasts_as_long_as_graph_says() -> None:
    long, usual = error_of(429, {"Retry-After": "37"}, None), error_of(429, {}, None)
    assert isinstance(long, LimitedError)
    assert isinstance(usual, LimitedError)
    assert (long.retry_after, usual.retry_after) == (37.0, USUAL_PAUSE_S)
    later = error_of(503, {"retry-after": "12"}, said("ServiceNotAvailable"))
    assert isinstance(later, RetryLaterError)
    assert later.retry_after == 12.0


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["error", "code", "innerError", "message", "details", "x"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


@given(status=st.integers(100, 999), told=_JSON)
def test_whatever_an_error_looks_like_it_is_an_error(status: int, told: Any) -> None:
    found = error_of(status, {}, told)
    assert isinstance(found, ConnectorError)
    assert len(str(found)) < 1000


@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b'"text"'])
def test_a_body_that_is_no_json_object_is_no_fault_of_ours(content: bytes) -> None:
    assert isinstance(error_of(502, {}, told_of(content)), RetryLaterError)


# --- the sign-in service ------------------------------------------------------------------------------------------------


def refusal(number: int, error: str = "invalid_grant") -> dict[str, Any]:
    text = f"AADSTS{number}: Words of Microsoft. Trace ID: 1f Correlation ID: 2f Timestamp: 2026-11-22 10:00:00Z"
    return {"error": error, "error_description": text, "error_codes": [number]}


SIGN_IN: list[tuple[int, type[ConnectorError], str]] = [
    (50076, AuthError, "second factor"),
    (50079, AuthError, "second factor"),
    (53003, AuthError, "conditional access"),
    (530003, AuthError, "managed device"),
    (700082, AuthError, "not used for so long"),
    (50173, AuthError, "taken back"),
    (65001, AuthError, "consented"),
    (50034, AuthError, "not in the directory"),
    (50194, DisabledError, "tenant"),
    (7000215, DisabledError, "its value, not its id"),
    (7000222, DisabledError, "expired"),
    (700016, DisabledError, "application id"),
    (90002, DisabledError, "tenant"),
    (50105, DisabledError, "assigned"),
    (500011, DisabledError, "Graph"),
    (700027, DisabledError, "certificate"),
    (90094, DisabledError, "administrator"),
    (90033, RetryLaterError, "just now"),
    (50196, LimitedError, "too often"),
]


@pytest.mark.parametrize(("number", "error", "words"), SIGN_IN)
def test_a_number_of_microsoft_becomes_a_sentence(number: int, error: type[ConnectorError], words: str) -> None:
    found = refused(refusal(number))
    assert type(found) is error
    assert words in str(found)
    assert f"AADSTS{number}" in str(found)
    assert "Trace ID" not in str(found)


@pytest.mark.parametrize("number", WORDS)
def test_each_sentence_ends_and_says_what_to_do(number: int) -> None:
    text = WORDS[number].text
    assert text[0].isupper()
    assert text.rstrip()[-1] in ".?"


@pytest.mark.parametrize("number", WORDS)
def test_where_nobody_can_sign_in_an_administrator_is_asked(number: int) -> None:
    found = refused(refusal(number), app_only=True)
    assert not isinstance(found, AuthError)
    assert "sign in again" not in str(found)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ("invalid_grant", AuthError),
        ("interaction_required", AuthError),
        ("invalid_client", DisabledError),
        ("unauthorized_client", DisabledError),
        ("temporarily_unavailable", RetryLaterError),
        ("server_error", RetryLaterError),
        ("", RetryLaterError),
    ],
)
def test_an_unknown_number_is_told_by_its_oauth_word(error: str, kind: type[ConnectorError]) -> None:
    found = refused(refusal(99999999, error))
    assert type(found) is kind
    assert "Words of Microsoft" in str(found)
    assert "Trace ID" not in str(found)


def test_who_asks_the_same_too_often_pauses_for_long() -> None:
    found = refused(refusal(50196))
    assert isinstance(found, LimitedError)
    assert found.retry_after == LOOP_PAUSE_S


def test_numbers_are_also_read_from_what_the_browser_brings() -> None:
    assert numbers({"error_description": "AADSTS65004: User declined."}) == (65004,)
    assert numbers({"error_codes": "65004"}) == ()
    assert numbers({}) == ()


@given(told=st.dictionaries(st.sampled_from(["error", "error_description", "error_codes", "x"]), _JSON))
def test_whatever_the_sign_in_service_says_it_is_an_error(told: dict[str, Any]) -> None:
    assert isinstance(refused(told), ConnectorError)
    assert json.dumps(numbers(told))
