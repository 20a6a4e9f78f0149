"""What rules did, for managers: when each fired, why, what came of it, and what held it back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.errors import NotFoundError
from hub.rules import desk
from hub.rules.models import Fired, Rule, RuleLetter
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import rules_sentences, rules_words
from hub.web.console.rules_sentences import Naming, Sentence
from hub.web.frame import current_hub

blueprint = Blueprint("rule_firings", __name__, url_prefix="/insights/rules")
SHOWN = 50


@dataclass(frozen=True, slots=True)
class Line:
    """A firing as the page shows it."""

    of: desk.Line
    why: Sequence[Sentence]
    done: Sequence[Sentence]
    held: str


@blueprint.get("")
@auth.needs(Right.SEE_INSIGHTS)
def show() -> ResponseReturnValue:
    """List what rules did, the newest first."""
    asked = request.args.get("state", "")
    state = asked if asked in set(Fired) else ""
    with current_hub().db.read() as session:
        rule = _rule(session)
        found = desk.firings(session, rule=rule, state=state, before=_before(), limit=SHOWN + 1)
        naming = rules_sentences.naming(session)
        letters = desk.letters(session, [one.firing.id for one in found[:SHOWN]])
        lines = [_line(one, naming, letters.get(one.firing.id, ())) for one in found[:SHOWN]]
        last = found[SHOWN - 1].firing if len(found) > SHOWN else None
        rules = session.execute(select(Rule.public_id, Rule.name).order_by(Rule.name, Rule.id)).all()
        return render_template(
            "insights/rule_firings.html", lines=lines, rule=rule, rules=rules, state=state, states=rules_words.STATES,
            more=f"{last.at.isoformat()}~{last.id}" if last is not None else "",
        )  # fmt: skip


def _rule(session: Session) -> Rule | None:
    """Return the rule that is asked for, also one that is removed; of no such rule there is nothing to show."""
    asked = request.args.get("rule", "")
    if not asked:
        return None
    try:
        public_id = UUID(asked)
    except ValueError:
        raise NotFoundError("There is no such rule.") from None
    return desk.get(session, public_id)


def _before() -> tuple[datetime, int] | None:
    at, _tilde, number = request.args.get("before", "").partition("~")
    if not number.isdecimal() or len(number) > 18:
        return None
    try:
        moment = datetime.fromisoformat(at)
    except ValueError:
        return None
    return (moment, int(number)) if moment.tzinfo is not None else None


def _line(one: desk.Line, naming: Naming, letters: Sequence[tuple[RuleLetter, str]]) -> Line:
    done: Sequence[Mapping[str, Any]] = one.firing.done
    mails = [_fate(letter, name) for letter, name in letters if letter.sent_at is None]
    return Line(
        one,
        naming.conditions(one.rule.asks, one.firing.reason),
        [*(naming.done(row) for row in done), *mails],
        str(rules_words.BRAKES[one.firing.brake]) if one.firing.brake else "",
    )


def _fate(letter: RuleLetter, name: str) -> Sentence:
    """Return what became of a mail that was not sent."""
    if letter.given_up_at is None:
        return Sentence(str(_("A mail waits to be sent to")), "", [name])
    why = letter.last_error or _("It could not be sent in time, or nobody reads it any more.")
    return Sentence(str(_("A mail was given up")), "", [name, str(why)], is_done=False)
