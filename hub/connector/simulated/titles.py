"""Texts by which the records of a container are told apart (`hub.connector.simulator.Container.texts`)."""


def next_version(title: str) -> str:
    """Return another text for a record, unlike those of all others: `Offer 3 (version 2)` after `Offer 3 (version 1)`."""
    name, _, version = title.rstrip(")").partition(" (version ")
    return f"{name} (version {int(version) + 1})"
