"""Who works in the Workspace, and what a calendar's owner has set."""

from collections.abc import Callable

import pytest
from googleapiclient.errors import HttpError

from connectors.google.simulator import GoogleSimulator
from tests.unit.google_simulator.conftest import ADAM, DANA, MAYA, NOA, Office

Offices = Callable[..., Office]


def test_an_administrator_sees_everybody_in_the_domain(google: GoogleSimulator, office: Offices) -> None:
    users = office(NOA).admin.users()
    request, seen = users.list(customer="my_customer", maxResults=2), []
    while request is not None:
        answer = request.execute()
        seen += [one["primaryEmail"] for one in answer["users"]]
        request = users.list_next(request, answer)

    assert seen == [ADAM, MAYA, NOA]
    with pytest.raises(HttpError) as refused:
        office(ADAM).admin.users().list(customer="my_customer").execute()
    assert refused.value.resp.status == 403


def test_colleagues_see_each_other_in_the_directory(google: GoogleSimulator, office: Offices) -> None:
    sources = ["DIRECTORY_SOURCE_TYPE_DOMAIN_PROFILE"]
    people = (
        office(ADAM).people.people().listDirectoryPeople(readMask="names,emailAddresses", sources=sources).execute()
    )

    assert {one["emailAddresses"][0]["value"] for one in people["people"]} == {NOA, ADAM, MAYA}
    with pytest.raises(HttpError) as alone:
        office(DANA).people.people().listDirectoryPeople(readMask="names", sources=sources).execute()
    assert alone.value.resp.status == 403


def test_the_zone_of_a_user_is_a_setting(google: GoogleSimulator, office: Offices) -> None:
    settings = office().calendar.settings()

    assert settings.get(setting="timezone").execute()["value"] == "Asia/Jerusalem"
    assert {one["id"] for one in settings.list().execute()["items"]} >= {"timezone", "locale"}
