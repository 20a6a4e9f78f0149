"""What a mapping makes of a lead: answers with their questions, consents, and where it came from."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.facebook import transforms
from hub.leads.said import said
from hub.mapping.apply import apply
from hub.mapping.load import Mapping, read_file
from hub.mapping.transforms import Context, Registry
from hub.store.base import now

HEBREW: dict[str, Any] = {
    "id": "777",
    "name": "גינה חדשה",
    "locale": "he_IL",
    "questions": [
        {"id": "1", "key": "שם_מלא", "label": "שם מלא", "type": "FULL_NAME"},
        {"id": "2", "key": "טלפון", "label": "טלפון", "type": "PHONE"},
        {"id": "3", "key": "question1", "label": "מה מעניין אותך?", "type": "CUSTOM", "options": [
            {"key": "k1", "value": "גינה חדשה"}, {"key": "k2", "value": "השקיה/ניקוז"},
        ]},
        {"id": "4", "type": "EMAIL", "label": 'דוא"ל'},
    ],
    "legal_content": {
        "id": "9",
        "privacy_policy": {"url": "https://garden.example/privacy", "link_text": "פרטיות"},
        "custom_disclaimer": {
            "title": "הסכמה",
            "body": {"text": "אנו שומרים על הפרטים.", "url_entities": []},
            "checkboxes": [
                {"id": "a", "key": "terms", "text": "קראתי את מדיניות הפרטיות", "is_required": True},
                {"id": "b", "key": "דיוור", "text": "אשמח לקבל מבצעים", "is_required": False},
            ],
        },
    },
}  # fmt: skip
PAGE = {"id": "153", "name": "Green Garden"}


def payload(*answers: Any, form: Any = None, **lead: Any) -> dict[str, Any]:
    whole = {
        "id": "444455556666", "created_time": "2026-11-22T08:49:14+0000", "form_id": "777", "field_data": list(answers), **lead,
    }  # fmt: skip
    return {"lead": whole, "form": HEBREW if form is None else form, "page": PAGE}


def answer(name: Any, *values: Any) -> dict[str, Any]:
    return {"name": name, "values": list(values)}


@pytest.fixture(scope="module")
def mapping() -> Mapping:
    path = Path(__file__).parents[3] / "mappings/facebook/lead.toml"
    return read_file(path, registry=Registry(transforms.TRANSFORMS))


# --- answers ------------------------------------------------------------------------------------------------------------


def test_each_answer_has_its_question_in_the_form_s_order() -> None:
    found = transforms.answers(
        payload(answer("question1", "k2"), answer("טלפון", "0541234567"), answer("שם_מלא", "דנה לוי"))
    )
    assert [(one["key"], one["type"], one["label"]) for one in found] == [
        ("שם_מלא", "FULL_NAME", "שם מלא"), ("טלפון", "PHONE", "טלפון"), ("question1", "CUSTOM", "מה מעניין אותך?"),
    ]  # fmt: skip
    assert [one["shown"] for one in found] == [["דנה לוי"], ["0541234567"], ["השקיה/ניקוז"]]
    assert found[2]["values"] == ["k2"]
    assert found[2]["options"] == ["k2"]


@pytest.mark.parametrize(
    ("value", "shown", "options"),
    [
        ("k1", "גינה חדשה", ["k1"]),
        ("K1", "גינה חדשה", ["k1"]),
        ("גינה חדשה", "גינה חדשה", ["k1"]),
        ("k9", "k9", []),
        ("", "", []),
    ],
)
def test_a_choice_is_kept_with_its_key_and_what_was_shown(value: str, shown: str, options: list[str]) -> None:
    [found] = transforms.answers(payload(answer("question1", value)))
    assert (found["values"], found["shown"], found["options"]) == ([value], [shown], options)


def test_several_choices_stay_a_list() -> None:
    [found] = transforms.answers(payload(answer("question1", "k1", "k2")))
    assert found["shown"] == ["גינה חדשה", "השקיה/ניקוז"]


def test_what_no_question_knows_is_kept_behind_the_others() -> None:
    found = transforms.answers(payload(answer("מה_עוד", "כן"), answer("שם_מלא", "דנה")))
    assert [(one["key"], one["type"], one["label"]) for one in found] == [
        ("שם_מלא", "FULL_NAME", "שם מלא"),
        ("מה_עוד", "", "מה_עוד"),
    ]


@pytest.mark.parametrize(
    "given", [{"name": "שם_מלא"}, {"name": "שם_מלא", "values": None}, {"name": "שם_מלא", "values": []}]
)
def test_an_answer_without_values_is_one_without_values(given: dict[str, Any]) -> None:
    [found] = transforms.answers(payload(given))
    assert (found["key"], found["values"], found["shown"]) == ("שם_מלא", [], [])


def test_a_question_that_meta_worded_may_have_no_key() -> None:
    [found] = transforms.answers(payload(answer("email", "dana@customer.example")))
    assert (found["key"], found["type"], found["label"]) == ("email", "EMAIL", 'דוא"ל')


def test_a_key_that_is_composed_otherwise_is_the_same_question() -> None:
    form = {"questions": [{"key": "Imi\u0119", "label": "Imię", "type": "FIRST_NAME"}]}
    [found] = transforms.answers(payload(answer("imie\u0328", "Łukasz"), form=form))
    assert (found["key"], found["type"]) == ("imie\u0328", "FIRST_NAME")


def test_an_unknown_type_is_no_error() -> None:
    form = {"questions": [{"key": "x", "label": "X", "type": "something_new"}, {"key": "y", "type": 3}]}
    assert [one["type"] for one in transforms.answers(payload(answer("x", "1"), answer("y", "2"), form=form))] == [
        "SOMETHING_NEW",
        "",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "א" * 10_000,
        "🌱👩‍🌾",
        "a\x00b",
        "\u202eאבג\u202c",
        "=HYPERLINK(1)",
        "<b>x</b>",
        "  spaces  ",
        "\u200f054-1234567",
    ],
)
def test_an_answer_stays_as_it_was_sent(text: str) -> None:
    [found] = transforms.answers(payload(answer("שם_מלא", text)))
    assert found["values"] == found["shown"] == [text]


# --- consents -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "checked"),
    [
        ("1", True),
        ("", False),
        (True, True),
        (False, False),
        ("true", True),
        ("0", False),
        (None, None),
        (1, None),
        ("?", None),
        ([], None),
    ],
)
def test_ticked_and_not_ticked_and_nothing_said_are_three(told: Any, checked: bool | None) -> None:
    responses = [{"checkbox_key": "דיוור", "is_checked": told}]
    terms, mailing = transforms.consents(payload(custom_disclaimer_responses=responses))
    assert (mailing["key"], mailing["checked"], mailing["required"]) == ("דיוור", checked, False)
    assert (terms["key"], terms["checked"], terms["required"]) == ("terms", None, True)


def test_a_consent_has_the_text_as_it_was_shown() -> None:
    terms, mailing = transforms.consents(payload())
    shown = HEBREW["legal_content"]["custom_disclaimer"]
    assert terms["text"].split("\n") == [shown["title"], shown["body"]["text"], shown["checkboxes"][0]["text"]]
    assert terms["url"] == "https://garden.example/privacy"
    assert terms["version"] == mailing["version"]
    assert len(terms["version"]) == 64


def test_the_version_follows_what_was_shown_and_not_the_form_s_name() -> None:
    def version(**changes: Any) -> str:
        found: str = transforms.consents(payload(form={**HEBREW, **changes}))[0]["version"]
        return found

    assert version(name="Another") == version()
    assert version(privacy_policy_url="https://garden.example/other") != version()
    assert version(questions=[]) != version()


def test_a_body_that_is_text_is_text() -> None:
    form = json.loads(json.dumps(HEBREW))
    form["legal_content"]["custom_disclaimer"]["body"] = "Plain"
    assert "Plain" in transforms.consents(payload(form=form))[0]["text"]


def test_an_answer_to_a_box_that_the_form_does_not_show_is_kept() -> None:
    [found] = transforms.consents(
        payload(form={}, custom_disclaimer_responses=[{"checkbox_key": "x", "is_checked": "1"}])
    )
    assert (found["key"], found["checked"], found["required"], found["text"]) == ("x", True, False, "")


# --- where it came from -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "is_test"),
    [
        (["<test lead: dummy data for full_name>"], True),
        (["test@meta.com"], True),
        ([" Test@Meta.com "], True),
        (["Dana <test lead>"], False),
        ([], False),
    ],
)
def test_a_lead_of_meta_s_testing_page_is_one(values: list[str], *, is_test: bool) -> None:
    assert transforms.is_test(payload(answer("שם_מלא", "דנה"), answer("x", *values))) is is_test


@pytest.mark.parametrize(("told", "organic"), [(True, True), (False, False), (None, None), ("0", None)])
def test_whether_an_ad_brought_it_is_known_or_not_known(told: Any, organic: bool | None) -> None:
    assert transforms.organic(payload(is_organic=told)) is organic


@pytest.mark.parametrize(
    ("told", "platform"),
    [("fb", "fb"), ("ig", "ig"), ("Facebook", "fb"), ("instagram", "ig"), ("wa", "wa"), (None, ""), (3, "")],
)
def test_facebook_and_instagram_are_told_apart(told: Any, platform: str) -> None:
    assert transforms.platform(payload(platform=told)) == platform


@pytest.mark.parametrize(
    ("locale", "language"), [("he_IL", "he"), ("HE_IL", "he"), ("pt-BR", "pt"), ("", ""), (None, ""), (3, "")]
)
def test_the_language_is_that_of_the_form(locale: Any, language: str) -> None:
    assert transforms.language(payload(form={"locale": locale})) == language


@pytest.mark.parametrize(
    "tracking",
    [{"utm_source": "fb", "ref": "x"}, [{"key": "utm_source", "value": "fb"}], [{"name": "UTM_SOURCE", "value": "fb"}]],
)
def test_what_a_form_carries_along_is_told(tracking: Any) -> None:
    told = payload(answer("utm_campaign", "spring"), answer("_fbc", "fb.1.2"), form={"tracking_parameters": tracking})
    assert transforms.utm(told) == {"source": "fb", "campaign": "spring"}
    assert transforms.click_ids(told) == {"fbc": "fb.1.2"}


@pytest.mark.parametrize(
    ("told", "at"),
    [
        ("2015-02-28T08:49:14+0000", datetime(2015, 2, 28, 8, 49, 14, tzinfo=UTC)),
        ("2015-02-28T10:49:14+02:00", datetime(2015, 2, 28, 8, 49, 14, tzinfo=UTC)),
        (1425113354, datetime(2015, 2, 28, 8, 49, 14, tzinfo=UTC)),
        ("1425113354", datetime(2015, 2, 28, 8, 49, 14, tzinfo=UTC)),
        (0, None),
        (None, None),
        ("soon", None),
        (10**40, None),
        ([], None),
    ],
)
def test_a_moment_that_cannot_be_read_sets_no_lead_aside(told: Any, at: datetime) -> None:
    assert transforms.created(payload(created_time=told)) == at


# --- the mapping --------------------------------------------------------------------------------------------------------


def test_the_whole_mapping_makes_a_lead(mapping: Mapping) -> None:
    told = payload(
        answer("שם_מלא", "דנה לוי"), answer("question1", "k2"), is_organic=False, platform="ig", campaign_id="1", campaign_name="אביב",
        adset_id="2", adset_name="A", ad_id="3", ad_name="B", custom_disclaimer_responses=[{"checkbox_key": "terms", "is_checked": "1"}],
    )  # fmt: skip
    found = apply(mapping, told, Context("IL", "Asia/Jerusalem"))
    lead = said(found, received_at=now())
    assert (lead.remote_id, lead.language, lead.is_test) == ("444455556666", "he", False)
    assert lead.created_at == datetime(2026, 11, 22, 8, 49, 14, tzinfo=UTC)
    assert (lead.origin.platform, lead.origin.campaign_name, lead.origin.is_organic) == ("ig", "אביב", False)
    assert [one.shown for one in lead.answers] == [("דנה לוי",), ("השקיה/ניקוז",)]
    assert [(one.key, one.checked) for one in lead.agreements] == [("terms", True), ("דיוור", None)]


def test_the_least_that_meta_may_send_is_a_lead(mapping: Mapping) -> None:
    least = {"lead": {"id": "1"}, "form": {"id": "2"}, "page": {"id": "3"}}
    lead = said(apply(mapping, least, Context()), received_at=now())
    assert (lead.answers, lead.agreements, lead.origin.is_organic) == ((), (), None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["lead", "form", "questions", "field_data", "values", "name", "key", "options", "value", "legal_content",
                         "custom_disclaimer", "checkboxes", "custom_disclaimer_responses", "checkbox_key", "tracking_parameters"]),
        inner, max_size=4,
    ),
    max_leaves=25,
)  # fmt: skip


@given(JSON, JSON)
def test_no_shape_breaks_a_transform(lead: Any, form: Any) -> None:
    for transform in transforms.TRANSFORMS.values():
        transform({"lead": lead, "form": form, "page": PAGE})
