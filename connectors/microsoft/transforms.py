"""What the mappings of Microsoft cannot say in a path."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from connectors.microsoft import contacts_form, event_form, letters

TRANSFORMS: Mapping[str, Callable[..., Any]] = MappingProxyType(
    {
        "outlook_addresses": contacts_form.addresses,
        "outlook_emails": contacts_form.emails,
        "outlook_end": event_form.end,
        "outlook_header": letters.header,
        "outlook_lines": event_form.lines,
        "outlook_markers": event_form.markers,
        "outlook_organiser": event_form.organiser,
        "outlook_original_start": event_form.original_start,
        "outlook_parts": letters.parts,
        "outlook_people": event_form.people,
        "outlook_phones": contacts_form.phones,
        "outlook_places": letters.places,
        "outlook_privacy": event_form.privacy,
        "outlook_start": event_form.start,
        "outlook_text": event_form.text,
        "outlook_uid": event_form.uid,
    }
)
