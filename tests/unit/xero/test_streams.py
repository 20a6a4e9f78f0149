"""Listings of Xero in pages, and single records, against scripted answers."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from connectors.xero import organisation, streams
from connectors.xero.kinds import CONTACTS, CREDIT_NOTES, INVOICES, KINDS, PAYMENTS, PURCHASES, QUOTES
from connectors.xero.remote import XeroRemote
from connectors.xero.streams import OVERLAP, PATIENCE, SIZE, XeroStream
from hub.connector.ledger import HasLines, HasPdf
from hub.connector.stream import Cursor, Gone, Page, Phase, Upsert
from hub.errors import GoneError, RejectedError, RetryLaterError
from tests.unit.xero.desk import API, CONTACT, CREDIT, HEADERS, INVOICE, Hub, account, client

ORGANISATION = {"OrganisationID": "o", "Name": "Acme", "ShortCode": "!Ac", "BaseCurrency": "EUR", "APIKey": "secret"}
AT = datetime(2026, 11, 22, 10, tzinfo=UTC)
LATER = Cursor(Phase.INCREMENTAL, AT.isoformat(), rest={"short_code": "!Ac", "currency": "EUR"})


@pytest.fixture
def xero() -> Iterator[responses.RequestsMock]:
    organisation._known.clear()
    with responses.RequestsMock(assert_all_requests_are_fired=False) as mock:
        mock.get(f"{API}/Organisation", json={"Organisations": [ORGANISATION]}, headers=HEADERS)
        yield mock


def invoice(number: int, status: str = "AUTHORISED") -> dict[str, Any]:
    return {
        "InvoiceID": f"{number:08x}-0000-4000-8000-000000000000",
        "Status": status,
        "UpdatedDateUTC": f"/Date({number})/",
    }


def page(
    records: Sequence[dict[str, Any]], number: int = 1, pages: int = 1, total: int | None = None, size: int = SIZE
) -> Any:
    count = len(records) if total is None else total
    told = {"page": number, "pageSize": size, "pageCount": pages, "itemCount": count}
    return {"pagination": told, "Invoices": list(records)}


def gives(xero: responses.RequestsMock, *answers: Any, path: str = "Invoices") -> None:
    for one in answers:
        xero.get(f"{API}/{path}", json=one, headers=HEADERS)


def asked(xero: responses.RequestsMock, path: str = "Invoices") -> list[dict[str, str]]:
    urls = [urlsplit(str(call.request.url)) for call in xero.calls]
    return [{name: one[0] for name, one in parse_qs(url.query).items()} for url in urls if url.path.endswith(path)]


def made() -> XeroStream:
    return streams.stream(client(), INVOICES)


def ids(of: Page) -> list[str]:
    return [one.remote_id for one in of.changes if isinstance(one, Upsert | Gone)]


# --- pages --------------------------------------------------------------------------------------------------------------


def test_all_is_read_by_id_and_then_what_changed_since_xeros_own_clock(xero: responses.RequestsMock) -> None:
    some = [invoice(number) for number in range(3)]
    gives(xero, page(some[:2], 1, 2, 3, size=2), page(some[2:], 2, 2, 3, size=2), page([]))
    stream = made()
    first = stream.pull(stream.begin())
    assert (first.more, first.expected, len(first.changes)) == (True, 3, 2)
    last = stream.pull(first.next)
    assert not last.more
    assert (last.next.phase, last.next.token, last.next.page) == (Phase.INCREMENTAL, AT.isoformat(), "")
    assert [(one["order"], one["page"], one["pageSize"]) for one in asked(xero)] == [
        ("InvoiceID ASC", "1", "250"), ("InvoiceID ASC", "2", "250"),
    ]  # fmt: skip
    stream.pull(last.next)
    headers = [
        call.request.headers.get("If-Modified-Since") for call in xero.calls if "Invoices" in str(call.request.url)
    ]
    assert headers == [None, None, (AT - OVERLAP).strftime("%Y-%m-%dT%H:%M:%SZ")]
    assert len(asked(xero, "Organisation")) == 1, "once"


def test_a_pass_that_is_begun_again_in_the_middle_keeps_its_anchor(xero: responses.RequestsMock) -> None:
    some = [invoice(number) for number in range(2)]
    gives(xero, page(some[:1], 1, 2, 2, size=1))
    first = made().pull(LATER)
    xero.get(f"{API}/Invoices", json=page(some[1:], 2, 2, 2, size=1), headers={"Date": "Sun, 22 Nov 2026 11:00:00 GMT"})
    last = made().pull(Cursor.of_json(first.next.as_json()))
    assert last.next.token == AT.isoformat(), "the first page's moment"


def test_a_deleted_record_is_gone_and_a_void_one_stays(xero: responses.RequestsMock) -> None:
    gives(xero, page([invoice(1), invoice(2, "DELETED"), invoice(3, "VOIDED")]))
    found = made().pull(LATER)
    assert [type(one) for one in found.changes] == [Upsert, Gone, Upsert]


def test_a_whole_reading_shows_nothing_of_what_was_deleted(xero: responses.RequestsMock) -> None:
    gives(xero, page([invoice(1), invoice(2, "DELETED")]))
    assert ids(made().pull(Cursor())) == [invoice(1)["InvoiceID"]]


def test_an_archived_contact_is_gone(xero: responses.RequestsMock) -> None:
    gives(xero, {"Contacts": [{"ContactID": CONTACT, "ContactStatus": "ARCHIVED"}]}, {"Contacts": []}, path="Contacts")
    stream = streams.stream(client(), CONTACTS)
    assert stream.pull(LATER).changes == [Gone(CONTACT)]
    assert asked(xero, "Contacts")[0]["includeArchived"] == "true"


def test_a_short_page_is_asked_for_again_and_then_not_believed(xero: responses.RequestsMock) -> None:
    some = [invoice(number) for number in range(4)]
    gives(xero, page(some[:1], 1, 2, 4, size=2), page(some[:2], 1, 2, 4, size=2))
    assert len(made().pull(Cursor()).changes) == 2
    assert len(asked(xero)) == 2
    gives(xero, *[page([], 1, 2, 4, size=2)] * (1 + PATIENCE))
    with pytest.raises(RetryLaterError, match="0 of 2"):
        made().pull(Cursor())


def test_pages_that_show_nothing_new_lead_back_to_the_first(xero: responses.RequestsMock) -> None:
    some = [invoice(number) for number in range(2)]
    gives(xero, page(some, 1, 9, 18, size=2))
    stream, cursor = made(), LATER
    for _ in range(1 + PATIENCE):
        found = stream.pull(cursor)
        assert found.next != cursor
        cursor = found.next
    stuck = stream.pull(cursor)
    assert (stuck.changes, stuck.next, stuck.more) == ((), cursor, True), "which the hub takes for a circle"
    assert cursor.rest == LATER.rest
    with pytest.raises(RetryLaterError, match="circle"):
        made().present(AT)


def test_empty_pages_without_an_end_lead_back_too(xero: responses.RequestsMock) -> None:
    gives(xero, page([], 1, 9_999, 0, size=2))
    stream, cursor = made(), LATER
    for _ in range(2 + PATIENCE):
        found = stream.pull(cursor)
        if found.next == cursor:
            return
        cursor = found.next
    pytest.fail("it goes on for ever")


def test_quotes_have_no_count_of_pages_and_end_with_an_empty_one(xero: responses.RequestsMock) -> None:
    gives(xero, {"Quotes": [{"QuoteID": "q", "Status": "SENT"}]}, {"Quotes": []}, path="Quotes")
    stream = streams.stream(client(), QUOTES)
    first = stream.pull(Cursor())
    assert (first.more, len(first.changes)) == (True, 1)
    assert not stream.pull(first.next).more
    assert "pageSize" not in asked(xero, "Quotes")[0]


def test_nothing_changed_is_the_end_of_a_look(xero: responses.RequestsMock) -> None:
    xero.get(f"{API}/Invoices", status=304, headers=HEADERS)
    found = made().pull(LATER)
    assert (found.more, found.changes) == (False, [])


# --- what a record gets besides -----------------------------------------------------------------------------------------


def test_links_and_the_base_currency_come_from_the_organisation(xero: responses.RequestsMock) -> None:
    gives(xero, page([invoice(1)]))
    [one] = made().pull(Cursor()).changes
    assert isinstance(one, Upsert)
    assert one.payload["HubLink"] == f"https://go.xero.com/app/!Ac/invoicing/view/{one.remote_id}"
    assert one.payload["HubBaseCurrency"] == "EUR"
    assert one.version == "/Date(1)/"


def test_without_the_permission_for_settings_documents_are_read_all_the_same(xero: responses.RequestsMock) -> None:
    refused = {"Title": "Unauthorized", "Detail": "AuthorizationUnsuccessful"}
    xero.replace(responses.GET, f"{API}/Organisation", status=401, json=refused)
    gives(xero, page([invoice(1)]))
    [one] = made().pull(Cursor()).changes
    assert isinstance(one, Upsert)
    assert not {"HubLink", "HubBaseCurrency"} & one.payload.keys()


def test_a_payment_without_a_currency_gets_that_of_its_document(xero: responses.RequestsMock) -> None:
    told = [
        {"PaymentID": "1", "Status": "AUTHORISED", "Invoice": {"InvoiceID": INVOICE}},
        {"PaymentID": "2", "Status": "AUTHORISED", "Invoice": {"InvoiceID": CONTACT, "CurrencyCode": "GBP"}},
        {"PaymentID": "3", "Status": "AUTHORISED", "CreditNote": {"CreditNoteID": CREDIT}},
        {"PaymentID": "4", "Status": "AUTHORISED"},
    ]
    gives(
        xero,
        {"Payments": told, "pagination": {"page": 1, "pageSize": 250, "pageCount": 1, "itemCount": 4}},
        path="Payments",
    )
    gives(xero, {"Invoices": [{"InvoiceID": INVOICE, "CurrencyCode": "USD"}]})
    gives(xero, {"CreditNotes": [{"CreditNoteID": CREDIT, "CurrencyCode": "EUR"}]}, path=f"CreditNotes/{CREDIT}")
    found = streams.stream(client(), PAYMENTS).pull(LATER)
    currencies = [
        (one.payload.get("Invoice") or one.payload.get("CreditNote") or {}).get("CurrencyCode")
        for one in found.changes
        if isinstance(one, Upsert)
    ]
    assert currencies == ["USD", "GBP", "EUR", None]
    assert asked(xero)[0]["IDs"] == INVOICE


def test_a_document_that_is_gone_has_no_currency_to_give(xero: responses.RequestsMock) -> None:
    told = [{"PaymentID": "3", "Status": "AUTHORISED", "CreditNote": {"CreditNoteID": CREDIT}}]
    gives(xero, {"Payments": told}, {"Payments": []}, path="Payments")
    xero.get(f"{API}/CreditNotes/{CREDIT}", status=404)
    [one] = streams.stream(client(), PAYMENTS).pull(LATER).changes
    assert isinstance(one, Upsert)


# --- single records -----------------------------------------------------------------------------------------------------


def test_single_records_are_found_together_and_who_is_missing_is_gone(xero: responses.RequestsMock) -> None:
    there, deleted, missing = invoice(1), invoice(2, "DELETED"), invoice(3)["InvoiceID"]
    gives(xero, {"Invoices": [there, deleted]})
    found = made().find([there["InvoiceID"], deleted["InvoiceID"], missing])
    assert [(type(one), one.remote_id) for one in found if isinstance(one, Upsert | Gone)] == [
        (Upsert, there["InvoiceID"]), (Gone, deleted["InvoiceID"]), (Gone, missing),
    ]  # fmt: skip
    assert len(asked(xero)) == 1


def test_an_answer_about_single_records_that_is_not_whole_takes_nothing_away(xero: responses.RequestsMock) -> None:
    some = [invoice(number) for number in range(3)]
    wanted = [one["InvoiceID"] for one in some]
    gives(xero, page([], 1, 2, 3, size=2), page(some[:2], 1, 2, 3, size=2), page(some[2:], 2, 2, 3, size=2))
    assert [type(one) for one in made().find(wanted)] == [Upsert] * 3
    assert [(one["IDs"], one["page"]) for one in asked(xero)] == [(",".join(wanted), number) for number in "112"]


def test_single_records_without_an_end_are_left_for_later(xero: responses.RequestsMock) -> None:
    gives(xero, page([invoice(1)], 1, 9, 9, size=1))
    with pytest.raises(RetryLaterError, match="circle"):
        made().find([invoice(1)["InvoiceID"], invoice(2)["InvoiceID"]])
    assert len(asked(xero)) == 2


def test_kinds_that_take_no_ids_are_asked_one_by_one(xero: responses.RequestsMock) -> None:
    gives(xero, {"CreditNotes": [{"CreditNoteID": CREDIT, "Status": "PAID"}]}, path=f"CreditNotes/{CREDIT}")
    xero.get(f"{API}/CreditNotes/{INVOICE}", status=404)
    found = streams.stream(client(), CREDIT_NOTES).find([CREDIT, INVOICE])
    assert [type(one) for one in found] == [Upsert, Gone]


def test_what_is_present_are_the_ids_of_what_is_not_deleted(xero: responses.RequestsMock) -> None:
    some = [invoice(1), invoice(2, "DELETED"), invoice(3)]
    gives(xero, page(some[:2], 1, 2, 3, size=2), page(some[2:], 2, 2, 3, size=2))
    assert made().present(AT) == {some[0]["InvoiceID"], some[2]["InvoiceID"]}


def test_lines_and_pdf(xero: responses.RequestsMock) -> None:
    stream = made()
    assert isinstance(stream, HasLines)
    assert isinstance(stream, HasPdf)
    gives(xero, {"Invoices": [{**invoice(1), "LineItems": [{"Description": "Work"}]}]}, path=f"Invoices/{INVOICE}")
    assert [one.text for one in stream.lines(INVOICE)] == ["Work"]
    xero.get(f"{API}/Invoices/{CREDIT}", status=404)
    with pytest.raises(GoneError):
        stream.lines(CREDIT)
    with pytest.raises(RejectedError):
        stream.pdf(INVOICE, largest=1 << 20)  # JSON came


def test_who_prints_and_who_has_lines() -> None:
    found = {kind.records: streams.stream(client(), kind) for kind in KINDS.values()}
    assert {name for name, one in found.items() if isinstance(one, HasPdf)} == {
        "invoices", "credit_notes", "quotes", "purchases",
    }  # fmt: skip
    assert not isinstance(found["contacts"], HasLines)
    assert found["invoices"].full_every == timedelta(days=30)
    assert found["invoices"].every == timedelta(seconds=900)
    assert found[PURCHASES.records].every == timedelta(hours=1)


# --- the account --------------------------------------------------------------------------------------------------------


def test_the_organisation_is_a_record_without_its_key(xero: responses.RequestsMock) -> None:
    remote = XeroRemote(account(), Hub())
    stream = remote.stream("companies")
    found = stream.pull(stream.begin())
    assert found.changes == [Upsert("o", {name: one for name, one in ORGANISATION.items() if name != "APIKey"})]
    assert not found.more
    assert stream.find(["o", "p"]) == [*found.changes, Gone("p")]  # type: ignore[attr-defined]  # it is findable


def test_nothing_is_written_and_unknown_streams_are_gone() -> None:
    remote = XeroRemote(account(), Hub())
    assert [one.key for one in remote.streams()] == ["companies", *KINDS]
    for key in KINDS:
        with pytest.raises(RejectedError):
            remote.writer(key)
    with pytest.raises(GoneError):
        remote.stream("journals")
