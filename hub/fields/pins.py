"""What each source says of a customer, as somebody may see it, and their choice of one word: pinned, or left to the sources."""

from collections.abc import Mapping

from sqlalchemy.orm import Session

from hub.errors import NotFoundError
from hub.fields import change, definitions, incoming, seen
from hub.fields.definitions import Fields
from hub.fields.models import Of
from hub.identity import pins
from hub.identity.models import Party
from hub.identity.parties import NOTHING
from hub.identity.pins import Word
from hub.security.policy import Person


def words(session: Session, person: Person, known: Fields, party: Party) -> Mapping[str, tuple[Word, ...]]:
    """Return what is said of a party by field, each with the word that counts first."""
    return seen.of_party(known, change.of_party(party), person.role, pins.words(session, party))


def pin(session: Session, person: Person, party: Party, word_id: int, *, region: str) -> None:
    """Let a word count from now on, whatever sources say later.

    Args:
        word_id: of a `Word`.
        region: as `fields.change.party`.

    Raises:
        NotFoundError: it is not said any more.
        UserError: of this field nobody chooses, or the field does not take the value any more (`FieldsError`).
    """
    session.refresh(party, with_for_update={"key_share": True})  # as `identity.link` takes it
    known = definitions.load(session)
    found = [
        word for said in words(session, person, known, party).values() for word in said if word.id == word_id
    ]  # fmt: skip
    if not found:
        raise NotFoundError("This is not said any more. Look again.")
    shown = seen.fields(known, change.of_party(party), person.role)
    if found[0].field in shown:  # it may have been said before an administrator defined the field, or changed it
        change.read(shown, party.fields, {found[0].field: found[0].value}, region=region)
    coming = incoming.of_fields(known)
    pins.pin(session, person, party, found[0], begun=coming.defaults(Of.COMPANY) if coming is not None else NOTHING)


def unpin(session: Session, person: Person, party: Party, field: str) -> None:
    """Take back what was said here of a field: the sources decide again.

    Raises:
        NotFoundError: nothing was said here.
        UserError: no source says anything of it.
    """
    session.refresh(party, with_for_update={"key_share": True})
    if field not in words(session, person, definitions.load(session), party):
        raise NotFoundError("This is not fixed any more.")
    pins.unpin(session, person, party, field)
