"""Outlook's contacts, through Graph."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from connectors.microsoft.simulator import MicrosoftSimulator
from hub.connector.simulated.picture import square
from tests.unit.microsoft_simulator.conftest import IMMUTABLE, MAYA, NOA, Graph

Graphs = Callable[..., Graph]
COLOUR = "String {66F5A359-4659-4830-9070-00047EC6AC6E} Name Color"
CONTACTS = "/me/contactFolders/{}/contacts"


def refused(found: Any) -> tuple[int, str]:
    return found.status_code, found.json()["error"]["code"]


def removed(items: list[dict[str, Any]]) -> set[str]:
    return {one["id"] for one in items if "@removed" in one}


def present(items: list[dict[str, Any]]) -> set[str]:
    return {one["id"] for one in items if "@removed" not in one}


# -- rounds of changes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/me/contacts/delta", "/me/contactFolders/contacts/contacts/microsoft.graph.delta()"])
def test_contacts_come_in_pages_and_then_by_their_changes(
    microsoft: MicrosoftSimulator, graph: Graphs, path: str
) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    known = [book.add(f"Client {n}", "Cohen", emails=[f"c{n}@client.example"]) for n in range(7)]
    headers = {"Prefer": 'IdType="ImmutableId", odata.maxpagesize=3'}
    full, link = outlook.all(path, headers=headers)
    book.update(known[0], mobilePhone="+48123456789")
    book.delete(known[1])
    new = book.add("New")
    changes, later = outlook.all(link, headers=headers)

    assert [one["id"] for one in full] == known
    assert full[0]["displayName"] == "Client 0 Cohen"
    assert full[0]["emailAddresses"] == [{"name": "c0@client.example", "address": "c0@client.example"}]
    assert (present(changes), removed(changes)) == ({known[0], new}, {known[1]})
    assert next(one for one in changes if one["id"] == known[0])["mobilePhone"] == "+48123456789"
    assert outlook.all(later, headers=headers)[0] == []


@pytest.mark.parametrize("option", ["$select=displayName", "$top=3", "$filter=surname eq 'A'", "$expand=extensions"])
def test_a_round_takes_no_options_of_a_listing(graph: Graphs, option: str) -> None:
    found = graph().ask("GET", f"/me/contacts/delta?{option}")
    assert refused(found) == (400, "ErrorInvalidUrlQuery")
    assert "'Contacts'" in found.json()["error"]["message"]


def test_a_contact_that_moves_leaves_one_folder_and_comes_to_another(
    microsoft: MicrosoftSimulator, graph: Graphs
) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    place = book.add_folder("Suppliers")
    moving = book.add("Dana", "Levi")
    paths = ("/me/contacts/delta", f"{CONTACTS.format(place)}/delta")
    links = {kind: [outlook.all(path, headers=kinds)[1] for path in paths] for kind, kinds in _KINDS.items()}
    before = book.find(moving).id
    after = book.move(moving, place)
    for kind, kinds in _KINDS.items():
        here, there = (outlook.all(link, headers=kinds)[0] for link in links[kind])
        assert removed(here) == {moving if kind == "immutable" else before}
        assert present(there) == {moving if kind == "immutable" else after}
    assert before != after
    assert refused(outlook.ask("GET", f"/me/contacts/{before}")) == (404, "ErrorItemNotFound")
    assert outlook.get(f"/me/contacts/{moving}")["parentFolderId"] == place


_KINDS: dict[str, dict[str, str]] = {"regular": {}, "immutable": IMMUTABLE}


@pytest.mark.parametrize(("fault", "gone"), [("", False), ("moved_back_lost", True)])
def test_who_leaves_and_comes_back_is_told_of_or_with_bad_luck_lost(
    microsoft: MicrosoftSimulator, graph: Graphs, fault: str, *, gone: bool
) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    place, moving = book.add_folder("Suppliers"), book.add("Dana")
    _, link = outlook.all("/me/contacts/delta", headers=IMMUTABLE)
    book.move(moving, place)
    if fault:
        microsoft.faults.add(fault)
    book.move(moving, book.default)
    changes, _ = outlook.all(link, headers=IMMUTABLE)
    assert (moving in removed(changes)) is gone
    assert (moving in present(changes)) is not gone
    assert moving in present(outlook.all("/me/contacts/delta", headers=IMMUTABLE)[0])


def test_ids_may_differ_in_nothing_but_case(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    first = book.add("First")
    second = book.add("Second", like=first)
    for headers in ({}, IMMUTABLE):
        one, other = outlook.all("/me/contacts/delta", headers=headers)[0]
        assert one["id"] != other["id"]
        assert one["id"].lower() == other["id"].lower()
        names = [outlook.get(f"/me/contacts/{it['id']}")["displayName"] for it in (one, other)]
        assert names == ["First", "Second"]
    assert first != second


def test_who_was_deleted_is_in_the_deleted_items_and_in_no_folder_of_contacts(
    microsoft: MicrosoftSimulator, graph: Graphs
) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    leaving, lost = book.add("Leaving"), book.add("Lost")
    regular = book.find(leaving).id
    _, link = outlook.all("/me/contacts/delta", headers=IMMUTABLE)
    assert outlook.ask("DELETE", f"/me/contacts/{regular}").status_code == 204
    book.delete(lost)
    assert removed(outlook.all(link, headers=IMMUTABLE)[0]) == {leaving, lost}
    assert outlook.get("/me/contacts")["value"] == []
    assert outlook.ask("GET", f"/me/contacts/{regular}").status_code == 404
    assert outlook.get(f"/me/contacts/{leaving}", headers=IMMUTABLE)["parentFolderId"] == book.deleted_items
    assert outlook.ask("GET", f"/me/contacts/{lost}", headers=IMMUTABLE).status_code == 404


def test_a_token_that_is_forgotten_begins_anew(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    kept, dropped = book.add("Kept"), book.add("Dropped")
    _, link = outlook.all("/me/contacts/delta", headers=IMMUTABLE)
    book.delete(dropped)
    book.expire_tokens()
    assert refused(outlook.ask("GET", link)) == (410, "syncStateNotFound")
    again, _ = outlook.all("/me/contacts/delta", headers=IMMUTABLE)
    assert [one["id"] for one in again] == [kept]


# -- single contacts ---------------------------------------------------------------------------------------------------


def test_a_contact_is_made_read_and_changed(graph: Graphs) -> None:
    outlook = graph()
    address = {"street": "1 Main", "city": "Haifa", "state": None, "countryOrRegion": "Israel", "postalCode": "31000"}
    made = outlook.post(
        "/me/contacts",
        {
            "givenName": "Pavel", "surname": "Bansky", "emailAddresses": [{"address": "p@x.example", "name": "Pavel"}],
            "businessPhones": ["+1 732 555 0102"], "homeAddress": address, "birthday": "1974-07-22",
        },
        headers=IMMUTABLE,
    )  # fmt: skip
    assert (made["displayName"], made["fileAs"], made["initials"]) == ("Pavel Bansky", "Bansky, Pavel", "P.B.")
    assert (made["homeAddress"], made["birthday"]) == (address, "1974-07-22T00:00:00Z")
    assert (made["mobilePhone"], made["homePhones"], made["otherAddress"]) == (None, [], {})
    changed = outlook.patch(
        f"/me/contacts/{made['id']}", {"jobTitle": "Buyer", "homeAddress": None, "categories": ["A"]}
    )
    assert (changed["jobTitle"], changed["homeAddress"], changed["categories"]) == ("Buyer", {}, ["A"])
    assert changed["changeKey"] != made["changeKey"]
    assert changed["@odata.etag"] == f'W/"{changed["changeKey"]}"'
    assert outlook.patch(f"/me/contacts/{made['id']}", {"jobTitle": None})["jobTitle"] is None


def test_a_new_part_of_the_name_overwrites_the_shown_one_unless_it_comes_along(graph: Graphs) -> None:
    outlook = graph()
    made = outlook.post("/me/contacts", {"givenName": "Dana", "displayName": "Dana of Acme"})
    path = f"/me/contacts/{made['id']}"
    assert made["displayName"] == "Dana of Acme"
    assert outlook.patch(path, {"jobTitle": "Buyer"})["displayName"] == "Dana of Acme"
    assert outlook.patch(path, {"surname": "Levi"})["displayName"] == "Dana Levi"
    assert outlook.patch(path, {"surname": "Cohen", "displayName": "Dana C."})["displayName"] == "Dana C."


def test_who_names_an_old_state_is_refused(graph: Graphs) -> None:
    outlook = graph()
    made = outlook.post("/me/contacts", {"givenName": "Dana"})
    path, first = f"/me/contacts/{made['id']}", {"If-Match": made["@odata.etag"]}
    changed = outlook.patch(path, {"givenName": "Dina"}, headers=first)
    for verb in ("PATCH", "DELETE"):
        found = outlook.ask(verb, path, json={"givenName": "Lost"}, headers=first)
        assert refused(found) == (412, "ErrorIrresolvableConflict")
    assert outlook.get(path)["givenName"] == "Dina"
    assert outlook.patch(path, {"nickName": "D"}, headers={"If-Match": changed["@odata.etag"]})["nickName"] == "D"


@pytest.mark.parametrize(
    "body",
    [
        {"emailAddresses": [{"address": f"{n}@x.example"} for n in range(4)]},
        {"businessPhones": ["1", "2", "3"]},
        {"homePhones": ["1", "2", "3"]},
        {"businessPhones": None},
        {"emailAddresses": [{"name": "no address"}]},
        {"displayName": 5},
        {"homeAddress": {"planet": "Mars"}},
        {"birthday": "some day"},
        {"id": "mine"},
        {"shoeSize": 44},
        {"singleValueExtendedProperties": [{"id": "Color", "value": "Red"}]},
    ],
)
def test_what_no_contact_holds_is_refused_and_changes_nothing(graph: Graphs, body: dict[str, Any]) -> None:
    outlook = graph()
    made = outlook.post("/me/contacts", {"givenName": "Dana"})
    path = f"/me/contacts/{made['id']}"
    assert outlook.ask("PATCH", path, json=body).status_code == 400
    assert outlook.ask("POST", "/me/contacts", json=body).status_code == 400
    after = outlook.get(path)
    assert {name: after[name] for name in after if name != "@odata.context"} == {
        name: made[name] for name in made if name != "@odata.context"
    }
    assert len(outlook.get("/me/contacts")["value"]) == 1


def test_outlook_says_how_many_addresses_are_too_many(graph: Graphs) -> None:
    found = graph().ask(
        "POST", "/me/contacts", json={"emailAddresses": [{"address": f"{n}@x.example"} for n in range(4)]}
    )
    assert "EmailAddresses has 4 entries, that exceeds the max allowed value of 3" in found.json()["error"]["message"]


# -- listings ----------------------------------------------------------------------------------------------------------


def test_a_listing_is_of_the_main_folder_and_can_be_narrowed(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    place = book.add_folder("Suppliers")
    book.add("Anna", emails=["Anna@x.example"], categories=["Customers"], companyName="O'Neil and Sons")
    book.add("Boris", emails=["boris@x.example", "b@y.example"])
    book.add("Carl", emails=["carl@x.example"], folder=place)

    def found(condition: str, path: str = "/me/contacts") -> list[str]:
        return [one["givenName"] for one in outlook.get(path, params={"$filter": condition})["value"]]

    assert [one["givenName"] for one in outlook.get("/me/contacts")["value"]] == ["Anna", "Boris"]
    assert found("emailAddresses/any(a:a/address eq 'anna@x.example')") == ["Anna"]
    assert found("emailAddresses/any(a:a/address eq 'B@y.example')") == ["Boris"]
    assert found("emailAddresses/any(a:a/address eq 'carl@x.example')") == []
    assert found("emailAddresses/any(a:a/address eq 'carl@x.example')", CONTACTS.format(place)) == ["Carl"]
    assert found("givenName eq 'none' or givenName eq 'BORIS'") == ["Boris"]
    assert found("companyName eq 'none'") == []
    assert found("companyName eq 'O''Neil and Sons' and categories/any(c:c eq 'Customers')") == ["Anna"]
    refusal = outlook.ask("GET", "/me/contacts", params={"$filter": "startswith(emailAddresses, 'a')"})
    assert refusal.status_code == 400


def test_a_listing_has_pages_an_order_and_chosen_fields(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    for number in (2, 0, 1):
        book.add(f"Client {number}")
    page = outlook.get("/me/contacts", params={"$top": "2", "$orderby": "displayName", "$select": "givenName"})
    rest = outlook.get(page["@odata.nextLink"])
    assert [one["givenName"] for one in (*page["value"], *rest["value"])] == ["Client 0", "Client 1", "Client 2"]
    assert page["value"][0].keys() == {"@odata.etag", "id", "givenName"}
    assert "@odata.nextLink" not in rest


def test_a_listing_can_be_of_what_changed_since(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    book.add("Old")
    microsoft.clock.advance(minutes=20)
    since = (microsoft.clock.now() - timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
    book.add("New")
    found = outlook.get("/me/contacts", params={"$filter": f"lastModifiedDateTime ge {since}"})["value"]
    assert [one["givenName"] for one in found] == ["New"]


def test_an_extended_property_is_found_anywhere_and_shown_where_it_is_asked_for(
    microsoft: MicrosoftSimulator, graph: Graphs
) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    place = book.add_folder("Suppliers")
    marked = {"singleValueExtendedProperties": [{"id": COLOUR, "value": "O'Green"}]}
    made = outlook.post(CONTACTS.format(place), {"givenName": "Dana", **marked}, headers=IMMUTABLE)
    book.add("Plain")
    condition = f"singleValueExtendedProperties/Any(ep: ep/id eq '{COLOUR}' and ep/value eq 'o''green')"
    expand = f"singleValueExtendedProperties($filter=id eq '{COLOUR}')"
    [found] = outlook.get("/me/contacts", params={"$filter": condition, "$expand": expand}, headers=IMMUTABLE)["value"]
    assert found["id"] == made["id"]
    [shown] = found["singleValueExtendedProperties"]
    assert (shown["id"].lower(), shown["value"]) == (COLOUR.lower(), "O'Green")
    assert "singleValueExtendedProperties" not in outlook.get(f"/me/contacts/{made['id']}")
    other = condition.replace("Color", "color")
    assert outlook.get("/me/contacts", params={"$filter": other})["value"] == []


# -- folders -----------------------------------------------------------------------------------------------------------


def test_folders_are_listed_without_the_main_one_in_which_they_lie(graph: Graphs) -> None:
    outlook = graph()
    main = outlook.get("/me/contactFolders/contacts")
    assert outlook.get("/me/contactFolders")["value"] == []
    made = outlook.post("/me/contactFolders", {"displayName": "Suppliers"})
    inner = outlook.post(f"/me/contactFolders/{made['id']}/childFolders", {"displayName": "Abroad"})
    assert [one["id"] for one in outlook.get("/me/contactFolders")["value"]] == [made["id"]]
    assert [one["id"] for one in outlook.get(f"/me/contactFolders/{made['id']}/childFolders")["value"]] == [inner["id"]]
    assert (made["parentFolderId"], inner["parentFolderId"]) == (main["id"], made["id"])
    assert outlook.get(f"/me/contactFolders/{main['id']}")["displayName"] == "Contacts"
    again = outlook.ask("POST", "/me/contactFolders", json={"displayName": "suppliers"})
    assert refused(again) == (409, "ErrorFolderExists")


def test_folders_have_a_round_of_changes_too(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    place = book.add_folder("Suppliers")
    inner = book.add_folder("Abroad", place)
    inside = book.add("Dana", folder=inner)
    full, link = outlook.all("/me/contactFolders/delta")
    assert [one["id"] for one in full] == [book.default, place, inner]
    book.rename_folder(place, "Vendors")
    assert [one["displayName"] for one in outlook.all(link)[0]] == ["Vendors"]
    assert outlook.ask("DELETE", f"/me/contactFolders/{place}").status_code == 204
    assert removed(outlook.all(link)[0]) == {place, inner}
    assert outlook.ask("GET", CONTACTS.format(inner)).status_code == 404
    assert outlook.ask("GET", f"/me/contacts/{inside}").status_code == 404
    main = outlook.ask("DELETE", f"/me/contactFolders/{book.default}")
    assert refused(main) == (400, "ErrorDeleteDistinguishedFolder")


def test_a_contact_is_not_in_a_folder_where_it_is_not(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    place, dana = book.add_folder("Suppliers"), book.add("Dana")
    assert outlook.ask("GET", f"{CONTACTS.format(place)}/{dana}").status_code == 404
    assert outlook.get(f"{CONTACTS.format('Contacts')}/{dana}")["givenName"] == "Dana"


# -- photos, rights, notifications -------------------------------------------------------------------------------------


def test_a_photo_is_put_up_described_and_handed_out(microsoft: MicrosoftSimulator, graph: Graphs) -> None:
    book, outlook = microsoft.user(NOA).contacts, graph()
    dana = book.add("Dana")
    path, png = f"/me/contacts/{dana}/photo", square("Dana", 48)
    for missing in (path, f"{path}/$value"):
        assert refused(outlook.ask("GET", missing)) == (404, "ErrorItemNotFound")
    _, link = outlook.all("/me/contacts/delta", headers=IMMUTABLE)
    put = outlook.ask("PUT", f"{path}/$value", data=png, headers={"Content-Type": "image/png"})
    assert (put.status_code, put.content) == (200, b"")
    told = outlook.get(path)
    assert (told["id"], told["width"], told["height"]) == ("48x48", 48, 48)
    assert told["@odata.mediaContentType"] == "image/png"
    found = outlook.ask("GET", f"{path}/$value")
    assert (found.content, found.headers["Content-Type"]) == (png, "image/png")
    assert present(outlook.all(link, headers=IMMUTABLE)[0]) == {dana}
    assert outlook.ask("PUT", f"{path}/$value", json={"no": "picture"}).status_code == 400
    book.put_up(dana, b"")
    assert outlook.ask("GET", path).status_code == 404


def test_who_may_only_read_writes_nothing_and_a_stranger_reads_nothing(
    microsoft: MicrosoftSimulator, graph: Graphs
) -> None:
    dana = microsoft.user(NOA).contacts.add("Dana")
    reader = graph(NOA, "Contacts.Read")
    assert reader.get(f"/me/contacts/{dana}")["givenName"] == "Dana"
    for verb, path in (("POST", "/me/contacts"), ("PATCH", f"/me/contacts/{dana}"), ("POST", "/me/contactFolders")):
        assert refused(reader.ask(verb, path, json={"displayName": "X"})) == (403, "ErrorAccessDenied")
    assert reader.ask("DELETE", f"/me/contacts/{dana}").status_code == 403
    assert graph(NOA, "Mail.Read").ask("GET", "/me/contacts").status_code == 403
    assert graph(MAYA).ask("GET", f"/users/{NOA}/contacts").status_code == 403


def test_whoever_listens_hears_of_each_change(microsoft: MicrosoftSimulator, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[tuple[str, str, str]] = []

    def hear(_address: str, resource: str, change: str, record_id: str, immutable_id: str = "") -> None:
        assert record_id != immutable_id
        heard.append((resource, change, immutable_id))

    monkeypatch.setattr(microsoft.world, "happened", hear)
    book = microsoft.user(NOA).contacts
    place = book.add_folder("Suppliers")
    dana = book.add("Dana")
    book.update(dana, surname="Levi")
    book.move(dana, place)
    book.throw_away(dana)
    main, other = f"contactFolders/{book.default}/contacts", f"contactFolders/{place}/contacts"
    assert heard == [
        (main, "created", dana), (main, "updated", dana), (main, "deleted", dana), (other, "created", dana),
        (other, "deleted", dana),
    ]  # fmt: skip
