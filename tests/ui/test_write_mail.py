"""Writing a mail in a real browser: what is typed is kept, files go along, a sending can be taken back."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import UUID

import pytest
from sqlalchemy import select, update

from hub.identity import parties
from hub.identity.models import PartyKind
from hub.intake.models import Account, AccountState, StreamState
from hub.mail.models import DraftState, MailDraft, MailDraftFile
from hub.outbound.models import Outbox, OutboxState
from hub.security.models import User
from tests.ui.harness import Profile, Site, until, violations

DANA = "dana@customer.example"


@pytest.fixture(scope="module")
def dana(site: Site) -> Iterator[UUID]:
    """A customer with an address; Noa has a mailbox."""
    with site.hub.db.write() as session:
        noa = session.scalars(select(User).where(User.email == "noa@example.com")).one()
        account = Account(name="Google", connector="google", settings={}, owner_id=noa.id, state=AccountState.ACTIVE)
        session.add(account)
        session.flush()
        box = "noa@example.com"
        session.add(StreamState(account_id=account.id, stream=f"mail:{box}", records=f"mail:{box}", mailbox=box))
        given = [parties.Given(parties.EMAIL, DANA)]
        party = parties.create(session, None, PartyKind.PERSON, "Dana Customer", given, region="IL").public_id
    yield party
    with site.hub.db.write() as session:
        session.execute(update(Account).where(Account.id == account.id).values(state=AccountState.PAUSED))


def rows(site: Site) -> list[MailDraft]:
    with site.hub.db.read() as session:
        return list(session.scalars(select(MailDraft)))


@pytest.mark.parametrize("language", ["en", "he"])
def test_a_mail_is_written_kept_sent_and_taken_back(
    profile: Callable[..., Profile], site: Site, dana: UUID, language: str
) -> None:
    with site.hub.db.write() as session:
        session.execute(update(User).where(User.email == "noa@example.com").values(language=language))
        session.query(MailDraft).delete()
    tab = profile("noa").open(f"/customers/{dana}")
    tab.click(f"a[href$='/customers/{dana}/mail']")
    tab.wait_for_selector("#m-text")
    assert tab.input_value("#m-to") == DANA
    tab.fill("#m-subject", "Our offer")
    tab.keyboard.press("Tab")
    tab.keyboard.type("Good morning")
    until(lambda: [row.text for row in rows(site)] == ["Good morning"], "what was typed is not kept")
    tab.set_input_files("#m-files", {"name": "offer.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"})
    tab.wait_for_selector("#files >> text=offer.pdf")
    assert tab.input_value("#m-text") == "Good morning"
    tab.reload()
    assert tab.input_value("#m-text") == "Good morning"
    assert violations(tab) == []
    tab.click("#letter button.primary")
    tab.wait_for_selector("#sending form")
    assert violations(tab) == []
    with site.hub.db.read() as session:
        [waiting] = session.scalars(select(Outbox).where(Outbox.state == OutboxState.WAITING)).all()
        assert timedelta(0) < waiting.due_at - waiting.created_at <= timedelta(seconds=11)
        assert [row.name for row in session.scalars(select(MailDraftFile))] == ["offer.pdf"]
    tab.click("#sending form button")
    tab.wait_for_selector("#m-text")
    assert tab.input_value("#m-text") == "Good morning"
    assert [row.state for row in rows(site)] == [DraftState.DRAFT]
    tab.click("button[data-dialog=discard]")
    tab.click("#discard button.danger")
    tab.wait_for_selector("#timeline")
    assert rows(site) == []
