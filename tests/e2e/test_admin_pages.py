"""What an administrator does in a browser: people, connections, phones, failures, outcomes, audit."""

import html
import re
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from flask import Flask
from sqlalchemy import select

from hub.context import Hub
from hub.cti import wrap_up
from hub.cti.models import EndpointRule, Extension, LegRow, SeenEndpoint
from hub.errors import RejectedError, RetryLaterError
from hub.identity.models import NumberRule
from hub.intake import accounts
from hub.intake.models import Account, AccountState, RawRecord, RawState, StreamState
from hub.records.telephony import Endpoint, EndpointClass
from hub.security import passwords, users
from hub.security.models import Audit, Role, User
from hub.store.base import now
from tests.fakes.api import Office, add_call, office
from tests.fakes.browser import PASSWORD, Browser, someone
from tests.fakes.exchange import FakeExchange

ASTERISK = {"s-host": "127.0.0.1", "s-port": "1", "s-username": "hub", "s-secret": "amp-111-geheim"}


@pytest.fixture
def exchange(hub: Hub) -> Account:
    with hub.db.write() as session:
        values = {"host": "127.0.0.1", "port": "1", "username": "hub", "secret": "amp-111-geheim"}
        return accounts.create(session, hub.connectors["asterisk"], hub.vault, "Office", values)


def audited(hub: Hub) -> list[str]:
    with hub.db.read() as session:
        return list(session.scalars(select(Audit.action).order_by(Audit.id)))


def row_of(hub: Hub, account: Account) -> Account:
    with hub.db.read() as session:
        row = session.get_one(Account, account.id)
        session.expunge(row)
        return row


# --- people -----------------------------------------------------------------------------------------------------------


def test_an_invited_person_sets_a_password_and_comes_in(admin: Browser, app: Flask, hub: Hub) -> None:
    added = admin.post("/people", on="/people", email="Noa@Example.com", name="נועה", role="agent")
    assert added.status_code == 200
    link = html.unescape(re.search(r'id="link-text"[^>]*value="([^"]+)"', added.text)[1])  # type: ignore[index]
    path = link.removeprefix(hub.settings.public_url)
    assert "invited" in admin.get("/people").text
    noa = Browser(app)
    assert noa.post(path, on=path, password=PASSWORD).status_code == 303
    assert noa.is_signed_in()
    assert "invited" not in admin.get("/people").text
    assert "user.added" in audited(hub)


def test_a_user_twice_or_without_an_email_is_refused_and_the_form_kept(admin: Browser) -> None:
    again = admin.post("/people", on="/people", email="admin@example.com", name="Twice", role="agent")
    assert again.status_code == 422
    assert "There is a user with this e-mail already." in again.text
    assert 'value="Twice"' in again.text
    assert admin.post("/people", on="/people", email="no email", name="X", role="agent").status_code == 422


def test_a_disabled_user_is_out_at_once_and_can_come_back(admin: Browser, app: Flask, hub: Hub) -> None:
    agent = someone(hub, Role.AGENT)
    theirs = Browser(app)
    theirs.sign_in("agent@example.com")
    assert admin.post(f"/people/{agent.public_id}/disable").status_code == 303
    assert not theirs.is_signed_in()
    assert theirs.sign_in("agent@example.com").status_code == 422
    assert admin.post(f"/people/{agent.public_id}/link").status_code == 422
    assert admin.post(f"/people/{agent.public_id}/enable").status_code == 303
    assert theirs.sign_in("agent@example.com").status_code == 303
    assert [action for action in audited(hub) if action.startswith("user.")] == ["user.disabled", "user.enabled"]


def test_disabling_ends_the_streams_too(admin: Browser, hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    agent = someone(hub, Role.AGENT)
    dropped: list[int] = []
    monkeypatch.setattr(type(hub.bus), "drop_user", lambda _, user_id: dropped.append(user_id))
    admin.post(f"/people/{agent.public_id}/disable")
    assert dropped == [agent.id]


def test_the_last_administrator_stays(admin: Browser, hub: Hub) -> None:
    with hub.db.read() as session:
        me = users.get(session, "admin@example.com").public_id
    answer = admin.post(f"/people/{me}", name="Me", role="agent")
    assert answer.status_code == 422
    assert "only administrator" in answer.text
    assert admin.post(f"/people/{me}/disable").status_code == 422
    assert admin.get("/people").status_code == 200


def test_a_new_role_counts_with_the_next_click(admin: Browser, app: Flask, hub: Hub) -> None:
    agent = someone(hub, Role.AGENT)
    theirs = Browser(app)
    theirs.sign_in("agent@example.com")
    assert theirs.get("/people").status_code == 403
    admin.post(f"/people/{agent.public_id}", name="Agent", role="admin")
    assert theirs.get("/people").status_code == 200


# --- own settings -----------------------------------------------------------------------------------------------------


def test_own_settings_are_kept(admin: Browser, hub: Hub) -> None:
    saved = admin.post("/settings", name="Boss", language="pl", time_zone="Europe/Warsaw", sound="on")
    assert saved.status_code == 303
    with hub.db.read() as session:
        user = users.get(session, "admin@example.com")
        assert (user.name, user.language, user.time_zone) == ("Boss", "pl", "Europe/Warsaw")
        assert user.preferences == {"shortcuts": False, "sound": True}
    page = admin.get("/settings").text
    assert 'data-shortcuts="off"' in page
    assert 'data-sound="on"' in page
    assert admin.post("/settings", name="Boss", time_zone="Mars/Base").status_code == 422
    assert admin.post("/settings", name="  ").status_code == 422


def test_a_changed_password_signs_out_every_other_browser(admin: Browser, app: Flask) -> None:
    other = Browser(app)
    other.sign_in("admin@example.com")
    wrong = admin.post("/settings/password", current="wrong password", password="another good sentence")
    assert wrong.status_code == 422
    assert other.is_signed_in()
    assert admin.post("/settings/password", current=PASSWORD, password="short").status_code == 422
    assert admin.post("/settings/password", current=PASSWORD, password="another good sentence").status_code == 303
    assert admin.is_signed_in()
    assert not other.is_signed_in()
    assert other.sign_in("admin@example.com", "another good sentence").status_code == 303


def test_signing_out_everywhere_keeps_this_browser(admin: Browser, app: Flask) -> None:
    other = Browser(app)
    other.sign_in("admin@example.com")
    assert admin.post("/settings/sign-out-everywhere").status_code == 303
    assert admin.is_signed_in()
    assert not other.is_signed_in()


# --- connections ------------------------------------------------------------------------------------------------------


def test_an_empty_page_says_where_to_begin(admin: Browser) -> None:
    page = admin.get("/connections").text
    assert "Nothing is connected yet." in page
    assert "Asterisk / FreePBX" in admin.get("/connections/new").text


def test_a_connection_that_fails_its_test_is_kept_only_on_purpose(admin: Browser, hub: Hub) -> None:
    path = "/connections/new/asterisk"
    refused = admin.post(path, on=path, name="Office", **ASTERISK)
    assert refused.status_code == 422
    assert "127.0.0.1:1 cannot be reached" in refused.text
    assert "amp-111-geheim" not in refused.text
    with hub.db.read() as session:
        assert not accounts.listed(session)
    kept = html.unescape(re.search(r'name="kept" value="([^"]+)"', refused.text)[1])  # type: ignore[index]
    again = {**ASTERISK, "s-secret": "", "kept": kept, "do": "force"}  # nobody types the secret twice
    assert admin.post(path, on=path, name="Office", **again).status_code == 200
    with hub.db.read() as session:
        row = accounts.by_name(session, "Office")
        assert row.settings == {"host": "127.0.0.1", "port": "1", "username": "hub"}
        assert hub.vault.open(row.secrets) == {"secret": "amp-111-geheim"}
        assert "amp-111-geheim" not in row.secrets
    assert audited(hub)[-1] == "account.added"
    assert "Never run" in admin.get("/connections").text


def test_a_wrong_setting_is_named_at_its_field(admin: Browser) -> None:
    path = "/connections/new/asterisk"
    answer = admin.post(path, on=path, name="Office", **{**ASTERISK, "s-host": "http://pbx/", "s-port": "70000"})
    assert answer.status_code == 422
    assert re.search(r'id="s-port"[^>]*aria-invalid="true"', answer.text)
    assert 'id="e-s-port"' in answer.text
    empty = admin.post(path, on=path, name="Office", **{**ASTERISK, "s-username": ""})
    assert "Fill this in." in empty.text


def test_a_test_alone_keeps_nothing(admin: Browser, hub: Hub) -> None:
    path = "/connections/new/asterisk"
    assert admin.post(path, on=path, name="Office", do="test", **ASTERISK).status_code == 200
    with hub.db.read() as session:
        assert not accounts.listed(session)


def test_a_forged_sealed_secret_is_as_none(admin: Browser) -> None:
    path = "/connections/new/asterisk"
    answer = admin.post(path, on=path, name="Office", **{**ASTERISK, "s-secret": "", "kept": "gAAAAforged"})
    assert answer.status_code == 422
    assert "Fill this in." in answer.text


def test_a_webhook_connection_shows_its_address_once_and_rotates_it(admin: Browser, app: Flask, hub: Hub) -> None:
    path = "/connections/new/phonehook"
    made = admin.post(path, on=path, name="Other PBX", do="force")
    first = _hook(made.text)
    assert first.startswith(f"{hub.settings.public_url}/api/cti/v1/")
    with hub.db.read() as session:
        row = accounts.by_name(session, "Other PBX")
        public_id = row.public_id
    settings_path = f"/connections/{public_id}/settings"
    assert first not in admin.get(settings_path).text
    second = _hook(admin.post(f"/connections/{public_id}/hook-token").text)
    assert second != first

    def known(address: str) -> bool:
        with hub.db.read() as session:
            return accounts.by_hook_token(session, address.rpartition("/")[2]) is not None

    assert known(first)
    assert known(second)
    assert "Drop the old address" in admin.get(settings_path).text
    assert admin.post(f"/connections/{public_id}/hook-token/drop-old").status_code == 303
    assert not known(first)
    assert known(second)


def _hook(text: str) -> str:
    found = re.search(r'id="hook"[^>]*value="([^"]+)"', text)
    assert found is not None
    return html.unescape(found[1])


def test_settings_change_while_the_secret_stays(admin: Browser, hub: Hub, exchange: Account) -> None:
    path = f"/connections/{exchange.public_id}/settings"
    page = admin.get(path).text
    assert "amp-111-geheim" not in page
    assert 'value="127.0.0.1"' in page
    changed = {**ASTERISK, "s-secret": "", "s-context": "internal", "do": "force"}
    assert admin.post(path, name="Head office", **changed).status_code == 303
    row = row_of(hub, exchange)
    assert (row.name, row.settings["context"]) == ("Head office", "internal")
    assert hub.vault.open(row.secrets) == {"secret": "amp-111-geheim"}
    assert admin.post(path, name="Head office", **{**changed, "s-secret": "new one"}).status_code == 303
    assert hub.vault.open(row_of(hub, exchange).secrets) == {"secret": "new one"}
    with hub.db.write() as session:
        accounts.create(session, hub.connectors["phonehook"], hub.vault, "Taken", {})
    assert admin.post(path, name="Taken", **changed).status_code == 422


def test_a_connection_is_paused_goes_on_and_is_removed(admin: Browser, hub: Hub, exchange: Account) -> None:
    base = f"/connections/{exchange.public_id}"
    assert admin.post(f"{base}/pause").status_code == 303
    assert row_of(hub, exchange).state == AccountState.PAUSED
    assert "Office" in admin.get("/connections?show=paused").text
    assert admin.post(f"{base}/resume").status_code == 303
    assert row_of(hub, exchange).state == AccountState.ACTIVE
    assert "No connection is like this." in admin.get("/connections?show=paused").text
    assert admin.post(f"{base}/remove").status_code == 303
    row = row_of(hub, exchange)
    assert (row.state, row.secrets) == (AccountState.REMOVED, "")
    assert admin.get(base).status_code == 404
    assert [action for action in audited(hub) if action.startswith("account.")] == [
        "account.paused",
        "account.resumed",
        "account.removed",
    ]


def test_the_self_test_says_what_is_wrong_and_what_to_do(admin: Browser, exchange: Account) -> None:
    answer = admin.post(f"/connections/{exchange.public_id}/check")
    assert answer.status_code == 200
    assert "Mend it" in answer.text
    assert "cannot be reached" in answer.text


def test_the_log_tab_shows_who_did_what(admin: Browser, exchange: Account) -> None:
    admin.post(f"/connections/{exchange.public_id}/pause")
    page = admin.get(f"/connections/{exchange.public_id}/log").text
    assert "account.paused" in page
    assert "admin@example.com" in page


def test_hostile_names_are_shown_inert(admin: Browser, hub: Hub, exchange: Account) -> None:
    with hub.db.write() as session:
        row = session.get_one(Account, exchange.id)
        row.name = "<script>alert(1)</script>\u202eevil"
        row.health_text = "<b>\u202e"
    for path in ("", "/phones", "/failures", "/log", "/settings"):
        page = admin.get(f"/connections/{exchange.public_id}{path}").text
        assert "<script>alert" not in page
        assert "<b>\u202e" not in page
    assert "\u202e" not in admin.get("/connections").text


# --- phones -----------------------------------------------------------------------------------------------------------


def test_what_the_exchange_used_is_confirmed_with_one_click(admin: Browser, hub: Hub, exchange: Account) -> None:
    agent = someone(hub, Role.AGENT)
    with hub.db.write() as session:
        for name in ("PJSIP/101", "PJSIP/trunk-in", "Local/101@x"):
            session.add(SeenEndpoint(account_id=exchange.id, name=name))
    base = f"/connections/{exchange.public_id}/phones"
    page = admin.get(base).text
    assert "Seen, but nobody said what it is" in page
    assert "PJSIP/trunk-in" in page
    assert "Local/101" not in page
    assert admin.post(f"{base}/extension", number="101", user=str(agent.public_id)).status_code == 303
    assert admin.post(f"{base}/endpoint", pattern="PJSIP/trunk-in", kind="trunk").status_code == 303
    after = admin.get(base).text
    assert "Seen, but nobody said what it is" not in after
    with hub.db.read() as session:
        assert session.scalars(select(Extension.user_id)).one() == agent.id
        assert session.scalars(select(EndpointRule.kind)).one() == "trunk"
    trunk = {"pattern": "PJSIP/trunk-in", "kind": "trunk", "region": "pl", "dial_prefix": "9", "match_withheld": "on"}
    assert admin.post(f"{base}/endpoint", **trunk).status_code == 303
    with hub.db.read() as session:
        rule = session.scalars(select(EndpointRule)).one()
        assert (rule.region, rule.dial_prefix, rule.match_withheld) == ("PL", "9", True)
    assert admin.post(f"{base}/extension", number="101", do="remove").status_code == 303
    assert admin.post(f"{base}/endpoint", pattern="PJSIP/trunk-in", do="remove").status_code == 303
    assert "Seen, but nobody said what it is" in admin.get(base).text


@pytest.mark.alike
@pytest.mark.parametrize(
    ("where", "fields"),
    [
        ("extension", {"number": "1 01"}),
        ("extension", {"number": "101\r\nAction: x"}),
        ("extension", {"number": ""}),
        ("extension", {"number": "101", "device": "PJSIP/\n101"}),
        ("endpoint", {"pattern": "", "kind": "trunk"}),
        ("endpoint", {"pattern": "PJSIP/x", "kind": "local"}),
        ("endpoint", {"pattern": "PJSIP/x", "kind": "trunk", "region": "Poland"}),
        ("endpoint", {"pattern": "PJSIP/x", "kind": "trunk", "dial_prefix": "abc"}),
        ("own-number", {"own": "not a number"}),
    ],
)
def test_what_is_no_phone_or_trunk_is_refused(
    admin: Browser, hub: Hub, exchange: Account, where: str, fields: dict[str, str]
) -> None:
    answer = admin.post(f"/connections/{exchange.public_id}/phones/{where}", **fields)
    assert answer.status_code == 422
    assert 'role="alert"' in answer.text
    with hub.db.read() as session:
        assert not session.scalars(select(Extension.id)).all()
        assert not session.scalars(select(EndpointRule.id)).all()


def test_own_numbers_are_kept_in_their_normal_form(admin: Browser, hub: Hub, exchange: Account) -> None:
    base = f"/connections/{exchange.public_id}/phones"
    assert admin.post(f"{base}/own-number", own="03-555-0100").status_code == 303
    with hub.db.read() as session:
        assert session.scalars(select(NumberRule.value).where(NumberRule.rule == "own")).all() == ["+97235550100"]
    assert admin.post(f"{base}/own-number", own="+97235550100", do="remove").status_code == 303
    with hub.db.read() as session:
        assert not session.scalars(select(NumberRule.value)).all()


def test_a_user_or_extension_that_is_not_there_is_not_found(admin: Browser, exchange: Account) -> None:
    base = f"/connections/{exchange.public_id}/phones"
    assert admin.post(f"{base}/extension", number="101", user="no-uuid").status_code == 404
    assert admin.post(f"{base}/extension", number="999", do="remove").status_code == 404
    assert admin.post(f"{base}/endpoint", pattern="PJSIP/none", do="remove").status_code == 404


# --- failures, raw records --------------------------------------------------------------------------------------------


@pytest.fixture
def set_aside(hub: Hub, exchange: Account) -> list[UUID]:
    errors = [f"calls.toml: field started_at: record {one}: is missing" for one in ("a", "b")]
    errors.append("calls.toml: field direction: record c: 'up' is not in its list")
    with hub.db.write() as session:
        rows = [
            RawRecord(
                account_id=exchange.id,
                stream="calls",
                remote_id=str(n),
                payload={"n": n, "api_key": "amp-111-geheim", "name": "\u202eevil"},
                hash=str(n),
                state=RawState.SET_ASIDE,
                error=error,
            )
            for n, error in enumerate(errors)
        ]
        session.add_all(rows)
        session.flush()
        return [row.public_id for row in rows]


def states(hub: Hub) -> list[str]:
    with hub.db.read() as session:
        return list(session.scalars(select(RawRecord.state).order_by(RawRecord.id)))


def test_failures_are_grouped_by_cause_and_tried_again(
    admin: Browser, hub: Hub, exchange: Account, set_aside: list[UUID]
) -> None:
    path = f"/connections/{exchange.public_id}/failures"
    page = admin.get(path).text
    causes = [html.unescape(found) for found in re.findall(r'name="cause" value="([^"]+)"', page)]
    assert len(causes) == 2
    assert (
        'Calls <small><bdi dir="ltr">calls</bdi></small> · <bdi dir="ltr">started_at</bdi>: <bdi>is missing</bdi>'
        in page
    )
    assert admin.post(path, cause=causes[0], do="retry").status_code == 303
    assert states(hub) == [RawState.KEPT, RawState.KEPT, RawState.SET_ASIDE]
    assert admin.post(path, record=str(set_aside[2]), do="skip").status_code == 303
    assert states(hub) == [RawState.KEPT, RawState.KEPT, RawState.FILTERED]
    assert "Nothing was set aside." in admin.get(path).text
    assert audited(hub)[-2:] == ["records.retried", "records.skipped"]


def test_all_failures_are_tried_again_at_once(
    admin: Browser, hub: Hub, exchange: Account, set_aside: list[UUID]
) -> None:
    assert len(set_aside) == 3
    admin.post(f"/connections/{exchange.public_id}/failures", do="retry")
    assert states(hub) == [RawState.KEPT] * 3


def test_a_raw_record_is_shown_without_secrets_and_looking_is_audited(
    admin: Browser, hub: Hub, set_aside: list[UUID]
) -> None:
    page = admin.get(f"/admin/raw-records/{set_aside[0]}").text
    assert "amp-111-geheim" not in page
    assert "***" in page
    assert "\u202e" not in page
    assert audited(hub)[-1] == "raw_record.seen"
    listed = admin.get("/admin/raw-records?state=set_aside").text
    assert listed.count("<tr data-row>") == 3
    assert admin.get("/admin/raw-records?state=applied").text.count("<tr data-row>") == 0
    assert admin.get("/admin/raw-records?account=nonsense").status_code == 422


# --- audit, outcomes --------------------------------------------------------------------------------------------------


def test_the_audit_is_filtered_and_paged(admin: Browser, hub: Hub) -> None:
    for n in range(60):
        admin.post("/people", on="/people", email=f"user{n}@example.com", name=f"User {n}", role="agent")
    page = admin.get("/admin/audit?action=user.").text
    assert page.count("<tr><td>") == 50
    older = re.search(r'href="([^"]+before=\d+[^"]*)"', page)
    assert older is not None
    assert admin.get(html.unescape(older[1])).text.count("<tr><td>") == 10
    assert "user.added" not in admin.get("/admin/audit?action=sign_in").text
    assert "user.added" not in admin.get("/admin/audit?actor=nobody@example.com").text
    assert admin.get("/admin/audit?action=%25").text.count("<tr><td>") == 0  # taken as it is


def test_the_company_has_its_own_outcomes(admin: Browser, hub: Hub) -> None:
    lines = "Sold\r\n\r\n  Call   back \r\nSold\r\n<b>"
    assert admin.post("/admin/outcomes", outcomes=lines).status_code == 303
    with hub.db.read() as session:
        assert wrap_up.dispositions(session) == ["Sold", "Call back", "<b>"]
    assert "&lt;b&gt;" in admin.get("/admin/outcomes").text
    assert admin.post("/admin/outcomes", outcomes="x" * 61).status_code == 422


# --- call me now --------------------------------------------------------------------------------------------------------


@pytest.fixture
def desk(hub: Hub) -> Office:
    made = office(hub, FakeExchange())
    with made.hub.db.write() as session:
        session.get_one(User, made.admin.id).password_hash = passwords.hashed(PASSWORD)
        session.add(Extension(account_id=made.account.id, number="110", user_id=made.admin.id))
    return made


def test_an_administrator_has_the_own_phone_rung_and_sees_how_far_it_came(desk: Office) -> None:
    adam = Browser(desk.app)
    adam.sign_in("adam@example.com")
    page = f"/connections/{desk.account.public_id}"
    shown = adam.get(page).text
    assert "Call me now" in shown
    assert 'value="110"' in shown
    assert 'value="101"' not in shown, "a colleague's phone is not rung"
    answer = adam.post(f"{page}/call-me", on=page, extension="110")
    assert answer.status_code == 303
    [order] = desk.exchange.orders
    assert (order.extension, order.number) == ("110", "110")
    followed = answer.headers["Location"]
    assert "should ring now" in adam.get(followed, HX_Request="true").text
    with desk.hub.db.write() as session:
        call = add_call(
            session, desk.account, "test", now(), [desk.admin], open=True, outcome="", click_id=order.click_id
        )
        leg = session.scalars(select(LegRow).where(LegRow.call_id == call.id)).one()
        leg.origin, leg.answered_at = True, None
    assert "Your phone rings" in adam.get(followed).text
    with desk.hub.db.write() as session:
        session.get_one(LegRow, leg.id).answered_at = now()
    done = adam.get(followed, HX_Request="true").text
    assert "It works" in done
    assert "hx-get" not in done, "it asks no more"


def test_an_exchange_that_does_not_ring_is_told_with_its_reason(desk: Office) -> None:
    adam = Browser(desk.app)
    adam.sign_in("adam@example.com")
    page = f"/connections/{desk.account.public_id}"
    desk.exchange.fails = RejectedError("The extension 110 is not connected.")
    for htmx in (True, False):
        answer = adam.post(f"{page}/call-me", on=page, htmx=htmx, extension="110")
        assert (answer.status_code, "The extension 110 is not connected." in answer.text) == (422, True)
    desk.exchange.fails = RetryLaterError("nobody there")
    answer = adam.post(f"{page}/call-me", on=page, htmx=True, extension="110")
    assert "The telephone exchange cannot be reached." in answer.text
    assert "nobody there" in answer.text
    assert adam.post(f"{page}/call-me", on=page, extension="101").status_code == 422
    assert adam.get(f"{page}/call-me/nothing").status_code == 404


def test_the_self_test_tells_of_records_that_were_rotated_away(
    admin: Browser, hub: Hub, exchange: Account, tmp_path: Path
) -> None:
    log = tmp_path / "Master.csv"
    log.write_text('"","0612345678","101","in","","PJSIP/t-1","PJSIP/101-2","Dial","","2026-11-20 09:00:00",'
                   '"2026-11-20 09:00:05","2026-11-20 09:01:00","60","55","ANSWERED","DOCUMENTATION","1795341600.1",""\n')  # fmt: skip
    with hub.db.write() as session:
        row = session.get_one(Account, exchange.id)
        row.settings = {**row.settings, "cdr_source": f"csv:{log}?zone=UTC"}
    reading = hub.telephone.exchange(row_of(hub, exchange)).history(None, now() - timedelta(days=30), lambda _: Endpoint(
        EndpointClass.TRUNK))  # fmt: skip
    *_, last = reading
    with hub.db.write() as session:
        session.add(StreamState(account_id=exchange.id, stream="history", cursor={"position": last.position}))
    page = f"/connections/{exchange.public_id}"
    whole = admin.post(f"{page}/check", on=page).text
    assert "The records were last read 0.0 h ago." in whole
    assert "calls may be missing" not in whole
    log.unlink()
    log.write_text('"","0687654321","101","in"\n')
    assert "calls may be missing" in admin.post(f"{page}/check", on=page).text
