"""What each program posts, as a lead: who, what was asked, where from, what was agreed to."""

import json
from typing import Any

import pytest

from connectors.webforms.webhook import receive
from hub.errors import ShapeError
from hub.flow import MAPPINGS
from hub.identity.transforms import TRANSFORMS
from hub.leads.answers import Field, understood
from hub.leads.said import said
from hub.mapping.apply import apply
from hub.mapping.load import read_file
from hub.mapping.transforms import Context, Registry
from hub.store.base import now
from tests.unit.webforms.desk import FIXTURES, answers, hook, in_form, in_json, lead, recorded, taken

RECORDED = sorted(str(file.relative_to(FIXTURES).with_suffix("")) for file in FIXTURES.rglob("*.http"))


def read(name: str) -> dict[str, Any]:
    return lead(receive(*recorded(name)))


def consent(payload: dict[str, Any]) -> dict[str, bool | None]:
    return {one["key"]: one["checked"] for one in payload["consents"]}


@pytest.mark.parametrize("name", RECORDED)
def test_in_each_recorded_answer_somebody_is_recognised(name: str) -> None:
    payload = read(name)
    mapping = read_file(MAPPINGS / "webforms/lead.toml", registry=Registry(TRANSFORMS))
    values = dict(apply(mapping, payload, Context("IL", "Asia/Jerusalem"), record_id=payload["id"]))
    made = said({k: v for k, v in values.items() if v is not None}, received_at=now())
    found = {one.field for one in understood(made.answers, {})}
    assert found & {Field.EMAIL, Field.PHONE}
    assert found & {Field.NAME, Field.GIVEN, Field.EMAIL}
    assert len(made.answers) == len(payload["answers"])


def test_elementor_posts_labels() -> None:
    payload = read("elementor/1_simple")
    assert answers(payload)["טלפון"] == ["0523456789"]
    assert (payload["form_id"], payload["form_name"], payload["page_url"]) == (
        "c0ffee1",
        "Offer",
        "https://www.example.com/offer",
    )


def test_elementor_posts_questions_with_their_names_and_labels() -> None:
    payload = read("elementor/2_advanced")
    phone = next(one for one in payload["answers"] if one["key"] == "field_3c1f")
    assert phone == {"key": "field_3c1f", "label": "טלפון", "type": "phone_number", "values": ["0523456789"]}
    assert answers(payload)["field_77"] == ["Price", "Delivery"]
    assert consent(payload) == {"field_9b2d": True}
    assert (payload["form_name"], payload["page_url"]) == ("Offer", "https://www.example.com/offer")
    assert set(answers(payload)) == {"name", "email", "field_3c1f", "field_77"}


@pytest.mark.parametrize("name", ["cf7/1_json", "cf7/2_form"])
def test_contact_form_7_keeps_its_own_fields_to_itself(name: str) -> None:
    payload = read(name)
    assert not [key for key in answers(payload) if key.startswith("_wpcf7")]
    assert answers(payload)["topics"][0] == "Price"
    assert consent(payload) == {"accept-marketing": True}


def test_typeform_is_taken_apart() -> None:
    payload = read("typeform/1_response")
    told = answers(payload)
    assert payload["id"] == "a3a12ec67a1365927098a606107fac15"
    assert told["readable_ref_picture_choice"] == ["London", "Sydney"]
    assert told["readable_ref_choice"] == ["London"]
    assert told["readable_ref_number"] == ["5"]
    assert told["user_id"] == ["abc123456"]
    assert payload["utm"] == {"source": "newsletter"}
    assert consent(payload) == {"readable_ref_legal": True}
    assert payload["consents"][0]["text"] == "May we write to you?"
    assert (payload["form_id"], payload["created_at"]) == ("lT4Z3j", "2018-01-18T18:17:02+00:00")


def test_what_typeform_answers_in_a_way_nobody_knows_is_kept() -> None:
    body = {"form_response": {"token": "t", "answers": [
        {"type": "payment", "payment": {"amount": "$1.00", "success": True}, "field": {"id": "p", "type": "payment"}},
        {"type": "choice", "choice": {"other": "Haifa"}, "field": {"id": "c"}},
        {"type": "new", "field": {"id": "n"}}, "odd", {"type": ["x"], "field": 5},
    ]}}  # fmt: skip
    told = answers(taken(in_json(body), preset="typeform", proof="token"))
    assert json.loads(told["p"][0]) == {"amount": "$1.00", "success": True}
    assert (told["c"], told["n"], told[""]) == (["Haifa"], [], [])


def test_tally_is_taken_apart() -> None:
    payload = read("tally/1_response")
    told = answers(payload)
    about = next(one for one in payload["answers"] if one["key"] == "question_wLP5VP")
    assert (about["values"], about["shown"], about["options"]) == (["f1"], ["Price"], ["f1"])
    assert told["question_empty"] == []
    assert "plan.pdf" in told["question_file"][0]
    assert not [key for key in told if key.startswith("question_marketing")], "each box comes twice"
    assert consent(payload) == {"question_marketing": True}
    assert (payload["utm"], payload["id"], payload["form_name"]) == ({"source": "newsletter"}, "2wgx4n", "Tally's form")


def test_google_marks_its_tests() -> None:
    test, real = read("google_ads/1_test"), read("google_ads/2_lead")
    assert test["is_test"] is True
    assert not {"form_id", "campaign_id", "adset_id", "ad_id"} & set(test), "in a test they are 0"
    assert (real["is_test"], real["campaign_id"], real["platform"]) == (False, "15000000001", "google")
    assert real["click_ids"] == {"gclid": "123abc456def"}
    assert real["answers"][1] == {
        "key": "PHONE_NUMBER", "type": "PHONE_NUMBER", "label": "User Phone", "values": ["1-650-555-0123"],
    }  # fmt: skip


def test_inner_objects_are_named_by_their_way() -> None:
    payload = read("zapier/1_catch")
    told = answers(payload)
    assert told == {"contact.full_name": ["Dana Levi"], "contact.email": ["dana@example.com"], "items.0.sku": ["A1"],
                    "items.1.sku": ["B2"]}  # fmt: skip
    labels = {one["key"]: one.get("label") for one in payload["answers"]}
    assert labels == {
        "contact.full_name": "full_name",
        "contact.email": "email",
        "items.0.sku": None,
        "items.1.sku": None,
    }


def test_the_name_of_a_product_is_nobodys_name() -> None:
    payload = taken(in_json({"product": {"name": "Chair"}, "data": {"Contact": {"name": "Dana"}}}))
    assert [one.get("label") for one in payload["answers"]] == [None, "name"]


FIELDS: dict[str, Any] = {
    "submission_id": "7b1c", "name": "דנה לוי", "Phone": "052-345-6789", "topics": ["a", "b"], "note": "", "marketing": "yes",
    "utm_source": "x", "UTM_Campaign": "Spring", "_fbp": "fb.1", "referrer": "https://example.org/", "form_name": "Offer",
}  # fmt: skip


def parts(fields: dict[str, Any]) -> bytes:
    pairs = [(name, one) for name, value in fields.items() for one in (value if isinstance(value, list) else [value])]
    body = "".join(f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{one}\r\n' for name, one in pairs)
    return f"{body}--x--\r\n".encode()


def test_json_and_both_kinds_of_forms_give_equal_leads() -> None:
    settings = {"consent_fields": "marketing"}
    first = taken(in_json(FIELDS), **settings)
    php = {f"{name}[]" if isinstance(value, list) else name: value for name, value in FIELDS.items()}
    assert taken(in_form(FIELDS), **settings) == first
    assert taken(in_form(php), **settings) == first
    assert taken(hook(parts(FIELDS), "multipart/form-data; boundary=x"), **settings) == first
    assert first["utm"] == {"source": "x", "campaign": "Spring"}
    assert (first["click_ids"], first["referrer"]) == ({"fbp": "fb.1"}, "https://example.org/")
    assert answers(first) == {"name": ["דנה לוי"], "Phone": ["052-345-6789"], "topics": ["a", "b"], "note": [""]}
    assert consent(first) == {"marketing": True}


@pytest.mark.parametrize("preset", ["own", "elementor", "cf7", "zapier"])
def test_a_renamed_question_is_another_answer_and_not_a_lost_one(preset: str) -> None:
    payload = taken(in_form({"איך קוראים לך?": "דנה", "לאן להתקשר": "0523456789"}), preset=preset)
    assert answers(payload) == {"איך קוראים לך?": ["דנה"], "לאן להתקשר": ["0523456789"]}


@pytest.mark.parametrize(
    ("value", "checked"),
    [("yes", True), ("1", True), ("on", True), ("כן", True), (True, True), ("", False), ("no", False), (False, False),
     ("I agree to something", None), (["a", "yes"], True)],
)  # fmt: skip
def test_what_is_neither_yes_nor_no_agrees_to_nothing(value: Any, checked: bool | None) -> None:
    payload = taken(in_json({"name": "Dana", "terms": value}), consent_fields="terms\nother")
    assert consent(payload) == {"terms": checked}, "a box that was not sent says nothing"
    assert checked is not None or payload["consents"][0]["text"] == value


def test_a_second_word_on_where_somebody_came_from_stays_an_answer() -> None:
    payload = taken(in_form({"name": "Dana", "page_url": "https://example.com/a", "page": "the blue one"}))
    assert payload["page_url"] == "https://example.com/a"
    assert answers(payload)["page"] == ["the blue one"]


@pytest.mark.parametrize(
    ("preset", "body"),
    [("typeform", {}), ("typeform", {"form_response": []}), ("tally", {"data": None}), ("google_ads", {"lead_id": "1"}),
     ("own", []), ("own", {}), ("own", {"name": " ", "utm_source": "x"}), ("cf7", {"_wpcf7": "1"})],
)  # fmt: skip
def test_what_is_no_answer_is_said_so(preset: str, body: Any) -> None:
    with pytest.raises(ShapeError):
        taken(in_json(body), preset=preset, proof="token")
