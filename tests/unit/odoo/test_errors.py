"""What Odoo refuses with becomes what the caller does next."""

import pytest

from connectors.odoo.errors import (
    DeadKeyError,
    NoModelError,
    NoPlaceError,
    Refusal,
    error_of,
    refusal_of,
    refusal_of_fault,
)
from hub.errors import (
    AuthError,
    ConnectorError,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)


@pytest.mark.parametrize(
    ("name", "message", "status", "kind"),
    [
        ("werkzeug.exceptions.Unauthorized", "Invalid apikey", 401, DeadKeyError),
        ("odoo.exceptions.AccessDenied", "Access Denied", 200, DeadKeyError),
        (
            "odoo.exceptions.AccessError",
            "You are not allowed to access 'Lead' (crm.lead) records.\n\nThis",
            403,
            ScopeError,
        ),
        ("werkzeug.exceptions.NotFound", "the model 'crm.lead' does not exist", 404, NoModelError),
        ("odoo.exceptions.UserError", "Object crm.lead doesn't exist", 200, NoModelError),
        ("werkzeug.exceptions.NotFound", "the method 'x' does not exist", 404, RejectedError),
        ("odoo.exceptions.MissingError", "Record does not exist or has been deleted.", 404, GoneError),
        ("builtins.TypeError", "got an unexpected keyword argument", 500, RejectedError),
        ("builtins.ValueError", "Invalid field 'nope' on 'res.partner'", 500, RejectedError),
        ("werkzeug.exceptions.UnprocessableEntity", "missing a required argument: 'domain'", 422, RejectedError),
        ("psycopg2.OperationalError", 'FATAL:  database "nope" does not exist\n', 200, AuthError),
        ("psycopg2.OperationalError", "server closed the connection unexpectedly", 500, RetryLaterError),
        ("psycopg2.errors.SerializationFailure", "could not serialize access", 500, RetryLaterError),
        ("psycopg2.errors.QueryCanceled", "canceling statement due to statement timeout", 500, RetryLaterError),
        ("psycopg2.errors.LockNotAvailable", "could not obtain lock", 500, RetryLaterError),
        ("", "", 404, NoPlaceError),
        ("", "", 401, DeadKeyError),
        ("", "", 403, DisabledError),
        ("", "", 429, LimitedError),
        ("", "", 301, RetryLaterError),
        ("", "", 418, RejectedError),
        ("", "", 502, RetryLaterError),
    ],
)
def test_a_refusal_is_what_the_caller_does_next(
    name: str, message: str, status: int, kind: type[ConnectorError]
) -> None:
    error = error_of(Refusal(name, message, status), "account.move", {})
    assert type(error) is kind
    assert len(str(error)) < 700


def test_a_500_is_not_repeated_because_of_its_status() -> None:
    assert not isinstance(error_of(Refusal("builtins.KeyError", "x", 500), "res.partner", {}), RetryLaterError)


def test_a_pause_is_as_long_as_it_is_asked_for() -> None:
    error = error_of(Refusal("", "", 429), "res.partner", {"retry-after": "7"})
    assert isinstance(error, LimitedError)
    assert error.retry_after == 7


@pytest.mark.parametrize("told", [None, [], "x", {"name": 3, "message": []}])
def test_a_refusal_that_is_no_object_has_its_status_alone(told: object) -> None:
    assert refusal_of(told, 500) == Refusal("", "", 500)


@pytest.mark.parametrize(
    ("code", "text", "kind"),
    [
        (3, "Access Denied", DeadKeyError),
        (4, "You are not allowed", ScopeError),
        (2, "Object crm.lead doesn't exist", NoModelError),
        (2, "Something else", RejectedError),
        (1, 'Traceback (most recent call last):\n  File "x"\nValueError: Invalid field', RejectedError),
        (1, "Traceback\n  File\npsycopg2.errors.SerializationFailure: could not serialize\n\n", RetryLaterError),
        (1, "", RejectedError),
    ],
)
def test_a_fault_of_xml_rpc_is_named_by_its_last_line(code: int, text: str, kind: type[ConnectorError]) -> None:
    assert type(error_of(refusal_of_fault(code, text), "res.partner", {})) is kind
