"""XML-RPC as Odoo speaks it: amounts stay the digits that were sent, and a document type is refused before it is parsed.

Source: http://xmlrpc.com/spec.md
"""

import xmlrpc.client as xml  # `decoded` refuses what entities could be declared in
from typing import Any, cast
from xml.parsers.expat import ExpatError

from hub.errors import RetryLaterError


class FaultError(Exception):
    """The remote says that the call failed."""

    def __init__(self, code: Any, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


class _Exact(xml.Unmarshaller):
    """Keeps a number with a point as text: a float would not be what was sent."""

    dispatch = dict(xml.Unmarshaller.dispatch)  # noqa: RUF012 - as the base has it

    def end_double(self, data: str) -> None:
        self.append(data.strip())
        self._value = False

    dispatch["double"] = end_double  # type: ignore[assignment]  # called with an object of this class


def encoded(method: str, *arguments: Any) -> bytes:
    """Write a call."""
    return xml.dumps(arguments, method, allow_none=True).encode()


def decoded(content: bytes) -> Any:
    """Read an answer.

    Raises:
        FaultError: the call failed.
        RetryLaterError: it is no answer of XML-RPC.
    """
    reader = _Exact()
    try:
        text = content.decode()
        if "<!DOCTYPE" in text:  # in a text of an answer it would be written with &lt;
            raise ValueError("a document type")
        parser = xml.ExpatParser(reader)
        parser.feed(text)
        parser.close()
        # `close` raises a fault, and else answers a tuple of one.
        [value] = cast("tuple[Any]", reader.close())
    except xml.Fault as fault:
        raise FaultError(fault.faultCode, str(fault.faultString)) from None
    except (ValueError, TypeError, LookupError, AttributeError, ExpatError, xml.Error) as error:
        raise RetryLaterError(f"Odoo's answer is no XML-RPC ({type(error).__name__}).") from None
    return value
