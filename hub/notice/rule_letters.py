"""Mails to colleagues that rules asked for, each once. Who dies on the way sends that one again, under the same Message-ID."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from uuid import UUID

from babel import Locale
from sqlalchemy import select, update
from sqlalchemy.orm import Session

from hub import log
from hub.errors import RejectedError, RetryLaterError, UserError
from hub.identity import parties
from hub.identity.models import Party
from hub.notice.carrier import Carrier, Message, UnansweredError
from hub.notice.plan import MOST_UNANSWERED
from hub.notice.words import Catalogs, plain
from hub.records.mail import Address
from hub.rules.models import Rule, RuleFiring, RuleLetter
from hub.security.models import User
from hub.settings import LANGUAGES, Settings
from hub.store.base import now
from hub.store.session import Database

TRIED_FOR = timedelta(days=2)  # told later, it is no news
SOME = 50  # sent in one turn
PAUSE = timedelta(minutes=5)  # between two tries
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class _Due:
    """A letter, and all that is said in it."""

    letter: RuleLetter
    firing: RuleFiring
    rule: Rule
    user: User
    party: Party | None


@dataclass(frozen=True, slots=True)
class RuleLetters:
    """Sends what rules write to colleagues.

    Args:
        carrier: takes mails out; None: there is no way, and letters are given up when they are no news any more.
        page: public id of a customer -> the address of their page.
    """

    db: Database
    carrier: Carrier | None
    settings: Settings
    catalogs: Catalogs
    page: Callable[[UUID], str]

    def turn(self) -> None:
        """Send what waits, as far as mail goes out now."""
        with self.db.read() as session:
            if not _due(session, 1):
                return
        with self.db.write() as session:
            _give_up(session)
        with self.db.read() as session:
            due = _due(session, SOME)
        for one in due:
            if self.carrier is None or not self._send(self.carrier, one):
                return  # no mail goes out just now; the others need not find out one by one

    def _send(self, carrier: Carrier, one: _Due) -> bool:
        letter = one.letter
        if letter.unanswered >= MOST_UNANSWERED and not carrier.remembers:
            self._keep(one, sent_at=now())  # nobody knows; a fourth one would be worse than none
            return True
        # Whoever dies from here on leaves a try of which nobody knows the end.
        self._keep(one, tried_at=now(), unanswered=letter.unanswered + 1)
        try:
            carrier.carry(self._message(one))
        except UnansweredError as error:
            _log.warning("nobody knows whether a mail of a rule arrived", error=str(error))
            self._keep(one, last_error=str(error)[:500])
            return True
        except (RejectedError, UserError) as error:
            _log.warning("a mail of a rule was refused", rule=str(one.rule.public_id), error=str(error))
            self._keep(one, given_up_at=now(), last_error=str(error)[:500])
            return True
        except RetryLaterError as error:
            _log.warning("a mail of a rule could not be sent; tried again", error=str(error))
            self._keep(one, last_error=str(error)[:500], unanswered=letter.unanswered)
            return False
        self._keep(one, sent_at=now(), last_error="")
        return True

    def _keep(self, one: _Due, **values: object) -> None:
        with self.db.write() as session:
            session.execute(update(RuleLetter).where(RuleLetter.id == one.letter.id).values(**values))

    def _message(self, one: _Due) -> Message:
        """Return the mail of a letter: the same each time, except that a customer may be called otherwise by now."""
        language = one.user.language if one.user.language in LANGUAGES else self.settings.hub.language
        catalog = self.catalogs(language)
        rule, name = plain(one.rule.name), plain(one.party.name) if one.party is not None else ""
        why = catalog.gettext("You get this because of the rule %(rule)s.")
        link = self.page(one.party.public_id) if one.party is not None else ""
        words = [one.letter.text, why % {"rule": rule}, *([link] if link else [])]
        return Message(
            f"{one.firing.public_id}-{one.user.public_id}", Address(one.user.name, one.user.email),
            f"{rule}: {name}" if name else rule, "\n\n".join(words) + "\n",
            _html(one.letter.text, escape(why) % {"rule": f"<bdi>{escape(rule)}</bdi>"}, link, language),
            one.letter.created_at, again=one.letter.unanswered > 0,
        )  # fmt: skip


def _html(text: str, why: str, link: str, language: str) -> str:
    safe = escape(link, quote=True)
    parts = [f'<p dir="auto">{escape(text)}</p>', *([f'<p><a href="{safe}" dir="ltr">{safe}</a></p>'] if link else [])]
    return f'<div dir="{Locale.parse(language).text_direction}" lang="{language}">{"".join(parts)}<p>{why}</p></div>'


def _give_up(session: Session) -> None:
    """Write down what will not be sent any more: it is no news, or its reader works here no more."""
    left = select(User.id).where(User.disabled_at.is_not(None))
    waiting = (RuleLetter.sent_at.is_(None), RuleLetter.given_up_at.is_(None))
    is_over = (RuleLetter.created_at < now() - TRIED_FOR) | RuleLetter.user_id.in_(left)
    session.execute(
        update(RuleLetter)
        .where(*waiting, is_over)
        .values(given_up_at=now())
        .execution_options(synchronize_session=False)
    )


def _due(session: Session, most: int) -> list[_Due]:
    query = (
        select(RuleLetter, RuleFiring, Rule, User)
        .join(RuleFiring, RuleFiring.id == RuleLetter.firing_id)
        .join(Rule, Rule.id == RuleFiring.rule_id)
        .join(User, User.id == RuleLetter.user_id)
        .where(RuleLetter.sent_at.is_(None), RuleLetter.given_up_at.is_(None))
        .where(RuleLetter.tried_at.is_(None) | (RuleLetter.tried_at <= now() - PAUSE))
        .order_by(RuleLetter.id)
        .limit(most)
    )
    return [
        _Due(letter, firing, rule, user, parties.now_is(session, firing.party_id) if firing.party_id else None)
        for letter, firing, rule, user in session.execute(query)
    ]
