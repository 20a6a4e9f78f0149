"""A mapping tried on stored records before it counts: what would become of them, within the seconds that somebody waits."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from markupsafe import Markup
from sqlalchemy.orm import Session

from hub import trials
from hub.mapping import preview
from hub.mapping.load import Mapping as RecordMapping
from hub.mapping.trial import Fate, Kind, Summary
from hub.mapping.versions import UnfitError
from hub.web.console import mapping_editor, mapping_words, reasons
from hub.web.console.mapping_place import Place
from hub.web.console.reasons import Part
from hub.web.frame import current_hub

LONGEST_TRIAL_S = 8.0  # somebody waits, and their browser for 15 s at most
TRIALS = (50, 500)
# What templates of a trial call.
WORDS: Mapping[str, Any] = MappingProxyType(
    {"words": mapping_words, "written": mapping_editor.written, "reasons": reasons}
)


@dataclass(frozen=True, slots=True)
class Trial:
    """What would become of stored records. `wanted`: so many were to be tried; `hidden`: fields made of secrets."""

    summary: Summary
    wanted: int
    hidden: frozenset[str]
    is_late: bool  # it took too long, and the rest was left

    @property
    def counts(self) -> Sequence[tuple[Fate, Any, int]]:
        """How many of each fate."""
        return [(fate, words, self.summary.counts[fate]) for fate, words in mapping_words.FATES.items()]

    @property
    def fields(self) -> Sequence[tuple[str, Sequence[tuple[Kind, Any, int, Sequence[Any]]]]]:
        """The fields that would be other ones than now, with samples of each change."""
        return [
            (
                name,
                [
                    (kind, words, change.counts[kind], change.samples[kind])
                    for kind, words in mapping_words.CHANGES.items()
                    if change.counts[kind]
                ],
            )
            for name, change in sorted(self.summary.fields.items())
        ]


def unfit(error: UnfitError, labels: Mapping[str, str]) -> Markup:
    """Return what keeps a mapping from counting, in words: of the first fields that are at fault.

    Args:
        labels: what administrators call their fields.
    """
    by_field, whole = preview.problems_by_field(error.problems)
    said = [Part(name, reasons.reason(text)) for name, text in (*by_field.items(), *(("", one) for one in whole))]
    return reasons.joined(said[:5], labels)


def tried(session: Session, place: Place, document: dict[str, Any], limit: int) -> Trial:
    """Try a document on stored records, newest first, of each account its share; it takes a few seconds at most.

    Raises:
        UnfitError: it does not fit.
    """
    hub, summary = current_hub(), Summary()
    deadline, is_late = time.monotonic() + LONGEST_TRIAL_S, False
    accounts = list(place.accounts)
    for at, account in enumerate(accounts):
        share = (limit - summary.total) // (len(accounts) - at)
        mapping = _candidate(session, place, document, account)
        for page in trials.try_out(hub.flow, session, account, place.stream, mapping, limit=share):
            for one in page:
                summary.add(one)
            if is_late := time.monotonic() > deadline:
                break
        if is_late:
            break
    return Trial(summary, limit, mapping_editor.hidden(document), is_late)


def _candidate(session: Session, place: Place, document: dict[str, Any], account: Any) -> RecordMapping:
    return trials.candidate(current_hub().flow, session, place.scope, document, account)
