"""Mappings as TOML files: one version to take along, and one that somebody brings, which becomes the draft."""

import re
from collections.abc import Sequence

from flask import Blueprint, Response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from hub.errors import NotFoundError, UserError
from hub.mapping import overlay, versions
from hub.mapping.load import LARGEST_FILE, BadMappingError, Problem
from hub.mapping.written import document_text, overlay_text
from hub.security.policy import Right
from hub.web import auth
from hub.web.console import mapping_place, mapping_versions, mapping_words, reasons
from hub.web.frame import current_hub, current_person
from hub.web.typed import typed

blueprint = Blueprint("mapping_files", __name__, url_prefix="/mappings/<connector>/<stream>")


@blueprint.get("/files")
@auth.needs(Right.MANAGE_CONNECTIONS)
def show(connector: str, stream: str) -> ResponseReturnValue:
    """Offer the versions as files, and ask for one."""
    return _page(connector, stream)


@blueprint.get("/export")
@auth.needs(Right.MANAGE_CONNECTIONS)
def export(connector: str, stream: str) -> ResponseReturnValue:
    """Hand out one version as a file."""
    key = request.args.get("version", mapping_versions.SHIPPED)
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        kept, _whole = mapping_versions.document(session, place, key)
    is_overlay = place.scope.is_overlay and key != mapping_versions.SHIPPED
    plain = overlay.normal(kept, is_overlay=is_overlay)
    try:
        if plain is None:
            raise UserError("This draft is not finished, so no file can be made of it.", error_id="mapping_unfinished")
        text = (
            overlay_text(plain, stream=place.stream, record=place.shipped.record)
            if is_overlay
            else document_text(plain)
        )
    except ValueError:
        raise UserError(
            "A list of values has an entry that becomes nothing, and a file has no word for it.",
            error_id="mapping_unfinished",
        ) from None
    name = re.sub(r"[^\w.-]", "-", f"{connector}-{place.stream}-{key}", flags=re.ASCII)
    return Response(
        text, mimetype="application/toml", headers={"Content-Disposition": f'attachment; filename="{name}.toml"'}
    )


@blueprint.post("/import")
@auth.needs(Right.MANAGE_CONNECTIONS)
def take(connector: str, stream: str) -> ResponseReturnValue:
    """Make the draft of a file or a text; what is wrong with it is said with line and column."""
    text, name = _given()
    hub = current_hub()
    try:
        with hub.db.write() as session:
            place = mapping_place.find(session, connector, stream)
            present = mapping_place.present(session, place)
            if place.scope.is_overlay:
                under = overlay.effective(place.shipped, versions.whole_of(session, place.scope))
                read = overlay.read_overlay_toml(under, text, name=name)
                kept, base = read, present.under
            else:
                kept = overlay.read_whole_toml(place.shipped, text, name=name).as_json()
                base = present.base
            versions.save_draft(
                session, current_person(), place.scope, kept, base=base, expected_sha=typed(request.form, "seen", 100)
            )
    except BadMappingError as error:
        return _page(connector, stream, error.problems, text), 422
    except NotFoundError:
        raise
    except UserError as error:
        return _page(connector, stream, (), text, mapping_words.sentence(error)), 422
    return redirect(place.link("mapping_page.show", saved=1), 303)


def _given() -> tuple[str, str]:
    """Return the text that was posted, and what its file is called."""
    file = request.files.get("file")
    if file is None or not file.filename:
        return request.form.get("text", "").replace("\r\n", "\n"), "text"
    name = re.sub(r"[^\w.-]", "-", file.filename)[-80:]
    content = file.read(LARGEST_FILE + 1)
    text = content.decode("utf-8", "replace")
    # What is too large stays too large: a part of it could be read as a whole mapping.
    return text if len(content) > LARGEST_FILE else text.replace("\r\n", "\n"), name


def _page(
    connector: str, stream: str, problems: Sequence[Problem] = (), text: str = "", error: str = ""
) -> str:  # fmt: skip
    with current_hub().db.read() as session:
        place = mapping_place.find(session, connector, stream)
        rows = versions.all_of(session, place.scope)
        return render_template(
            "admin/mapping_files.html",
            place=place,
            now=mapping_place.present(session, place),
            seen=versions.seen(session, place.scope),
            keys=[*map(mapping_versions.key_of, rows[: mapping_versions.MOST]), mapping_versions.SHIPPED],
            problems=[(one, reasons.reason(one.text)) for one in problems],
            text=text,
            error=error,
            field_called=mapping_place.naming(session, place),
            longest=LARGEST_FILE,
        )
