"""The People API, through Google's own client."""

import base64
import json
from collections.abc import Callable
from typing import Any

import pytest
from googleapiclient.errors import HttpError

from connectors.google.simulator import GoogleSimulator
from hub.connector.simulated.picture import square
from tests.unit.google_simulator.conftest import NOA, Office

Offices = Callable[..., Office]
FIELDS = "names,emailAddresses,phoneNumbers,memberships,metadata,photos"


def everything(people: Any, **query: Any) -> tuple[list[dict[str, Any]], str]:
    connections = people.people().connections()
    found: list[dict[str, Any]] = []
    request = connections.list(resourceName="people/me", personFields=FIELDS, requestSyncToken=True, **query)
    while True:
        answer = request.execute()
        found += answer.get("connections", [])
        if "nextPageToken" not in answer:
            return found, answer.get("nextSyncToken", "")
        request = connections.list_next(request, answer)


def refused(request: Any) -> tuple[int, str]:
    with pytest.raises(HttpError) as caught:
        request.execute()
    return caught.value.resp.status, json.loads(caught.value.content)["error"]["status"]


def info(request: Any) -> str:
    with pytest.raises(HttpError) as caught:
        request.execute()
    error = json.loads(caught.value.content)["error"]
    assert error["code"] == 400
    return str(error["details"][0]["reason"])


def test_contacts_come_in_pages_and_then_by_their_changes(google: GoogleSimulator, office: Offices) -> None:
    book, people = google.user(NOA).people, office().people
    known = [
        book.add(f"Client {n}", "Cohen", emails=[f"c{n}@client.example"], phones=["+972541234567"]) for n in range(7)
    ]
    full, token = everything(people, pageSize=3)
    book.update(known[0], phoneNumbers=[{"value": "+48123456789", "type": "work"}])
    book.delete(known[1])
    new = book.add("New")
    changes, later = everything(people, pageSize=3, syncToken=token)

    assert [one["resourceName"] for one in full] == known
    assert full[0]["names"][0]["displayName"] == "Client 0 Cohen"
    assert full[0]["names"][0]["displayNameLastFirst"] == "Cohen, Client 0"
    assert full[0]["emailAddresses"][0]["metadata"]["primary"] is True
    assert [one["resourceName"] for one in changes] == [known[0], known[1], new]
    assert changes[1]["metadata"]["deleted"] is True
    assert "names" not in changes[1]
    assert changes[0]["phoneNumbers"][0]["value"] == "+48123456789"
    assert changes[0]["emailAddresses"]
    assert everything(people, pageSize=3, syncToken=later)[0] == []


def test_a_sync_token_dies_seven_days_after_the_full_listing(google: GoogleSimulator, office: Offices) -> None:
    google.oauth.access_token_s = 30 * 86_400
    people = office().people
    _, token = everything(people)
    google.clock.advance(days=6)
    _, renewed = everything(people, syncToken=token)
    google.clock.advance(days=2)

    late = (
        people.people()
        .connections()
        .list(resourceName="people/me", personFields=FIELDS, requestSyncToken=True, syncToken=renewed)
    )
    assert info(late) == "EXPIRED_SYNC_TOKEN"
    _, fresh = everything(people)
    assert everything(people, syncToken=fresh)[0] == []
    google.user(NOA).people.expire_tokens()
    again = (
        people.people()
        .connections()
        .list(resourceName="people/me", personFields=FIELDS, requestSyncToken=True, syncToken=fresh)
    )
    assert info(again) == "EXPIRED_SYNC_TOKEN"


def test_a_token_belongs_to_the_parameters_that_it_was_given_for(google: GoogleSimulator, office: Offices) -> None:
    people = office().people
    _, token = everything(people)
    connections = people.people().connections()

    other = connections.list(resourceName="people/me", personFields="names", syncToken=token)
    assert refused(other) == (400, "INVALID_ARGUMENT")
    assert refused(connections.list(resourceName="people/me"))[0] == 400
    assert refused(connections.list(resourceName="people/me", personFields="shoeSize"))[0] == 400
    assert refused(connections.list(resourceName="people/c1", personFields="names"))[0] == 400


def test_changes_show_in_listings_only_after_a_while(google: GoogleSimulator, office: Offices) -> None:
    book, people = google.user(NOA).people, office().people
    old = book.add("Old")
    _, token = everything(people)
    google.people_delay_s = 120
    new = book.add("New")
    book.update(old, names=[{"givenName": "Renamed"}])
    at_once, token = everything(people, syncToken=token)
    full, _ = everything(people)
    direct = people.people().get(resourceName=old, personFields="names").execute()
    google.clock.advance(minutes=3)
    late, _ = everything(people, syncToken=token)

    assert at_once == []
    assert [one["names"][0]["givenName"] for one in full] == ["Old"]
    assert direct["names"][0]["givenName"] == "Renamed"
    assert {one["resourceName"] for one in late} == {old, new}


def test_a_change_that_shows_is_not_lost_beside_one_that_does_not_yet(google: GoogleSimulator, office: Offices) -> None:
    book, people = google.user(NOA).people, office().people
    _, token = everything(people)
    first = book.add("First")
    google.people_delay_s = 120
    second = book.add("Second")
    soon, token = everything(people, syncToken=token)
    google.clock.advance(minutes=3)
    late, _ = everything(people, syncToken=token)

    assert [one["resourceName"] for one in soon] == [first]
    assert [one["resourceName"] for one in late] == [second]


def test_a_contact_is_made_changed_and_deleted(google: GoogleSimulator, office: Offices) -> None:
    people = office().people.people()
    body = {"names": [{"givenName": "Eve", "familyName": "Adams"}], "emailAddresses": [{"value": "eve@client.example"}]}
    made = people.createContact(body=body, personFields=FIELDS).execute()
    name = made["resourceName"]
    changed = people.updateContact(
        resourceName=name, updatePersonFields="phoneNumbers", personFields=FIELDS,
        body={"metadata": made["metadata"], "phoneNumbers": [{"value": "123"}], "names": [{"givenName": "Ignored"}]},
    ).execute()  # fmt: skip

    assert made["memberships"][0]["contactGroupMembership"]["contactGroupId"] == "myContacts"
    assert changed["names"][0]["givenName"] == "Eve"
    assert changed["phoneNumbers"][0]["value"] == "123"
    assert changed["etag"] != made["etag"]
    people.deleteContact(resourceName=name).execute()
    assert refused(people.get(resourceName=name, personFields="names")) == (404, "NOT_FOUND")
    assert refused(people.deleteContact(resourceName=name))[0] == 404


def test_an_update_needs_the_contact_as_it_is_now(google: GoogleSimulator, office: Offices) -> None:
    book, people = google.user(NOA).people, office().people.people()
    name = book.add("Eve")
    read = people.get(resourceName=name, personFields="names,metadata").execute()
    book.update(name, names=[{"givenName": "Eva"}])

    def update(body: dict[str, Any], fields: str = "names") -> Any:
        return people.updateContact(resourceName=name, updatePersonFields=fields, body=body)

    assert refused(update(read)) == (400, "FAILED_PRECONDITION")
    assert refused(update({"names": read["names"]})) == (400, "INVALID_ARGUMENT")
    fresh = people.get(resourceName=name, personFields="names,metadata").execute()
    assert refused(update(fresh, "photos"))[0] == 400
    assert refused(update(fresh | {"names": [{"givenName": "a"}, {"givenName": "b"}]}))[0] == 400
    assert refused(update(fresh | {"memberships": []}, "memberships"))[0] == 400
    update(fresh).execute()


def test_many_contacts_are_read_at_once_each_with_its_own_fate(google: GoogleSimulator, office: Offices) -> None:
    name = google.user(NOA).people.add("Eve")

    answer = (
        office()
        .people.people()
        .getBatchGet(resourceNames=[name, "people/c1", "people/me"], personFields="names")
        .execute()
    )

    assert [one["httpStatusCode"] for one in answer["responses"]] == [200, 404, 200]
    assert answer["responses"][2]["person"]["names"][0]["displayName"] == "Noa Levi"


def test_a_contact_may_change_its_resource_name(google: GoogleSimulator, office: Offices) -> None:
    book, people = google.user(NOA).people, office().people
    old = book.add("Eve")
    _, token = everything(people)
    new = book.rename(old)

    changes, _ = everything(people, syncToken=token)

    assert {one["resourceName"]: one["metadata"].get("deleted", False) for one in changes} == {old: True, new: False}
    assert changes[1]["metadata"]["previousResourceNames"] == [old]


def test_photos_are_served_and_change_their_address(google: GoogleSimulator, office: Offices) -> None:
    noa, name = office(), google.user(NOA).people.add("Eve")
    people = noa.people.people()
    before = people.get(resourceName=name, personFields="photos").execute()["photos"][0]
    body = {"photoBytes": base64.b64encode(square("own")).decode(), "personFields": "photos"}
    after = people.updateContactPhoto(resourceName=name, body=body).execute()["person"]["photos"][0]
    response, content = noa.http.request(after["url"])

    assert before["default"] is True
    assert "default" not in after
    assert after["url"] != before["url"]
    assert content == square("own")
    assert response["content-type"] == "image/png"
    assert noa.http.request(before["url"])[1][:4] == b"\x89PNG"
    people.deleteContactPhoto(resourceName=name, personFields="photos").execute()
    assert people.get(resourceName=name, personFields="photos").execute()["photos"][0]["default"] is True


def test_groups_are_listed_changed_and_joined(google: GoogleSimulator, office: Offices) -> None:
    book, groups = google.user(NOA).people, office().people.contactGroups()
    eve, dov = book.add("Eve"), book.add("Dov")
    first = groups.list().execute()
    made = groups.create(body={"contactGroup": {"name": "Clients"}}).execute()
    answer = (
        groups.members()
        .modify(resourceName=made["resourceName"], body={"resourceNamesToAdd": [eve, dov, "people/c1"]})
        .execute()
    )
    read = groups.get(resourceName=made["resourceName"], maxMembers=10, groupFields="name,memberCount").execute()
    changed = groups.list(syncToken=first["nextSyncToken"]).execute()

    assert {one["name"] for one in first["contactGroups"]} >= {"myContacts", "starred"}
    assert answer["notFoundResourceNames"] == ["people/c1"]
    assert read["memberResourceNames"] == [eve, dov]
    assert read["memberCount"] == 2
    assert [one["name"] for one in changed["contactGroups"]] == ["Clients"]
    groups.delete(resourceName=made["resourceName"]).execute()
    gone = groups.list(syncToken=changed["nextSyncToken"]).execute()["contactGroups"]
    assert gone[0]["metadata"]["deleted"] is True
    assert refused(groups.delete(resourceName="contactGroups/myContacts"))[0] == 400
    assert refused(groups.create(body={"contactGroup": {}}))[0] == 400


def test_other_contacts_have_a_listing_of_their_own(google: GoogleSimulator, office: Offices) -> None:
    book, others = google.user(NOA).people, office().people.otherContacts()
    name = book.add_other("Eve Adams", "eve@client.example")
    mask = "names,emailAddresses,metadata"
    first = others.list(readMask=mask, requestSyncToken=True).execute()
    made = others.copyOtherContactToMyContactsGroup(
        resourceName=name, body={"copyMask": "names,emailAddresses", "readMask": "names"}
    ).execute()
    book.delete_other(name)
    changes = others.list(readMask=mask, requestSyncToken=True, syncToken=first["nextSyncToken"]).execute()

    assert first["otherContacts"][0]["resourceName"] == name
    assert first["otherContacts"][0]["metadata"]["sources"][0]["type"] == "OTHER_CONTACT"
    assert made["resourceName"].startswith("people/")
    assert changes["otherContacts"][0]["metadata"]["deleted"] is True
    assert refused(others.list(readMask="organizations"))[0] == 400


def test_contacts_are_searched_by_the_beginnings_of_words(google: GoogleSimulator, office: Offices) -> None:
    google.user(NOA).people.add("Eve", "Adams", emails=["eve@client.example"])

    search = office().people.people().searchContacts

    assert search(query="ada", readMask="names").execute()["results"][0]["person"]["names"][0]["givenName"] == "Eve"
    assert search(query="zz", readMask="names").execute() == {"results": []}


def test_the_apis_answer_below_people_too(google: GoogleSimulator, office: Offices) -> None:
    response, _ = office().http.request(f"{google.settings()['base_url']}/people/v1/contactGroups")

    assert response.status == 200
