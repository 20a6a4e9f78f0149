"""Pages: which there are, who may read their leads, and what the app hears of them."""

from collections.abc import Callable

import pytest

from connectors.facebook.simulator import FacebookSimulator
from tests.unit.facebook_simulator.conftest import Graph, refused

Graphs = Callable[..., Graph]


def test_pages_come_in_pages_with_tasks_and_tokens(facebook: FacebookSimulator, graph: Graphs) -> None:
    for number in range(4):
        facebook.add_page(f"Garden {number}")
    facebook.add_page("Somebody else's", people=[])

    found = graph(facebook.settings()["token"]).all("/me/accounts", limit="2")

    assert sorted(one["name"] for one in found) == ["Garden 0", "Garden 1", "Garden 2", "Garden 3", "Green Garden"]
    assert all("ADVERTISE" in one["tasks"] for one in found)
    assert graph(found[1]["access_token"]).get("/me")["id"] == found[1]["id"]


def test_a_page_token_opens_its_own_page_alone(facebook: FacebookSimulator, graph: Graphs) -> None:
    other = facebook.add_page("Other")
    form = facebook.add_form(other, "x")
    lead = facebook.submit(form, {"full_name": "Dana"})
    page = graph()

    for path in (
        f"/{other.id}",
        f"/{form.id}",
        f"/{form.id}/leads",
        f"/{lead.id}",
        f"/{other.id}/leadgen_forms",
        "/99",
    ):
        assert refused(page.ask("GET", path)) == (400, 100, 33)


def access(facebook: FacebookSimulator, graph: Graph) -> dict[str, object]:
    found: dict[str, object] = graph.get(f"/{facebook.garden.id}", fields="has_lead_access")["has_lead_access"]
    return found


def test_facebook_says_who_may_read_leads(facebook: FacebookSimulator, graph: Graphs) -> None:
    page = graph()
    found = page.get(f"/{facebook.garden.id}", fields="has_lead_access,leadgen_tos_accepted,access_token,name")

    assert found["has_lead_access"] == {
        "page_id": facebook.garden.id, "user_id": facebook.system_user.id, "app_has_leads_permission": True,
        "user_has_leads_permission": True, "enabled_lead_access_manager": False, "is_page_admin": True,
        "can_access_lead": True,
    }  # fmt: skip
    assert (found["leadgen_tos_accepted"], found["access_token"]) == (True, page.token)
    assert page.get(f"/{facebook.garden.id}", fields="has_lead_access{can_access_lead}")["has_lead_access"] == {
        "can_access_lead": True
    }


@pytest.mark.parametrize("code", [103, 200])
def test_leads_access_manager_shuts_the_app_out(facebook: FacebookSimulator, graph: Graphs, code: int) -> None:
    lead = facebook.submit(facebook.english, {"full_name": "Dana"})
    page = graph()
    facebook.revoke_lead_access(facebook.garden, code)

    for path in (f"/{lead.id}", f"/{facebook.english.id}/leads", f"/{facebook.english.id}/test_leads"):
        answer = page.ask("GET", path)
        assert refused(answer) == (400, code, 0)
        assert "Lead Access Manager" in answer.json()["error"]["message"]
    found = access(facebook, page)
    assert (found["can_access_lead"], found["app_has_leads_permission"]) == (False, False)
    assert "CRM" in str(found["failure_reason"])
    assert str(found["failure_resolution"]).strip()
    assert page.ask("GET", f"/{facebook.garden.id}/leadgen_forms").ok
    facebook.restore_lead_access(facebook.garden)
    assert page.get(f"/{lead.id}")["id"] == lead.id


def test_leads_access_manager_shuts_a_person_out(facebook: FacebookSimulator, graph: Graphs) -> None:
    facebook.revoke_lead_access(facebook.garden, person=facebook.system_user)
    page = graph()

    assert refused(page.ask("GET", f"/{facebook.english.id}/leads")) == (400, 103, 0)
    assert access(facebook, page)["user_has_leads_permission"] is False


def test_a_permission_that_was_not_granted_is_named(facebook: FacebookSimulator, graph: Graphs) -> None:
    page = graph()
    facebook.withdraw(facebook.system_user, "leads_retrieval", "pages_manage_metadata")

    leads = page.ask("GET", f"/{facebook.english.id}/leads")

    assert refused(leads) == (400, 200, 0)
    assert "leads_retrieval" in leads.json()["error"]["message"]
    assert refused(page.ask("GET", f"/{facebook.garden.id}/subscribed_apps")) == (400, 200, 0)
    assert access(facebook, page)["can_access_lead"] is False


def test_the_app_is_installed_on_a_page(facebook: FacebookSimulator, graph: Graphs) -> None:
    page, where = graph(), f"/{facebook.garden.id}/subscribed_apps"

    assert page.get(where) == {"data": []}
    assert page.post(where, subscribed_fields="leadgen") == {"success": True}
    [found] = page.get(where)["data"]
    assert (found["id"], found["subscribed_fields"]) == (facebook.settings()["app_id"], ["leadgen"])
    assert refused(page.ask("POST", where, {"subscribed_fields": "nonsense"})) == (400, 100, 0)
    assert refused(page.ask("POST", where, {})) == (400, 100, 0)
    assert refused(page.ask("POST", where, {"subscribed_fields": "[x"})) == (400, 100, 0)
    facebook.unsubscribe(facebook.garden)
    assert page.get(where) == {"data": []}
    page.post(where, subscribed_fields='["leadgen"]')
    page.delete(where)
    assert facebook.garden.subscribed == []
