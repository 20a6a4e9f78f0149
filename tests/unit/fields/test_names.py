import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.accounting.said import DocumentFields
from hub.errors import UserError
from hub.fields import names
from hub.fields.models import Of
from hub.flow import CallFields
from hub.identity.said import PartyFields
from hub.leads.said import LeadFields


@pytest.mark.parametrize(
    ("of", "fields"),
    [
        (Of.PERSON, PartyFields),
        (Of.COMPANY, PartyFields),
        (Of.LEAD, LeadFields),
        (Of.CALL, CallFields),
        (Of.DOCUMENT, DocumentFields),
    ],
)
def test_what_mappings_make_of_a_record_is_no_name_for_a_field(of: Of, fields: type) -> None:
    assert set(fields.model_fields) <= names.RESERVED[of]  # type: ignore[attr-defined]  # all are models of pydantic


@pytest.mark.parametrize("name", ["a", "plan", "plan_2", "x" * 40])
def test_good_names(name: str) -> None:
    names.check(Of.PERSON, name)


@pytest.mark.parametrize("name", ["", "2a", "_a", "A", "a-b", "a b", "a.b", "שם", "a\n", "x" * 41, "plan\0", "\uff41"])
def test_bad_names(name: str) -> None:
    with pytest.raises(UserError) as refused:
        names.check(Of.PERSON, name)
    assert refused.value.error_id == "field_name"


@pytest.mark.parametrize(
    ("label", "taken", "name"),
    [
        ("Contract number", [], "contract_number"),
        ("Contract number", ["contract_number"], "contract_number_2"),
        ("Zażółć gęślą", [], "zazoc_gesla"),
        ("Name", [], "name_2"),
        ("2nd phone", [], "field_2nd_phone"),
        ("מספר חוזה", [], "field_1"),
        ("מספר חוזה", ["field_1"], "field_2"),
        ("", [], "field_1"),
        ("x" * 60, ["x" * 40], "x" * 35 + "_2"),
    ],
)
def test_a_name_is_made_of_the_label(label: str, taken: list[str], name: str) -> None:
    assert names.suggested(Of.PERSON, label, taken) == name


@given(st.text(max_size=80), st.sampled_from(Of))
def test_a_name_that_is_made_can_be_used(label: str, of: Of) -> None:
    names.check(of, names.suggested(of, label, ()))
