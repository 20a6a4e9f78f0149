"""Why a record was not taken, in the reader's language.

A reason is kept as the English sentence that programs read too: with the raw record, in the API, in the log. It is made in
many places, in connectors too, which know no languages; so pages know sentences by their patterns, and what no pattern
knows stands as it was written. A test holds every sentence that the hub can raise about a record against the patterns.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from flask_babel import LazyString, lazy_gettext
from flask_babel import gettext as _
from markupsafe import Markup, escape

from hub.mapping.expression import wrong_at
from hub.mapping.preview import LATE
from hub.web.console.field_words import NAMING, VALUES
from hub.web.jinja import bidi

NONE = Markup()
NO_LABELS: Mapping[str, str] = MappingProxyType({})
_GAP = "…"  # where values of many records stood
# What differs from record to record: its id, values in quotes, other ids, numbers.
_VARIABLE = re.compile(r"(?<=record )[^:]+(?=:)|(?<!\w)'[^']*'|\"[^\"]*\"|[0-9a-f]{8}-[0-9a-f-]{27}|\d+")
_QUOTED = re.compile(r"'[^']*(?:'|$)|\"[^\"]*(?:\"|$)")


# --- sentences ----------------------------------------------------------------------------------------------------
#
# Groups of a pattern go into its sentence; `value` stands behind it, `at` is the field that it is about.

_FORM = lazy_gettext("What was sent is not of the form that was agreed.")
_FILE = lazy_gettext("The file cannot be read.")
_MAIL = lazy_gettext("The mail is empty or cannot be read.")
_ROUND = lazy_gettext("How this meeting comes round again cannot be followed.")
_NO_TIME = lazy_gettext("%(what)s is no date or time.")
_BAD_TIME = lazy_gettext("A date or time of it cannot be right.")
_ONE_OF = lazy_gettext("It must be one of these: %(of)s.")
_EXPRESSION = lazy_gettext("The expression cannot be used on this record.")
_ANSWER = lazy_gettext("The other system's answer cannot be used.")

# What somebody reads who writes a mapping.
_OF_MAPPINGS: Sequence[tuple[str, LazyString]] = (
    (
        r"say where it comes from.*",
        lazy_gettext("Choose a source field, write an expression, or give a default value."),
    ),
    (
        r"(?:transform: )?there is no transform (?:'(?P<what>[^']*)'|…).*",
        lazy_gettext("There is no transform “%(what)s”."),
    ),
    (
        r"(?:transform: )?transform (?P<of>\w+|…) needs the argument (?:'(?P<what>[^']*)'|…)",
        lazy_gettext("The transform “%(of)s” needs “%(what)s”."),
    ),
    (
        r"(?:transform: )?transform (?P<of>\w+|…), argument (?:'(?P<what>[^']*)'|…): .*valid integer.*",
        lazy_gettext("“%(what)s” of the transform “%(of)s” must be a whole number."),
    ),
    (
        r"(?:transform: )?transform (?P<of>\w+|…), argument (?:'(?P<what>[^']*)'|…): .*",
        lazy_gettext("“%(what)s” of the transform “%(of)s” is not as it must be."),
    ),
    (
        r"(?:transform: )?transform (?P<of>\w+|…) has no argument (?:'(?P<what>[^']*)'|…).*",
        lazy_gettext("The transform “%(of)s” has no “%(what)s”."),
    ),
    (
        r"(?:values: )?every entry must be a list of its own.*",
        lazy_gettext("Say for each entry of the list when it counts."),
    ),
    (
        r"(?:depends_on: )?depends on itself",
        lazy_gettext("A list of values cannot depend on its own field, also not in a circle."),
    ),
    (
        r"(?:depends_on: )?there is no field (?:'(?P<what>[^']*)'|…)",
        lazy_gettext("It depends on “%(what)s”, which is not mapped."),
    ),
    (
        r"(?:from: )?.* is no path: .*character (?P<what>\d+).*",
        lazy_gettext("This is no path: it cannot be read from character %(what)s on."),
    ),
    (
        r".*direction '\w+' writes back, so it needs `from`.*",
        lazy_gettext("What is written back needs a source field to be written to."),
    ),
    (
        r".*the expression is longer than (?P<what>\S+).*",
        lazy_gettext("An expression has %(what)s characters at most."),
    ),
    (
        r"(?:expr: )?(?P<what>\$\w+) is not allowed here.*",
        lazy_gettext("“%(what)s” is not allowed here: the same record must always give the same."),
    ),
    (
        r"fields: Dictionary should have at least 1 item.*",
        lazy_gettext("Nothing is mapped, or nothing is another way than for all."),
    ),
    (re.escape(LATE), lazy_gettext("The fields above took too long, so this one was not tried.")),
    (
        r"it holds nothing where a file needs something.*",
        lazy_gettext("A list of values has an entry that becomes nothing."),
    ),
    (r"(?:There is no mapping|no kind of record is called) .*", lazy_gettext("There is no mapping for these records.")),
)

# Expressions that end while a record is mapped.
_OF_EXPRESSIONS: Sequence[tuple[str, LazyString]] = (
    (r"the expression was stopped: .*D1012.*", lazy_gettext("The expression takes too long; it was stopped.")),
    (r"the expression was stopped: .*D2015.*", lazy_gettext("The expression makes too long a list; it was stopped.")),
    (
        r"the expression was stopped: .*|D1011: nested too deep",
        lazy_gettext("The expression calls itself too often; it was stopped."),
    ),
    (
        r"(?P<value>(?:[DSTU](?:\d{4}|…): |the expression engine failed |the counted repetitions of its patterns ).*)",
        _EXPRESSION,
    ),
    (
        r"(?P<value>`\w+` is (?:empty|one character).*)",
        lazy_gettext("An argument of a transform is not as it must be."),
    ),
)

# Files: electronic invoices, and those that came with mails. Before all that speak of values, because they quote others.
_OF_FILES: Sequence[tuple[str, LazyString]] = (
    (r"the PDF holds no XML.*", lazy_gettext("The PDF is a picture of an invoice, not an electronic one.")),
    (r"the file is larger than (?P<most>\S+) MB", lazy_gettext("The file is larger than %(most)s MB.")),
    (r"(?P<value>the (?:file|PDF|XML) .*)", _FILE),
    (r"(?P<value>the document(?: cannot be reckoned|'s number has | has no part ).*)", _FILE),
    (r"(?P<value>it is (?:no file|a link that leads out of the folder))", _FILE),
    (r"(?P<value>the content of the file .*|.* attachment is no base.*)", _FILE),
    (r"(?P<value>the message(?:'s header is no list| has no (?:body|payload)| is no JSON object))", _MAIL),
    (r"(?:The message (?:is empty|has neither ).*|what the mapping makes of this copy is no mail)", _MAIL),
)

# What no remote should answer, or send us.
_OF_REMOTES: Sequence[tuple[str, LazyString]] = (
    (
        r"(?P<value>(?:a part of )?\S+'s? (?:answers?|list|fields|count|sums?|amount|profile|folder of contacts)\b.*)",
        _ANSWER,
    ),
    (r"(?P<value>\S+ (?:lists ids|answered with|opened a|names no address|does not say what)\b.*)", _ANSWER),
    (r"(?P<value>A link that .* leads to another place.*)", _ANSWER),
    (r"(?P<value>an (?:id|object) of \S+ (?:is made of|has no)\b.*)", _ANSWER),
    (r"(?P<value>the (?:listing (?:has no end|was cut short)|remote sends us round).*)", _ANSWER),
    (r"(?P<value>.* is no place of (?:the )?\w+(?:'s| \w+)? API|.* is no place of \w+)", _ANSWER),
    (r"(?P<value>What answers at this address is no .*|this is no rest of a query)", _ANSWER),
    (r"(?P<value>the (?:payload|body|form) .*)", _FORM),
    (r"(?P<value>(?:an answer|a call) has at most .*|nothing was answered|variables in the address .*)", _FORM),
    (r"(?P<value>the message is not understood: .*|a message of .* is too long.*)", _FORM),
    (r"(?P<value>a C[DE][RL] .*|a line of .* is no C.*|nobody understands this part .*)", _FORM),
)

# Meetings and times.
_OF_TIMES: Sequence[tuple[str, LazyString]] = (
    (r"(?P<value>(?:a|the) recurrence (?:rule|line) .*|.* is no recurrence line|a period .*)", _ROUND),
    (r"(?P<value>the series recurs .*|a series (?:with|of) .*|no rule says how this series .*)", _ROUND),
    (
        r"(?:the (?:event|series)(?: .*)? has no (?:start|beginning)|a series without a beginning)",
        lazy_gettext("This meeting has no beginning."),
    ),
    (
        r"the exception .* does not say of which time of the series",
        lazy_gettext("It does not say which time of a series it changes."),
    ),
    (
        r"(?P<what>.*) is not the name of a time zone.*",
        lazy_gettext("%(what)s is no name of a time zone, such as Europe/Berlin."),
    ),
    (
        r"(?:the original start )?(?P<what>.*) has no offset.*",
        lazy_gettext("%(what)s says no time zone, so nobody knows when it is."),
    ),
    (r"(?P<what>.*) is no time of this unit", lazy_gettext("%(what)s is no time of this unit.")),
    (r"Invalid isoformat string: (?P<what>.*)", _NO_TIME),
    (
        r"time data (?P<what>.*) does not match format (?P<of>.*)",
        lazy_gettext("%(what)s is not of the form %(of)s."),
    ),
    (r"(?:the [a-z ]+ )?(?P<what>\S.*) is no (?:date|day|time|moment that can be)", _NO_TIME),
    (
        r"(?:the [a-z ]+ )?(?P<what>\S.*) is neither a d(?:ay nor a (?:wall )?time|ate nor a time of a calendar)",
        _NO_TIME,
    ),
    (r"there is no day or time (?P<what>.*)", _NO_TIME),
    (r"unconverted data remains: (?P<what>.*)", _NO_TIME),
    (r"(?P<what>.*) has an offset; a wall time is written .*", _NO_TIME),
    (r"the year (?P<value>.*) cannot be reckoned with", _BAD_TIME),
    (r"it (?:was .*|is due) on (?P<value>.*), which cannot be", _BAD_TIME),
    (r"the issue date (?P<value>.*) cannot be right", _BAD_TIME),
    (r"a meeting that ends after the last year .*|a moment is a text|the year is not between .*", _BAD_TIME),
    (r"(?:year|month|day|hour|minute|second)\b.* (?:must be in|out of range).*", _BAD_TIME),
    (r"(?P<value>.*) is out of range", _BAD_TIME),
    (r"its call is no longer there", lazy_gettext("Its call is no longer here.")),
)

# Money, and whose something is.
_OF_MONEY: Sequence[tuple[str, LazyString]] = (
    (r"an amount (?:is |has ).*", VALUES["no_money"]),
    (r"(?:the [a-z ]+ )?(?P<value>.*) is no amount", VALUES["no_money"]),
    (r"the amount (?P<value>.*) has more decimals than .*", VALUES["too_fine"]),
    (r"the amount (?P<value>.*) is larger than any that is kept", VALUES["too_large"]),
    (r"the document has no currency", VALUES["no_currency"]),
    (r"(?:the currency )?(?P<currency>.*) is (?:none|no currency.*)", NAMING["bad_currency"]),
    (
        r"the amount of a payment is below zero.*|an allocation is below zero",
        lazy_gettext("The amount is below zero."),
    ),
    (
        r"not ours: (?P<value>.*) are no legal entities of this group",
        lazy_gettext("Neither the seller nor the buyer is a company of ours."),
    ),
    (
        r"nobody of the id (?P<what>.*) came from this account",
        lazy_gettext("Nobody with the id %(what)s came from this connection."),
    ),
    (
        r"peer_phone, peer_id: one of them must be there|nobody is at its other end",
        lazy_gettext("Nobody is at the other end of this message."),
    ),
    (r"a legal entity without a name|it must be filled|Field required", VALUES["required"]),
    (r"the document has no (?P<at>number|issue date|total)", VALUES["required"]),
    (r"(?P<at>\w+) is missing|(?:String|List) should have at least \S+ (?:character|item).*", VALUES["required"]),
)

# One value that does not fit.
_OF_VALUES: Sequence[tuple[str, LazyString]] = (
    (
        r"it is required, and the payload has nothing.*",
        lazy_gettext("It is required, and this record has nothing there."),
    ),
    (
        r"the value (?P<what>.*) is not in the list of values for (?P<of>\S+) (?P<when>.*)",
        lazy_gettext("%(what)s is not in the list of values for %(of)s = %(when)s."),
    ),
    (r"the value (?P<what>.*) is not in the list of values", lazy_gettext("%(what)s is not in the list of values.")),
    (
        r".*is too large; as an identifier.*|the number is too large for an expression.*",
        lazy_gettext("This number is too large; leave it a text."),
    ),
    (r"(?P<what>.*) is no whole number", lazy_gettext("%(what)s is no whole number.")),
    (r"(?P<what>.*) is no number", lazy_gettext("%(what)s is no number.")),
    (r"(?P<what>.*) is neither true nor false", lazy_gettext("%(what)s is neither yes nor no.")),
    (r".* is no text", lazy_gettext("Several values stand there, and this takes one.")),
    (r"(?P<value>.*) is no object", VALUES["wrong_type"]),
    (r"(?P<value>.*) is none of (?P<of>.*)", _ONE_OF),
    (r"Input should be (?P<of>['…].*)", _ONE_OF),
    (r"(?P<of>inbound or outbound)", _ONE_OF),
)

# What a field that an administrator defined says of a value, which may stand behind it.
_OF_FIELDS: Sequence[tuple[str, LazyString]] = tuple(
    (rf"(?:{pattern})(?:: (?P<value>.*))?", words)
    for pattern, words in (
        (r"it is longer than (?P<most>\S+) characters", NAMING["too_long"]),
        (r"(?:an? )?\S+ does not go into it", VALUES["wrong_type"]),
        (r"it is no valid \w+|it does not fit the pattern", VALUES["mask_pattern"]),
        (r"its pattern cannot be used: .*", VALUES["bad_pattern"]),
        (r"this may be thousands or decimals: write \S+ or \S+", VALUES["unclear"]),
        (r"the number is too large", VALUES["too_large"]),
        (r"the number has too many decimals", VALUES["too_fine"]),
        (r"this is no number", VALUES["no_number"]),
        (r"say in which currency, such as .*?", VALUES["no_currency"]),
        (r"this is no amount, such as .*?", VALUES["no_money"]),
        (r"this is no day, such as .*?", VALUES["no_date"]),
        (r"the year is not between \S+ and \S+", _BAD_TIME),
        (r"these are more than (?P<most>\S+)", NAMING["too_many"]),
        (r"(?P<option>.*) is not in the list", NAMING["no_option"]),
        (r"(?P<option>.*) can be chosen no more", NAMING["archived_option"]),
        (r"(?P<option>.*) does not go with .* of \S+", NAMING["other_parent"]),
        (r"(?P<option>.*) goes with some of \S+ only, which is empty", NAMING["no_parent"]),
        (r"several entries are called (?P<option>.*)", NAMING["unclear_option"]),
        (r"this is neither yes nor no", VALUES["no_boolean"]),
        (r"these are several telephone numbers", VALUES["several_phones"]),
        (r"write the number with its country code, such as .*?", VALUES["no_region"]),
        (r"this is no telephone number", VALUES["no_phone"]),
        (r"this is no e-mail address", VALUES["no_email"]),
        (r"this is no address of a page, such as .*?", VALUES["no_link"]),
    )
)

# What reads the hub's own fields of a record (pydantic): by what it wants.
_OF_MODELS: Sequence[tuple[str, LazyString]] = (
    (r"Value error, an amount is .*", VALUES["no_money"]),
    (r"(?:String should have at most|Value error, has more than) (?P<most>\S+) characters?", NAMING["too_long"]),
    (r"Decimal input should have no more than .*", VALUES["too_fine"]),
    (
        r"Input should (?:be a (?:valid |finite )?(?:number|integer|decimal)|be (?:greater|less) ).*",
        VALUES["no_number"],
    ),
    (r"Input should (?:be a valid (?:date|time)|have timezone info|be in the ).*|Date.* should .*", _BAD_TIME),
    (r"Input should be a valid boolean.*", VALUES["no_boolean"]),
    (r"(?:Input|String|List|Set|Tuple|Dictionary|Keys|Value error|Unable to|Extra inputs)\b.*", VALUES["wrong_type"]),
)
_KNOWN = tuple(
    (re.compile(pattern, re.DOTALL), words)
    for table in (
        _OF_MAPPINGS, _OF_EXPRESSIONS, _OF_FILES, _OF_REMOTES, _OF_FIELDS, _OF_TIMES, _OF_MONEY, _OF_VALUES, _OF_MODELS,
    )
    for pattern, words in table
)  # fmt: skip

# --- what stands around a sentence --------------------------------------------------------------------------------

_AROUND = tuple(
    re.compile(pattern, re.DOTALL)
    for pattern in (
        r"[^:]+: field (?P<field>[\w.]+): record .*?: (?P<why>.*)",
        r"(?:record|meeting) .*?: field (?P<field>[\w.]+): (?P<why>.*)",
        r"(?:record|meeting) .*?: (?P<why>.*)",
        r"[^:]+: record .*?: (?P<why>the payload is no object)",
    )
)
_UNFIT = re.compile(r"(?P<problem>.*); this version of the mapping no longer fits: .*", re.DOTALL)
_PROBLEM = re.compile(r"[^:]+(?::[\d…]+){0,2}: (?:field (?P<field>[\w.]+): )?(?P<why>.*)", re.DOTALL)
_MADE = re.compile(r"what the mapping makes of (?:it|this event) is no [\w ]+: (?P<wrong>.*)", re.DOTALL)
_BETWEEN = re.compile(r"; (?=[\w.…]+: )")
_ONE_WRONG = re.compile(r"(?P<field>[\w.…]+): (?P<why>.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Part:
    """One thing that is wrong.

    Attributes:
        field: technical name of the field at fault; empty: it is the whole record.
        sentence: what is wrong.
        value: what stood there, or what whoever read it says of it; empty where the sentence tells all.
    """

    field: str
    sentence: Markup
    value: str = ""

    @property
    def text(self) -> Markup:
        """The sentence with the value behind it."""
        return Markup("{} ({})").format(self.sentence, bidi(self.value)) if self.value else self.sentence


def parts(text: str) -> list[Part]:
    """Return what a kept reason says, one thing after the other."""
    if (unfit := _UNFIT.fullmatch(text)) is not None:
        found = _PROBLEM.fullmatch(unfit["problem"])
        inner = [_part(found["field"] or "", found["why"])] if found else []
        return [
            Part("", escape(_("The mapping that was published no longer fits. Correct it and publish it again."))),
            *inner,
        ]
    return [_part(field, why) for field, why in _each(text)]


def told(text: str, labels: Mapping[str, str] = NO_LABELS) -> Markup:
    """Return a kept reason as one line of a page.

    Args:
        labels: what administrators call their fields, see `field_words.labels`.
    """
    return joined(parts(text), labels)


def shared(general: str, labels: Mapping[str, str] = NO_LABELS) -> Markup:
    """Return what many records have in common, see `general`: without the values, which are others in each."""
    return joined([replace(one, value="") for one in parts(general)], labels)


def joined(given: Sequence[Part], labels: Mapping[str, str] = NO_LABELS) -> Markup:
    """Return several things that are wrong as one line."""
    line = Markup("{}: {}")
    return Markup(" · ").join(
        line.format(called(one.field, labels), one.text) if one.field else one.text for one in given
    )


def called(name: str, labels: Mapping[str, str]) -> Markup:
    """Return what a field is called: by the label that an administrator gave it, its technical name behind it."""
    label = labels.get(name.partition(".")[0], "")
    if not label:
        return bidi(name, ltr=True)
    return Markup("{} <small>{}</small>").format(bidi(label), bidi(name, ltr=True))


def reason(text: str, *, expr: str = "") -> Markup:
    """Return one thing that is wrong in plain words; without words of ours as the hub says it.

    Args:
        expr: the field's expression; where it cannot be read, the sentence says at which character.
    """
    known = _known(text)
    if known is not None:
        return known.text
    if expr and text.startswith("expr: "):
        at = wrong_at(expr)
        said = _plain(text.removeprefix("expr: ").removeprefix("Parse error: ").removeprefix("Invalid syntax: "))
        if at:
            return escape(_("The expression cannot be read, at character %(at)d: %(said)s", at=at, said=said))
        return escape(_("The expression cannot be read: %(said)s", said=said))
    return bidi(text)


def failing(field: str, problem: str, hidden: Collection[str]) -> list[Part]:
    """Return why a record is not taken that a mapping was tried on.

    Args:
        field: the field that failed; empty: the text says it, as of those that administrators defined.
        hidden: fields made of secrets: what was sent is not shown.
    """
    found = [_part(field, problem)] if field else parts(problem)
    if all(one.field not in hidden for one in found):
        return found
    bare = without_values(problem)
    return [_part(field, bare)] if field else parts(bare)


def is_known(text: str) -> bool:
    """Say whether each thing that a kept reason says has words in every language."""
    return _UNFIT.fullmatch(text) is not None or all(_known(why) is not None for _, why in _each(text))


def general(text: str) -> str:
    """Return a reason without what differs from record to record: ids, values, numbers. The field keeps its name."""
    around = _around(text)
    if around is None or not around.groupdict().get("field"):
        return _VARIABLE.sub(_GAP, text)
    start, end = around.span("field")
    return f"{_VARIABLE.sub(_GAP, text[:start])}{text[start:end]}{_VARIABLE.sub(_GAP, text[end:])}"


def without_values(problem: str) -> str:
    """Return what is wrong with a field made of a secret, without what was sent."""
    return _QUOTED.sub("***", problem)


def _around(text: str) -> re.Match[str] | None:
    return next((found for one in _AROUND if (found := one.fullmatch(text)) is not None), None)


def _each(text: str) -> list[tuple[str, str]]:
    """Return what a kept reason says: the field, where it names one, and what is wrong."""
    around = _around(text)
    field, why = (around.groupdict().get("field") or "", around["why"]) if around else ("", text)
    if (made := _MADE.fullmatch(why)) is None:
        return [(field, why)]
    each = [(_ONE_WRONG.fullmatch(one), one) for one in _BETWEEN.split(made["wrong"])]
    return [(one["field"], one["why"]) if one else (field, whole) for one, whole in each]


def _part(field: str, why: str) -> Part:
    known = _known(why)
    if known is None:
        return Part(field, bidi(why))
    return replace(known, field=field or known.field)


def _known(text: str) -> Part | None:
    """Return a sentence that a pattern knows; None: none does."""
    for pattern, words in _KNOWN:
        if (found := pattern.fullmatch(text)) is not None:
            given = found.groupdict(_GAP)
            field, value = given.pop("at", ""), given.pop("value", "")
            sentence = escape(str(words))
            if given:
                sentence = sentence % {name: bidi(one) for name, one in given.items()}
            return Part(field, sentence, value.strip(_GAP) and value)
    return None


def _plain(said: str) -> str:
    """Return what an engine says without its code."""
    return re.sub(r"^[A-Z]\d{4}: ", "", said)
