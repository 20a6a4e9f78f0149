"""Is everything well? Whether we are let in, and whether each listing can be read."""

from collections.abc import Iterator, Sequence

from hub.connector.contract import Finding, Level
from hub.connector.manifest.client import Client
from hub.connector.manifest.streams import ManifestStream
from hub.errors import AuthError, ConnectorError, DisabledError, RetryLaterError, ScopeError, ShapeError

_LATER = "Try again in a minute; check the address, the server's way there and its clock."
_ACCESS = "Enter the access of this account again; its README says where to find it."
_RIGHTS = "Give whoever the access belongs to the right to read this."


def whole(client: Client, streams: Sequence[ManifestStream]) -> list[Finding]:
    """Check everything; never raises ConnectorError."""
    return list(_looked(client, streams))


def _looked(client: Client, streams: Sequence[ManifestStream]) -> Iterator[Finding]:
    manifest = client.access.manifest
    try:
        client.prove()
    except (ConnectorError, ShapeError) as error:
        yield _wrong("access", error)
        return
    yield Finding("access", Level.GREEN, f"{manifest.title} lets us in at {client.access.base}.")
    for one in streams:
        try:
            one.pull(one.begin())
        except (ConnectorError, ShapeError) as error:
            yield _wrong(f"stream {one.key}", error)
            if isinstance(error, RetryLaterError | AuthError):
                return
        else:
            yield Finding(f"stream {one.key}", Level.GREEN, f"{one.title} can be read.")
    if not manifest.proven:
        text = f"The manifest of {manifest.title} is built from documentation, not yet proven live: compare the first figures."
        yield Finding("manifest", Level.GREEN, text)


def _wrong(topic: str, error: ConnectorError | ShapeError) -> Finding:
    match error:
        case RetryLaterError():
            return Finding(topic, Level.RED, str(error), _LATER)
        case AuthError():
            return Finding(topic, Level.RED, str(error), _ACCESS)
        case ScopeError():
            return Finding(topic, Level.AMBER, str(error), _RIGHTS)
        case DisabledError():
            return Finding(topic, Level.RED, str(error), "Mend it there or in the settings, and check again.")
    return Finding(topic, Level.RED, str(error), "Correct the address or the manifest.")
