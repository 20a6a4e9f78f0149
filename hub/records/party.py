"""What one record of a remote says of a person or a company: a contact, a customer card, a row of an import.

It is evidence and no more: who it is the hub decides elsewhere, from the numbers and addresses in it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Labelled:
    """One of several values, as written, with the remote's word for it: work, mobile, home."""

    value: str
    label: str = ""
    normal: str = ""  # the remote's own normal form of a number, where it has one


@dataclass(frozen=True, slots=True)
class Party:
    """A person or a company as a source writes it. Empty: the source says nothing."""

    remote_id: str
    is_company: bool = False
    name: str = ""
    given: str = ""
    family: str = ""
    company: str = ""  # where a person works
    job_title: str = ""
    emails: tuple[Labelled, ...] = ()
    phones: tuple[Labelled, ...] = ()
    addresses: tuple[Labelled, ...] = ()
    urls: tuple[Labelled, ...] = ()
    tax_id: str = ""  # as written
    tax_country: str = ""  # ISO 3166: who gave it, where the source says so beside it
    birthday: str = ""  # ISO 8601; `--05-17` where nobody told the year
    notes: str = ""
    photo_url: str = ""
    groups: tuple[str, ...] = ()
    previous: tuple[str, ...] = ()  # remote ids that the record had before
    collected: bool = False  # a program noted it, nobody wrote it down
    updated_at: datetime | None = None
    rule: Mapping[str, str] = field(
        default_factory=dict
    )  # what counts of a field beside other sources: keep, fill, overwrite
    more: Mapping[str, Any] = field(default_factory=dict)  # what an administrator's mapping adds
