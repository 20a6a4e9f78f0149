"""Tell administrators that a webhook endpoint was turned off, once for each of them and each time that it was.

Whom a mail reached is kept behind each mail. Who dies in between sends that one again, under the same Message-ID.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from gettext import NullTranslations
from html import escape
from uuid import UUID

from babel import Locale
from sqlalchemy import ColumnElement, select, update
from sqlalchemy.orm import Session

from hub import log
from hub.errors import RejectedError, RetryLaterError, UserError
from hub.notice.carrier import Carrier, Message
from hub.notice.words import Catalogs, plain
from hub.records.mail import Address
from hub.security.models import User
from hub.security.policy import Right, may
from hub.settings import LANGUAGES, Settings
from hub.store.base import now
from hub.store.session import Database
from hub.webhooks.models import Off, WebhookEndpoint

TRIED_FOR = timedelta(days=2)  # told later, it is no news
_log = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Letters:
    """Tells administrators.

    Args:
        page: public id of an endpoint -> the address of its page.
    """

    db: Database
    carrier: Carrier
    settings: Settings
    catalogs: Catalogs
    page: Callable[[UUID], str]

    def turn(self) -> None:
        """Tell everybody who was not told yet, as far as mail goes out now."""
        with self.db.read() as session:
            rows = session.scalars(select(WebhookEndpoint).where(_untold()).order_by(WebhookEndpoint.id)).all()
            people = _administrators(session)
        for row in rows:
            if not self._tell(row, people):
                return  # no mail goes out just now; the others need not find out one by one

    def _tell(self, row: WebhookEndpoint, people: list[User]) -> bool:
        told = list(row.told)
        for user in people:
            if user.id in told:
                continue
            try:
                self.carrier.carry(self._message(row, user))
            except (RejectedError, UserError) as error:
                _log.warning("a notice was refused", endpoint=str(row.public_id), error=str(error))
            except RetryLaterError as error:
                _log.warning("a notice could not be sent; tried again", error=str(error))
                return False
            told.append(user.id)
            self._keep(row, told=told)
        self._keep(row, told_at=now())
        return True

    def _keep(self, row: WebhookEndpoint, **values: object) -> None:
        with self.db.write() as session:
            same = (WebhookEndpoint.id == row.id) & (WebhookEndpoint.disabled_at == row.disabled_at)
            session.execute(
                update(WebhookEndpoint).where(same).values(**values).execution_options(synchronize_session=False)
            )

    def _message(self, row: WebhookEndpoint, user: User) -> Message:
        assert row.disabled_at is not None, "only of those that are off"
        language = user.language if user.language in LANGUAGES else self.settings.hub.language
        catalog, link = self.catalogs(language), self.page(row.public_id)
        names = {"name": plain(row.name), "hub": plain(self.settings.hub.name)}
        subject = catalog.gettext("The webhook endpoint %(name)s was turned off") % names
        lines = [_why(row.disabled_why, catalog), catalog.gettext(
            "Open its page to turn it on again; what it missed can be sent again from there."
        )]  # fmt: skip
        shown = [escape(one) % {key: f"<bdi>{escape(value)}</bdi>" for key, value in names.items()} for one in lines]
        at = row.disabled_at
        return Message(
            f"{row.public_id}-{int(at.timestamp())}-{user.public_id}", Address(user.name, user.email), subject,
            "\n\n".join([*(one % names for one in lines), link]) + "\n", _page(shown, link, language), at,
        )  # fmt: skip


def _why(why: str, catalog: NullTranslations) -> str:
    if why == Off.GONE:
        return catalog.gettext("The webhook endpoint %(name)s of %(hub)s answered that nobody is there any more (410).")
    return catalog.gettext("Nothing could be sent to the webhook endpoint %(name)s of %(hub)s for five days.")


def _page(lines: list[str], link: str, language: str) -> str:
    safe = escape(link, quote=True)
    paragraphs = "".join(f"<p>{line}</p>" for line in [*lines, f'<a href="{safe}" dir="ltr">{safe}</a>'])
    return f'<div dir="{Locale.parse(language).text_direction}" lang="{language}">{paragraphs}</div>'


def _untold() -> ColumnElement[bool]:
    row = WebhookEndpoint
    return (row.disabled_at > now() - TRIED_FOR) & row.disabled_why.in_((Off.FAILING, Off.GONE)) & row.told_at.is_(None)


def _administrators(session: Session) -> list[User]:
    people = session.scalars(select(User).where(User.disabled_at.is_(None)).order_by(User.id))
    return [one for one in people if may(one.role, Right.MANAGE_CONNECTIONS)]
