"""What Odoo says when it refuses: an exception's name, its words, and the status that JSON-2 answers with.

Recorded from Odoo 19.0: an unknown field is a 500 `builtins.ValueError`, a missing right a 403, a refused key a 401.
"""

from collections.abc import Sequence
from typing import Any

_CONTACT = "Contact your administrator to request access if necessary."
_VERBS = {"read": "access", "write": "modify", "create": "create", "unlink": "delete"}


class OdooError(Exception):
    """One refusal."""

    def __init__(self, name: str, message: str, status: int = 500, *, arguments: Sequence[Any] | None = None) -> None:
        super().__init__(message)
        self.name, self.message, self.status = name, message, status
        self.arguments = list(arguments) if arguments is not None else [message]

    def body(self) -> dict[str, Any]:
        """What JSON-2 answers, and what JSON-RPC puts into `error.data`."""
        return {
            "name": self.name, "message": self.message, "arguments": self.arguments, "context": {}, "debug": self.trace,
        }  # fmt: skip

    @property
    def trace(self) -> str:
        """A traceback as Odoo sends it to everybody, in short."""
        short = self.name.removeprefix("builtins.")
        return (
            "Traceback (most recent call last):\n"
            '  File "/usr/lib/python3/dist-packages/odoo/http.py", line 2273, in _serve_db\n'
            f"    return service_model.retrying(serve_func, env=self.env)\n{short}: {self.message}\n"
        )


def value_error(message: str) -> OdooError:
    return OdooError("builtins.ValueError", message)


def type_error(message: str) -> OdooError:
    return OdooError("builtins.TypeError", message)


def key_error(name: str) -> OdooError:
    return OdooError("builtins.KeyError", name)


def no_field(field: str, model: str) -> OdooError:
    """A field was asked for that the model has not."""
    return value_error(f"Invalid field '{field}' on '{model}'")


def no_field_named(field: str, model: str, behind: str = "") -> OdooError:
    """A field was named elsewhere, such as in an order, that the model has not."""
    return value_error(f"Invalid field '{field}' on model '{model}'{behind}")


def database_error(kind: str, message: str) -> OdooError:
    """PostgreSQL refused, such as `OperationalError` when it is away."""
    return OdooError(f"psycopg2.{kind}", message)


def user_error(message: str) -> OdooError:
    return OdooError("odoo.exceptions.UserError", message, 422)


def access_error(message: str) -> OdooError:
    return OdooError("odoo.exceptions.AccessError", message, 403)


def no_right(operation: str, title: str, model: str, groups: Sequence[str] = ("Role / Administrator",)) -> OdooError:
    """Somebody may not do such a thing with a model."""
    listed = "".join(f"\n\t- {group}" for group in groups)
    return access_error(
        f"You are not allowed to {_VERBS[operation]} '{title}' ({model}) records.\n\n"
        f"This operation is allowed for the following groups:{listed}\n\n{_CONTACT}"
    )


def access_denied() -> OdooError:
    """XML-RPC and JSON-RPC: the key is none."""
    return OdooError("odoo.exceptions.AccessDenied", "Access Denied", 403)


def missing(model: str, number: int, uid: int) -> OdooError:
    """Something is to be done with a record that is no more."""
    text = f"Record does not exist or has been deleted.\n(Record: {model}({number},), User: {uid})"
    return OdooError("odoo.exceptions.MissingError", text, 404)


def of_http(kind: str, message: str, status: int) -> OdooError:
    """A refusal of the web server inside Odoo."""
    return OdooError(f"werkzeug.exceptions.{kind}", message, status, arguments=[message, status])


def unauthorized(message: str) -> OdooError:
    return of_http("Unauthorized", message, 401)


def not_found(message: str) -> OdooError:
    return of_http("NotFound", message, 404)


def unprocessable(message: str) -> OdooError:
    return of_http("UnprocessableEntity", message, 422)
