"""Settings that make sense, and consent before the token service is asked."""

from typing import Any

import pytest
from pydantic import ValidationError

from connectors.quickbooks import streams
from connectors.quickbooks.client import Client
from connectors.quickbooks.consent import QuickBooksConsent
from connectors.quickbooks.settings import SCOPE
from hub.connector.consent import ConsentError, Question, Refusal
from hub.connector.ledger import HasLines, HasPdf, Sweeps
from hub.connector.stream import Findable, Grant
from tests.unit.quickbooks.books import REALM, Tools, settings

QUESTION = Question("https://hub.example/oauth/callback", "state", "verifier")


@pytest.mark.parametrize(
    "wrong",
    [{"link": "https://x/{page}/{other}"}, {"link": "https://x/{0}"}, {"address": "12a"}, {"realm": "1", "address": "2"},
     {"base_url": "ftp://x"}, {"base_url": "https://x/?a=1"}, {"identity_url": "javascript:1"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        settings(**wrong)


def test_links_follow_the_template() -> None:
    assert settings(link="https://x.example/{id}").url_of("invoice", "txnId", "7") == "https://x.example/7"


def test_who_wants_no_suppliers_reads_none() -> None:
    found = {one.key: one for one in streams.streams(Client(settings(suppliers=False), Tools()))}
    assert found.keys() == {"companies", "contacts", "quotes", "invoices", "credit_notes", "payments"}
    assert "Vendor" not in found["contacts"].asked
    assert streams.stream(Client(settings(suppliers=False), Tools()), "bills") is None
    assert streams.stream(Client(settings(), Tools()), "journal") is None


def test_streams_offer_what_quickbooks_has() -> None:
    found = {one.key: one for one in streams.streams(Client(settings(), Tools()))}
    assert all(isinstance(one, Findable) for one in found.values())
    assert {key for key, one in found.items() if isinstance(one, Sweeps)} == found.keys() - {"companies"}
    assert {key for key, one in found.items() if isinstance(one, HasLines)} == found.keys() - {
        "companies",
        "contacts",
        "payments",
    }
    assert {key for key, one in found.items() if isinstance(one, HasPdf)} == {
        "quotes",
        "invoices",
        "credit_notes",
        "purchases",
    }


# --- consent ------------------------------------------------------------------------------------------------------------


def test_the_page_is_asked_for_the_one_scope_and_knows_where_to_come_back() -> None:
    address = QuickBooksConsent().ask(settings(), QUESTION)
    assert address.startswith("https://appcenter.intuit.com/connect/oauth2?")
    assert f"scope={SCOPE}" in address
    assert "state=state" in address
    assert "redirect_uri=https%3A%2F%2Fhub.example%2Foauth%2Fcallback" in address
    with pytest.raises(ConsentError) as error:
        QuickBooksConsent().ask(settings(client_id=""), QUESTION)
    assert error.value.refusal is Refusal.NOT_READY


@pytest.mark.parametrize(
    ("answer", "refusal"),
    [
        ({"error": "access_denied"}, Refusal.DENIED), ({"error": "server_error"}, Refusal.REFUSED), ({"realmId": REALM}, Refusal.REFUSED),
        ({"code": "c"}, Refusal.NO_ADDRESS), ({"code": "c", "realmId": "1/../2"}, Refusal.NO_ADDRESS),
        ({"code": "c", "realmId": "٣"}, Refusal.NO_ADDRESS), ({"code": "c", "realmId": "1" * 31}, Refusal.NO_ADDRESS),
        ({"code": "c", "realmId": "123"}, Refusal.REFUSED),
    ],
)  # fmt: skip
def test_an_answer_that_grants_nothing_is_told_apart(answer: dict[str, Any], refusal: Refusal) -> None:
    with pytest.raises(ConsentError) as error:
        QuickBooksConsent().finish(settings(), QUESTION, answer)
    assert error.value.refusal is refusal
    assert QuickBooksConsent().missing(settings(), Grant("r")) == ()
