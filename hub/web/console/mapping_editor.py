"""What the mapping editor shows: rows with what becomes of the sample, what is not mapped yet, and what may be meant."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from flask_babel import get_locale
from flask_babel import gettext as _
from markupsafe import Markup, escape
from pydantic_core import to_json
from sqlalchemy.orm import Session

from hub import trials
from hub.fields import definitions, value
from hub.fields.definitions import Field
from hub.fields.models import Type
from hub.fields.value import FieldValueError
from hub.identity import in_step
from hub.intake.models import Account, RawRecord
from hub.log import SECRET_KEYS
from hub.mapping import drift, offers, preview
from hub.mapping.load import Mapping as RecordMapping
from hub.mapping.load import as_rule
from hub.mapping.offers import Guess, Source, Wish
from hub.mapping.preview import Shown
from hub.mapping.transforms import text as as_text
from hub.meetings.transforms import TRANSFORMS as OF_MEETINGS
from hub.web.console import audit_page, field_words, mapping_form, mapping_place, mapping_words, reasons
from hub.web.console.mapping_form import Argument, Row, Step
from hub.web.console.mapping_place import Place
from hub.web.frame import current_hub
from hub.web.jinja import bidi

LONGEST_VALUE = 120  # characters of a value beside a row
LONGEST_LABEL = 60  # of one in a list of sources
MOST_LISTED = 100  # of what is not mapped
MOST_OFFERED = 1_000  # sources that every row's input can choose from
LOOKED_AT = 5  # records whose fields are offered
COUNTED = 50  # records whose values a list of values is compared with
MOST_UNLISTED = 20
MEETING = "meeting"
_OPEN = frozenset({"call", "party"})  # what the hub has no name for is kept in the details, as it is
_LOOKS: Mapping[str, str] = MappingProxyType(
    {Type.PHONE: "phone", Type.EMAIL: "email", Type.DATE: "date", Type.MONEY: "money"}
)
# What a suggestion does with a value that looks like this, where the hub itself does not read it.
_STEPS: Mapping[str, str] = MappingProxyType({"phones": "phone", "emails": "email", "phone": "phone", "email": "email"})


# --- fields of the hub --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """A field of the hub. `label`: of one that an administrator defined, in the page's language."""

    name: str
    type: str = ""
    label: str = ""
    required: bool = False
    options: tuple[tuple[str, str], ...] = ()
    is_known: bool = True
    own: Field | None = None
    labels: tuple[str, ...] = ()

    @property
    def wish(self) -> Wish:
        """What a source for it must be like."""
        by_name = {"phone": "phone", "phones": "phone", "email": "email", "emails": "email"}.get(self.name, "")
        looks = _LOOKS.get(self.own.type, "") if self.own else by_name
        return Wish(self.name, self.labels, looks)


def targets(session: Session, record: str) -> dict[str, Target]:
    """Return the fields of a kind of record by name: the hub's own, then those that administrators defined."""
    found = {
        one.name: Target(
            one.name, "" if one.type == "any" else one.type, "", one.required, tuple((w, w) for w in one.options)
        )
        for one in trials.targets(record)
    }
    fields, language = definitions.load(session), str(get_locale())
    for of in field_words.OF.get(record, ()):
        for name, one in fields.of(of).items():
            options = tuple((option.value, option.label(language)) for option in one.options if not option.is_archived)
            label = one.label(language)
            found.setdefault(
                name, Target(name, field_type(one), label, options=options, own=one, labels=(*one.labels.values(),))
            )
    return found


def field_type(one: Field) -> str:
    """Return what a defined field takes, in the page's words."""
    return str(field_words.TYPES[one.type])


# --- rows ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Result:
    """What becomes of one row. `state`: ok, empty, bad, waits, out (only written back) or none (there is no sample)."""

    state: str
    before: str = ""
    after: str = ""
    why: Markup = reasons.NONE


@dataclass(frozen=True, slots=True)
class StepShown:
    """One transform with its inputs."""

    name: str
    title: str
    each: bool
    arguments: Sequence[Argument]
    is_known: bool


@dataclass(frozen=True, slots=True)
class RowShown:
    """One row of the editor."""

    at: int
    row: Row
    target: Target
    steps: Sequence[StepShown]
    result: Result
    is_own: bool  # of an overlay: it is another way than what counts for all
    goes_back: bool  # what becomes of it can be written back to the other system
    unlisted: Sequence[tuple[str, int]] = ()  # values that came and are not in its list, and how often
    suggested: str = ""  # what was suggested, as the form says it back


@dataclass(frozen=True, slots=True)
class Looked:
    """The rows on one sample."""

    results: Mapping[str, Result]
    failing: Sequence[str]
    whole: Sequence[Markup] = ()  # what is wrong with all of it together


def looked(place: Place, document: dict[str, Any], known: Mapping[str, Target], raw: RawRecord | None) -> Looked:
    """Return what becomes of each row of an unsaved mapping, and what is wrong with it."""
    part = preview.read_part(place.shipped, document)
    rules: dict[str, Any] = document["fields"]
    results = {
        name: Result("bad", why=reasons.reason(text, expr=_expr(rules[name]))) for name, text in part.wrong.items()
    }
    whole = [reasons.reason(text) for text in part.whole if rules]
    account = _account_of(place, raw)
    if part.mapping is not None:
        shown: Mapping[str, Shown] = {}
        if raw is not None and account is not None:
            shown = trials.look(current_hub().flow, account, part.mapping, raw.payload)
        for name in part.mapping.fields:
            results[name] = _result(part.mapping, name, shown.get(name), known, is_sample=raw is not None)
        if account is not None and shown:
            results |= _own(account, known, shown, hidden(document))
            whole += _refused(part.mapping, part.wrong, shown, results, known)
    failing = [name for name in rules if name in results and results[name].state == "bad"]
    return Looked(results, failing, whole)


def hidden(document: Mapping[str, Any]) -> frozenset[str]:
    """Return the fields whose source sounds like a secret: what they become is masked."""
    fields = document.get("fields")
    given = {name: as_rule(rule) for name, rule in fields.items()} if isinstance(fields, dict) else {}
    rules = {name: rule for name, rule in given.items() if isinstance(rule, dict)}
    return frozenset(name for name, rule in rules.items() if _is_secret(rule.get("from"), rule.get("expr")))


def _is_secret(*sources: Any) -> bool:
    return any(isinstance(one, str) and SECRET_KEYS.search(one) is not None for one in sources)


def _expr(rule: Any) -> str:
    return str(rule.get("expr", "")) if isinstance(rule, dict) else ""


def _account_of(place: Place, raw: RawRecord | None) -> Account | None:
    return next((one for one in place.accounts if raw is not None and one.id == raw.account_id), None)


def _result(
    mapping: RecordMapping, name: str, one: Shown | None, known: Mapping[str, Target], *, is_sample: bool
) -> Result:
    rule = mapping.fields[name]
    if one is None:
        return Result("out" if rule.direction == "out" else "none" if not is_sample else "empty")
    is_secret = _is_secret(rule.from_, rule.expr)
    before = "***" if is_secret and one.before is not None else written(one.before)
    if one.waits_for:
        other = known[one.waits_for].label if one.waits_for in known else ""
        return Result(
            "waits", before, why=escape(_("It waits for %(field)s.")) % {"field": bidi(other or one.waits_for)}
        )
    if one.problem:
        problem = reasons.without_values(one.problem) if is_secret else one.problem
        return Result("bad", before, why=reasons.reason(problem, expr=rule.expr or ""))
    after = "***" if is_secret and one.after is not None else written(one.after)
    return Result("ok" if after else "empty", before, after)


def _own(
    account: Account, known: Mapping[str, Target], shown: Mapping[str, Shown], secret: Collection[str]
) -> dict[str, Result]:
    """Return what becomes of fields that administrators defined: they take only what they are for."""
    fields = {name: target.own for name, target in known.items() if target.own is not None and name in shown}
    found: dict[str, Result] = {}
    made: dict[str, Any] = {}
    region = account.region or current_hub().settings.hub.region
    currency = shown["currency"].after if "currency" in shown else ""
    for one in value.in_order(fields):
        of = shown[one.name]
        if of.problem or of.waits_for:
            continue
        archived = [option.value for option in one.options if option.is_archived]
        before = "***" if one.name in secret and of.before is not None else written(of.before)
        given: dict[str, Any] = {"region": region, "currency": currency if isinstance(currency, str) else ""}
        try:
            made[one.name] = value.read(one, of.after, **given, chosen=made, before=archived)
        except FieldValueError as error:
            found[one.name] = Result("bad", before, why=escape(field_words.problem(error)))
            continue
        after = value.text(one, made[one.name], str(get_locale()))
        after = "***" if after and one.name in secret else written(after)
        found[one.name] = Result("ok" if after else "empty", before, after)
    return found


def _refused(
    mapping: RecordMapping,
    wrong: Mapping[str, str],
    shown: Mapping[str, Shown],
    results: Mapping[str, Result],
    known: Mapping[str, Target],
) -> list[Markup]:
    """Return what the next step would not take although each field alone is right."""
    if wrong or any(one.state == "bad" for one in results.values()):
        return []
    own = {name for name, target in known.items() if target.own is not None}
    text = trials.refusal(mapping.record, {name: one.after for name, one in shown.items() if name not in own})
    return [reasons.told(text)] if text else []


def written(given: Any) -> str:
    """Return a value as it stands beside a row; what stands in it under the name of a secret is masked."""
    if given is None or given == "":
        return ""
    if isinstance(given, str | bool | int | float):
        text = as_text(given)
    else:
        try:
            text = to_json(audit_page.masked(given), serialize_unknown=True, inf_nan_mode="strings").decode(
                "utf-8", "replace"
            )
        except (ValueError, RecursionError):
            text = str(type(given).__name__)
        text = text[1:-1] if text.startswith('"') and text.endswith('"') and len(text) > 1 else text
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}…"


def shown_rows(
    place: Place,
    rows: Sequence[Row],
    known: Mapping[str, Target],
    seen: Looked,
    under: Mapping[str, Any],
    unlisted: Mapping[str, Sequence[tuple[str, int]]],
) -> list[RowShown]:
    """Return the rows as the page shows them."""
    transforms = {one.name: one for one in place.shipped.registry}

    def step(one: Step) -> StepShown:
        transform = transforms.get(one.name)
        inputs = mapping_form.arguments(transform, one) if transform else []
        return StepShown(one.name, mapping_words.transform(one.name), one.each, inputs, transform is not None)

    extra = place.shipped.record in _OPEN
    found = []
    for at, row in enumerate(rows):
        target = known.get(row.target) or Target(row.target, is_known=extra or row.target in place.shipped.fields)
        rule = mapping_form.rule_of(row, transforms)
        back = place.shipped.record == "party" and row.target in in_step.FIELDS
        found.append(
            RowShown(
                at, row, target, [step(one) for one in row.steps], seen.results.get(row.target, Result("none")),
                place.scope.is_overlay and under["fields"].get(row.target) != rule,
                back or (row.direction, row.conflict, row.write) != ("in", "newest", "always"),
                unlisted.get(row.target, ()),
                f"{row.how}:{row.source}{row.expr}" if row.is_suggested else "",
            )
        )  # fmt: skip
    return found


def transforms(place: Place) -> list[str]:
    """Return what a row can be given: the hub's own transforms and the connector's; those of meetings for meetings alone."""
    made = current_hub().connectors.get(place.connector)
    own = made.transforms if made is not None and made.transforms is not None else {}
    names = [one.name for one in place.shipped.registry]
    return names if place.shipped.record == MEETING else [one for one in names if one not in OF_MEETINGS or one in own]


def unlisted(session: Session, place: Place, rows: Sequence[Row]) -> dict[str, list[tuple[str, int]]]:
    """Return, of rows with a list of values, the values that newest records really have and the list has not."""
    listed = [row for row in rows if row.values is not None and not _is_secret(row.source, row.expr)]
    if not listed:
        return {}
    bare = [
        replace(row, values=None, unmapped="set_aside", depends_on="", empty="", default="", type="", direction="in")
        for row in listed
    ]
    document = mapping_form.document_of(bare, place.shipped.as_json(), place.shipped.registry)
    part = preview.read_part(place.shipped, document)
    counts: dict[str, Counter[str]] = {row.target: Counter() for row in listed}
    if part.mapping is None or not place.accounts:
        return {}
    for payload in mapping_place.payloads(session, place, COUNTED):
        for name, one in trials.look(current_hub().flow, place.accounts[0], part.mapping, payload).items():
            for single in one.after if isinstance(one.after, list) else [one.after]:
                if isinstance(single, str | int | float | bool) and single != "":
                    counts[name][as_text(single)[:LONGEST_VALUE]] += 1
    have = {row.target: {entry.theirs for entry in row.values or ()} for row in listed}
    return {
        name: [one for one in found.most_common() if one[0] not in have[name]][:MOST_UNLISTED]
        for name, found in counts.items()
    }


# --- what is not mapped -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Offer:
    """A source that nothing is made of. `target`: the field that it may be meant for."""

    text: str
    is_expression: bool
    label: str
    sample: str
    is_new: bool
    target: str = ""

    @property
    def key(self) -> str:
        """What a button of the form says of it."""
        return f"={self.text}" if self.is_expression else self.text


@dataclass(frozen=True, slots=True)
class Lacking:
    """A field that nothing fills. `guess`: what may be meant for it."""

    target: Target
    guess: Guess | None
    sample: str


@dataclass(frozen=True, slots=True)
class Open:
    """What a row can be made of, and what is not mapped yet."""

    sources: Sequence[Offer] = ()
    unmapped: Sequence[Offer] = ()
    unmapped_count: int = 0
    lacking: Sequence[Lacking] = ()
    guesses: Mapping[str, Guess] = field(default_factory=dict)
    found: str = ""  # what was looked for


def opened(
    session: Session,
    place: Place,
    rows: Sequence[Row],
    known: Mapping[str, Target],
    raw: RawRecord | None,
    find: str = "",
) -> Open:
    """Return what records offer and what of it nothing takes; a guess is only ever offered."""
    payloads = mapping_place.payloads(session, place, LOOKED_AT)
    sources = offers.offered(([raw.payload] if raw is not None else []) + payloads)
    mapped = {row.target for row in rows}
    wishes = [one.wish for one in known.values() if one.name not in mapped]
    free = [one for one in sources if not _is_taken(one, rows)]
    guesses = offers.guesses(wishes, free)
    meant = {guess.source.text: name for name, guess in guesses.items()}
    new = _new(session, place)
    shown = [_offer(one, new, meant.get(one.text, "")) for one in sources]
    fresh = {one.text for one in free}
    unmapped = [one for one in shown if one.text in fresh and _is_found(one, find)]
    lacking = [
        Lacking(one, guess := guesses.get(one.name), _sample(guess.source) if guess else "")
        for one in known.values()
        if one.name not in mapped
    ]
    lacking.sort(key=lambda one: (not one.target.required, one.target.own is None, one.guess is None))
    return Open(shown[:MOST_OFFERED], unmapped[:MOST_LISTED], len(unmapped), lacking, guesses, find)


def _offer(source: Source, new: set[str], target: str) -> Offer:
    label = source.label[:LONGEST_LABEL]
    return Offer(source.text, source.is_expression, label, _sample(source), source.text in new, target)


def _sample(source: Source) -> str:
    return "***" if _is_secret(source.text) else written(source.sample)


def _new(session: Session, place: Place) -> set[str]:
    """Return the places that came up lately and nobody has looked at."""
    if place.account is None:
        return set()
    news = drift.news(session, place.account.id)
    return {item.path for one in news if one.stream == place.stream for item in one.new}


def _is_taken(source: Source, rows: Sequence[Row]) -> bool:
    """Say whether a row is made of a source, of what it stands in, or names it in an expression."""
    for row in rows:
        if row.how == "from" and row.source:
            if source.text == row.source or source.text.startswith(f"{row.source}."):
                return True  # entries by name of a list that is taken whole, such as answers, are expressions: free
        elif row.how == "expr" and row.expr and (source.text in row.expr or source.name == row.expr.strip()):
            return True
    return False


def _is_found(one: Offer, find: str) -> bool:
    wanted = find.strip().casefold()
    return not wanted or any(wanted in text.casefold() for text in (one.text, one.label, one.sample))


def suggestion(name: str, guess: Guess, known: Mapping[str, Target]) -> Row:
    """Return the row that a guess makes; it is marked until somebody changes or saves it."""
    source = guess.source
    target = known.get(name)
    step = _STEPS.get(name) if target is None or target.own is None else None
    steps = (Step(step),) if step else ()
    if source.is_expression:
        return Row(name, "expr", expr=source.text, steps=steps, is_suggested=True)
    return Row(name, "from", source.text, steps=steps, is_suggested=True)
