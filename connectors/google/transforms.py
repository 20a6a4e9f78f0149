"""What the mappings of Google cannot say in a path."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from connectors.google import contacts_form, letters

TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "gmail_header": letters.header,
        "gmail_parts": letters.parts,
        "gmail_places": letters.places,
        "google_addresses": contacts_form.addresses,
        "google_emails": contacts_form.emails,
        "google_employer": contacts_form.employer,
        "google_job_title": contacts_form.job_title,
        "google_phones": contacts_form.phones,
    }
)
