"""Graph's refusals: what each means for whoever asked."""

from typing import Any

import pytest

from connectors.facebook.errors import (
    USUAL_PAUSE_S,
    BadQuestionError,
    NotShownError,
    ThrottledError,
    error_of,
    refusal_of,
    told_of,
)
from connectors.facebook.usage import Usage, usage_of
from hub.errors import (
    AuthError,
    ConflictError,
    DisabledError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)
from tests.unit.facebook.desk import refusal, usage

LAM = "CRM access has been revoked from Lead Access Manager."


@pytest.mark.parametrize(
    ("code", "subcode", "message", "kind"),
    [
        (1, 0, "An unknown error occurred", RetryLaterError),
        (2, 0, "Service temporarily unavailable", RetryLaterError),
        (4, 0, "(#4) Application request limit reached", LimitedError),
        (17, 2446079, "User request limit reached", LimitedError),
        (32, 0, "Page request limit reached", LimitedError),
        (341, 0, "Application limit reached", LimitedError),
        (613, 0, "Calls to this api have exceeded the rate limit.", LimitedError),
        (80001, 0, "There have been too many calls to this Page account.", LimitedError),
        (80005, 0, "There have been too many leadgen api calls to this Page account.", LimitedError),
        (80014, 0, "There have been too many calls.", LimitedError),
        (190, 458, "The user has not authorized application.", AuthError),
        (190, 459, "The user is enrolled in a blocking, logged-in checkpoint.", AuthError),
        (190, 460, "The session has been invalidated because the user changed their password", AuthError),
        (190, 463, "Session has expired", AuthError),
        (190, 464, "Sessions for the user are not allowed", AuthError),
        (190, 467, "The session is invalid because the user logged out.", AuthError),
        (190, 0, "Invalid OAuth access token signature.", AuthError),
        (1, 0, "Error validating client secret.", AuthError),
        (190, 492, "The user must be an administrator of the page in order to impersonate it.", ScopeError),
        (3, 0, "Application does not have the capability", ScopeError),
        (10, 0, "Application does not have permission for this action", ScopeError),
        (102, 0, "The user is not signed in", ScopeError),
        (103, 0, LAM, ScopeError),
        (200, 0, LAM, ScopeError),
        (100, 0, LAM, ScopeError),
        (200, 0, "Requires leads_retrieval permission", ScopeError),
        (299, 0, "Some permission", ScopeError),
        (100, 33, "Unsupported get request. Object with ID '1' does not exist", NotShownError),
        (803, 0, "(#803) Some of the aliases you requested do not exist: 1", NotShownError),
        (100, 0, "(#100) Tried accessing nonexisting field (x)", BadQuestionError),
        (2635, 0, "You are calling a deprecated version of the Ads API.", BadQuestionError),
        (368, 0, "The action attempted has been deemed abusive", DisabledError),
        (1892058, 0, "A test lead exists", ConflictError),
        (12345, 0, "Something that nobody knows", RejectedError),
    ],
)
@pytest.mark.parametrize("status", [200, 400, 403, 404, 429])
def test_the_code_decides_and_never_the_status(
    status: int, code: int, subcode: int, message: str, kind: type[Exception]
) -> None:
    error = error_of(status, {}, refusal(code, subcode, message))

    assert isinstance(error, kind)
    assert "Trace123" in str(error), "Meta's support asks for it"
    # A lead that waits for access or for the remote to be well must not count as refused for good.
    assert isinstance(error, RejectedError) is (kind is RejectedError)


def test_what_is_transient_passes_whatever_its_code() -> None:
    assert isinstance(error_of(400, {}, refusal(12345, is_transient=True)), RetryLaterError)
    assert isinstance(error_of(500, {}, refusal(12345)), RetryLaterError)


@pytest.mark.parametrize("told", [None, [], {}, {"error": "no"}, "<html>", {"error": None}])
@pytest.mark.parametrize("status", [302, 400, 403, 502])
def test_what_is_no_refusal_of_graph_is_somebody_between(status: int, told: Any) -> None:
    assert type(error_of(status, {}, told)) is RetryLaterError


def test_how_long_there_is_silence_the_header_says() -> None:
    error = error_of(400, usage(100, minutes=19), refusal(80005))
    assert isinstance(error, ThrottledError)
    assert (error.retry_after, error.is_of_app) == (19 * 60, False)


@pytest.mark.parametrize("header", [{}, {"X-Business-Use-Case-Usage": "no JSON"}, usage(100)])
def test_where_it_says_nothing_there_is_silence_for_a_while(header: dict[str, str]) -> None:
    error = error_of(400, header, refusal(80005))
    assert isinstance(error, ThrottledError)
    assert error.retry_after == USUAL_PAUSE_S


@pytest.mark.parametrize("code", [4, 17])
def test_a_limit_of_the_app_is_that_of_all_pages(code: int) -> None:
    error = error_of(400, {}, refusal(code))
    assert isinstance(error, ThrottledError)
    assert error.is_of_app


def test_of_a_lost_role_nobody_is_told_to_sign_in_again() -> None:
    text = str(error_of(400, {}, refusal(190, 492)))
    assert "Advertise" in text
    assert "Connect" not in text


@pytest.mark.parametrize("code", [103, 200])
def test_what_leads_access_manager_took_away_it_is_named_for(code: int) -> None:
    assert "Leads access" in str(error_of(400, {}, refusal(code, message=LAM)))


@pytest.mark.parametrize("token", ["EAAbcdefghijklmnopqrstuvwxyz0123", "731524908861234|0a1b2c3d4e5f"])
def test_a_token_in_meta_s_own_words_is_not_repeated(token: str) -> None:
    assert token not in str(error_of(400, {}, refusal(190, message=f"Malformed access token {token}")))


@pytest.mark.parametrize("error", [{"code": "190"}, {"code": True}, {"message": 3}, {"error_subcode": None}, {}])
def test_a_refusal_of_odd_shape_is_one_all_the_same(error: dict[str, Any]) -> None:
    found = refusal_of({"error": error})
    assert found is not None
    assert found.text.startswith("Meta: ")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_no_json_is_nothing(content: bytes) -> None:
    assert told_of(content) is None


# --- usage --------------------------------------------------------------------------------------------------------------


def test_the_fullest_limit_counts() -> None:
    header = {
        "x-business-use-case-usage": '{"1": [{"type": "leadgen", "call_count": 30, "total_time": 61, "total_cputime": 2},'
        ' {"type": "ads_insights", "call_count": 99}]}',
        "X-App-Usage": '{"call_count": 12, "total_time": 3, "total_cputime": 4}',
    }
    assert usage_of(header) == Usage(61, 0.0)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "3", '{"1": 3}', '{"1": [3]}', '{"1": [{"call_count": "x"}]}', "[" * 9_000]
)
def test_a_header_that_cannot_be_read_tells_nothing(text: str) -> None:
    assert usage_of({"X-Business-Use-Case-Usage": text, "X-App-Usage": text}) == Usage()
