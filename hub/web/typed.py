"""What somebody typed or an address says, as a database can hold it."""

from werkzeug.datastructures import MultiDict


def typed(values: MultiDict[str, str], name: str, most: int = 300) -> str:
    """Return one value, cut to `most` characters; without U+0000, which PostgreSQL holds in no text."""
    return values.get(name, "").replace("\0", "")[:most]


def all_typed(values: MultiDict[str, str], name: str, most: int = 300) -> list[str]:
    """Return all values of a name that are not empty, each as `typed` does."""
    found = (value.replace("\0", "")[:most] for value in values.getlist(name))
    return [value for value in found if value]
