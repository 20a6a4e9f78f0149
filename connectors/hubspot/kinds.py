"""Which of HubSpot's objects are read, by which name, and with which properties.

Sources: https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/guide,
https://developers.hubspot.com/docs/api-reference/crm-companies-v3/guide,
https://developers.hubspot.com/docs/api-reference/crm-tasks-v3/guide
"""

from dataclasses import dataclass

from connectors.hubspot.settings import HubSpotSettings


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of object."""

    records: str
    title: str
    number: str  # what addresses for people call it
    changed: str  # property of its last change
    properties: tuple[str, ...]
    joined: tuple[str, ...] = ()  # kinds whose associated ids come along


KINDS = {
    "contacts": Kind(
        "contacts", "Contacts", "0-1", "lastmodifieddate",
        (
            "firstname", "lastname", "email", "hs_additional_emails", "phone", "mobilephone", "company", "jobtitle",
            "address", "city", "state", "zip", "country", "website", "associatedcompanyid", "hs_merged_object_ids",
            "lastmodifieddate",
        ),
    ),
    "companies": Kind(
        "companies", "Companies", "0-2", "hs_lastmodifieddate",
        (
            "name", "domain", "website", "phone", "address", "address2", "city", "state", "zip", "country", "description",
            "hs_merged_object_ids", "hs_lastmodifieddate",
        ),
    ),
    "tasks": Kind(
        "tasks", "Tasks", "0-27", "hs_lastmodifieddate",
        (
            "hs_task_subject", "hs_task_body", "hs_timestamp", "hs_task_status", "hs_task_completion_date", "hs_task_type",
            "hubspot_owner_id", "hs_lastmodifieddate",
        ),
        ("contacts", "companies"),
    ),
}  # fmt: skip


def wanted(settings: HubSpotSettings) -> dict[str, Kind]:
    """Return the kinds that the settings want."""
    chosen = {"contacts": settings.contacts, "companies": settings.companies, "tasks": settings.tasks}
    return {name: kind for name, kind in KINDS.items() if chosen[name]}
