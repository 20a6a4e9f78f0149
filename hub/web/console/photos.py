"""The picture of a customer, for whoever may see the customer's page; never the source's own address."""

from uuid import UUID

from flask import Blueprint, Response, request
from flask.typing import ResponseReturnValue

from hub.errors import NotFoundError
from hub.identity import parties, photos
from hub.records.picture import picture_type
from hub.security.policy import Right
from hub.web import headers
from hub.web.auth import needs
from hub.web.frame import current_hub

blueprint = Blueprint("photos", __name__)
POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"
KEPT_S = 3600  # by the browser; another picture has another address on our pages


@blueprint.get("/customers/<uuid:public_id>/photo")
@needs(Right.USE, background=True)
def photo(public_id: UUID) -> ResponseReturnValue:
    """Show the picture of a customer, as what its bytes say it is."""
    with current_hub().db.read() as session:
        party = parties.get(session, public_id)
        shown = photos.of_party(session, party, parties.with_merged(session, party))
    content = _content(shown) if shown is not None else b""
    media_type = picture_type(content[:16])
    if shown is None or not media_type:
        raise NotFoundError("There is no such picture.")
    headers.keep_apart(POLICY)
    answer = Response(content, content_type=media_type)
    answer.headers["Cache-Control"] = f"private, max-age={KEPT_S}"
    answer.set_etag(shown.sha256)
    return answer.make_conditional(request)


def _content(shown: photos.Photo) -> bytes:
    """Read a picture; one that somebody took from the shelf is fetched again."""
    hub = current_hub()
    try:
        with photos.shelf(hub.settings).open(shown.sha256) as file:
            return file.read(photos.LARGEST)
    except FileNotFoundError:
        with hub.db.write() as session:
            photos.lost(session, shown)
        hub.trigger.notify("photos")
        return b""
