"""Search: customers by name, company, number or e-mail; and what is known of a number that is nobody's yet."""

from flask import Blueprint, render_template, request
from flask.typing import ResponseReturnValue

from hub.cti import history
from hub.identity import photos, search
from hub.identity.phone import PhoneContext, normalise
from hub.identity.words import LONGEST_QUERY
from hub.security.policy import Right, may
from hub.web import auth
from hub.web.auth import needs
from hub.web.console import wording
from hub.web.frame import current_hub, current_person

blueprint = Blueprint("search_page", __name__)
HITS = 30
CALLS = 5


@blueprint.get("/search")
@needs(Right.USE)
def page() -> ResponseReturnValue:
    """Show what matches."""
    query = request.args.get("q", "").strip()[:LONGEST_QUERY]
    person = current_person()
    number = _number(query)
    with current_hub().db.read() as session:
        hits = search.search(session, query, HITS + 1)
        pictures = photos.of_parties(session, [hit.party_id for hit in hits])
        everybody = may(person.role, Right.SEE_ALL_CALLS)
        calls = (
            history.listed(
                session, person, None if everybody else person.id, which=history.Filter(number=number), limit=CALLS
            )[0]
            if number
            else []
        )
    template = "agent/_results.html" if auth.is_htmx() else "agent/search.html"
    return render_template(
        template, query=query, hits=hits[:HITS], more=len(hits) > HITS, number=number, calls=calls, wording=wording,
        photos=pictures,
    )  # fmt: skip


def _number(query: str) -> str:
    """Return the number that was searched for, if the whole question is one."""
    if any(c.isalpha() for c in query):
        return ""
    phones = normalise(query, PhoneContext(region=current_hub().settings.hub.region))
    return phones[0].key if len(phones) == 1 else ""
