"""What the pages of rules call things: when, if and then, in whole sentences where a language needs them whole."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from types import MappingProxyType
from typing import Any

from flask_babel import LazyString, format_date, get_locale, lazy_gettext, ngettext
from flask_babel import gettext as _

from hub.errors import UserError
from hub.fields.definitions import Field
from hub.fields.models import Type
from hub.identity.rules import PartyKind
from hub.rules import grammar
from hub.rules.grammar import EVERYBODY, NO, OWNER, YES, About, Do, Kind, Known, Operator, TaskIs, Unit, When
from hub.rules.models import Brake, Fired
from hub.web.console import lead_words, money_words, open_questions, wording

_Words = Mapping[str, LazyString]
# In the list to choose from, in its groups.
WHENS: Sequence[tuple[LazyString, _Words]] = (
    (
        lazy_gettext("Leads"),
        {
            When.LEAD_CAME: lazy_gettext("A new lead comes"),
            When.LEAD_STAGE: lazy_gettext("A lead comes to another stage"),
            When.LEAD_UNCHANGED: lazy_gettext("A lead stays in its stage for some days"),
        },
    ),
    (
        lazy_gettext("Calls"),
        {
            When.CALL_MISSED: lazy_gettext("A call is missed"),
            When.CALL_ENDED: lazy_gettext("A call is over"),
            When.CALL_BACK_LATE: lazy_gettext("A call back is promised and some hours late"),
        },
    ),
    (
        lazy_gettext("Mails and messages"),
        {
            When.MAIL_CAME: lazy_gettext("A mail comes"),
            When.MESSAGE_CAME: lazy_gettext("A message comes"),
        },
    ),
    (
        lazy_gettext("Money"),
        {
            When.DOCUMENT_CAME: lazy_gettext("A new document comes"),
            When.INVOICE_OVERDUE: lazy_gettext("An invoice is overdue for some days"),
        },
    ),
    (
        lazy_gettext("Tickets"),
        {
            When.TICKET_OPENED: lazy_gettext("A ticket is opened"),
            When.TICKET_WAITS: lazy_gettext("A ticket is open for some days"),
        },
    ),
    (
        lazy_gettext("Customers"),
        {
            When.CUSTOMER_NEW: lazy_gettext("There is a new customer"),
            When.CUSTOMER_CHANGED: lazy_gettext("A customer's details change"),
            When.NO_CONTACT: lazy_gettext("No contact with a customer for some days"),
        },
    ),
)
_WHENS: _Words = MappingProxyType({when: words for _group, some in WHENS for when, words in some.items()})
ABOUTS: _Words = MappingProxyType(
    {
        About.CUSTOMER: lazy_gettext("Customer"),
        About.CALL: lazy_gettext("Call"),
        About.MAIL: lazy_gettext("E-mail"),
        About.MESSAGE: lazy_gettext("Message"),
        About.LEAD: lazy_gettext("Lead"),
        About.DOCUMENT: lazy_gettext("Document"),
        About.TICKET: lazy_gettext("Ticket"),
        About.TASK: lazy_gettext("Call back"),
        About.TIME: lazy_gettext("When it happens"),
    }
)
_FIELDS: _Words = MappingProxyType(
    {
        "customer.known": lazy_gettext("Known customer"),
        "customer.kind": lazy_gettext("Person or company"),
        "customer.name": lazy_gettext("Name"),
        "customer.company": lazy_gettext("Company"),
        "customer.job_title": lazy_gettext("Job title"),
        "customer.owned": lazy_gettext("A colleague looks after them"),
        "call.direction": lazy_gettext("Direction"),
        "call.outcome": lazy_gettext("How it ended"),
        "call.number": lazy_gettext("Their number"),
        "call.line": lazy_gettext("Our number"),
        "call.queue": lazy_gettext("Queue"),
        "call.talk_s": lazy_gettext("Seconds of talk"),
        "mail.from": lazy_gettext("Sender's address"),
        "mail.subject": lazy_gettext("Subject"),
        "message.channel": lazy_gettext("Channel"),
        "message.text": lazy_gettext("Text"),
        "lead.form": lazy_gettext("Form"),
        "lead.campaign": lazy_gettext("Campaign"),
        "lead.platform": lazy_gettext("Came by"),
        "lead.bucket": lazy_gettext("Origin"),
        "lead.stage": lazy_gettext("Stage"),
        "lead.language": lazy_gettext("Language"),
        "lead.owned": lazy_gettext("Somebody has taken it"),
        "document.kind": lazy_gettext("Kind"),
        "document.side": lazy_gettext("Sales or purchases"),
        "document.amount": lazy_gettext("Total"),
        "document.open": lazy_gettext("Still to be paid"),
        "document.currency": lazy_gettext("Currency"),
        "ticket.state": lazy_gettext("State"),
        "ticket.priority": lazy_gettext("Priority"),
        "ticket.title": lazy_gettext("Title"),
        "ticket.group": lazy_gettext("Group"),
        "task.title": lazy_gettext("Title"),
        "time.weekday": lazy_gettext("Day of the week"),
        "time.hour": lazy_gettext("Hour of the day (0 to 23)"),
    }
)
_OPERATORS: _Words = MappingProxyType(
    {
        Operator.IS: lazy_gettext("is"),
        Operator.IS_NOT: lazy_gettext("is not"),
        Operator.CONTAINS: lazy_gettext("contains"),
        Operator.CONTAINS_NOT: lazy_gettext("does not contain"),
        Operator.AT_LEAST: lazy_gettext("is at least"),
        Operator.AT_MOST: lazy_gettext("is at most"),
        Operator.FILLED: lazy_gettext("is filled"),
        Operator.EMPTY: lazy_gettext("is empty"),
    }
)
_OF_DAYS: _Words = MappingProxyType(
    {
        Operator.AT_LEAST: lazy_gettext("is on this day or later"),
        Operator.AT_MOST: lazy_gettext("is on this day or earlier"),
    }
)
_OPTIONS: Mapping[str, _Words] = MappingProxyType(
    {
        "customer.kind": {
            PartyKind.PERSON: lazy_gettext("Person"),
            PartyKind.COMPANY: lazy_gettext("Company"),
        },
        "call.direction": wording.DIRECTIONS,
        "call.outcome": wording.OUTCOMES,
        "lead.bucket": lead_words.BUCKETS,
        "lead.stage": lead_words.STAGES,
        "document.kind": money_words.KINDS,
        "document.side": money_words.SIDES,
        "ticket.state": {str(state): words for state, words in open_questions.STATES.items()},
    }
)
_YES_NO: _Words = MappingProxyType({YES: lazy_gettext("yes"), NO: lazy_gettext("no")})
DOS: _Words = MappingProxyType(
    {
        Do.TASK: lazy_gettext("Make a task"),
        Do.MAIL: lazy_gettext("Send a mail to colleagues"),
        Do.NOTICE: lazy_gettext("Show a notice on screens"),
        Do.ASSIGN: lazy_gettext("Give it to a colleague"),
        Do.FIELD: lazy_gettext("Fill a field of the customer"),
        Do.WEBHOOK: lazy_gettext("Tell a webhook"),
    }
)
DONE: _Words = MappingProxyType(
    {
        Do.TASK: lazy_gettext("A task was made for"),
        Do.MAIL: lazy_gettext("A mail goes to"),
        Do.NOTICE: lazy_gettext("A notice was shown to"),
        Do.ASSIGN: lazy_gettext("It was given to"),
        Do.FIELD: lazy_gettext("A field was filled"),
        Do.WEBHOOK: lazy_gettext("A webhook was told"),
    }
)
TASKS: _Words = MappingProxyType(
    {TaskIs.CALL_BACK: wording.TASKS[TaskIs.CALL_BACK], TaskIs.FOLLOW_UP: wording.TASKS[TaskIs.FOLLOW_UP]}
)
TO: _Words = MappingProxyType(
    {OWNER: lazy_gettext("Whoever looks after it"), EVERYBODY: lazy_gettext("Everybody")}
)  # fmt: skip
PLACES: _Words = MappingProxyType(
    {
        "customer": lazy_gettext("the customer's name"),
        "number": lazy_gettext("the number to call"),
        "title": lazy_gettext("the subject, form or number of what it is about"),
    }
)
STATES: _Words = MappingProxyType(
    {
        Fired.DONE: lazy_gettext("Done"),
        Fired.FAILED: lazy_gettext("Not all could be done"),
        Fired.HELD: lazy_gettext("Held back"),
    }
)
BRAKES: _Words = MappingProxyType(
    {
        Brake.OWN_EFFECT: lazy_gettext(
            "What this rule did itself would set it off again, so nothing was done. Narrow its conditions."
        ),
        Brake.CHAIN: lazy_gettext(
            "Rules set each other off three times in a row, so nothing was done. Look which of them is not needed."
        ),
        Brake.CUSTOMER: lazy_gettext("It fired ten times within an hour with this customer, so nothing was done."),
        Brake.HOUR: lazy_gettext(
            "It fired as often as it may within an hour, so nothing was done. Narrow it, or allow it to fire more often."
        ),
    }
)
NOT_DONE: _Words = MappingProxyType(
    {
        "nobody": lazy_gettext("None of these colleagues works here any more."),
        "no_customer": lazy_gettext("Nobody knows which customer it is about."),
        "no_field": lazy_gettext("This customer has no such field, or it does not take this."),
        "no_endpoint": lazy_gettext("No webhook endpoint that is on wants this."),
        "mistake": lazy_gettext("The hub made a mistake. It stands in its log."),
    }
)
_FAULTS: _Words = MappingProxyType(
    {
        "rule_name": lazy_gettext("Write a name."),
        "rule_name_long": lazy_gettext("A name has at most %(most)s characters."),
        "rule_when": lazy_gettext("Choose one of the list."),
        "rule_whole": lazy_gettext("Write a whole number from %(least)s to %(most)s."),
        "rule_no_action": lazy_gettext("Say what the rule does: add an action."),
        "rule_too_many": lazy_gettext("There are at most %(most)s of these."),
        "rule_field": lazy_gettext("Choose a field. If one is chosen, it cannot be asked for here."),
        "rule_operator": lazy_gettext("Choose what is asked of the field."),
        "rule_value": lazy_gettext("Choose or write what goes here."),
        "rule_one_value": lazy_gettext("Write one value, not several."),
        "rule_values": lazy_gettext("At most %(most)s values of %(longest)s characters each."),
        "rule_number": lazy_gettext("This is no number."),
        "rule_day": lazy_gettext("Choose a day."),
        "rule_do": lazy_gettext("Choose what is done."),
        "rule_task": lazy_gettext("Choose one of the list."),
        "rule_to": lazy_gettext("Choose a colleague."),
        "rule_to_one": lazy_gettext("Choose one colleague, not several."),
        "rule_text": lazy_gettext("Write what it says."),
        "rule_text_long": lazy_gettext("Write at most %(most)s characters."),
        "rule_place": lazy_gettext("There is nothing called {%(name)s}. See which words in braces there are."),
        "rule_nobody": lazy_gettext("This colleague works here no more. Choose another."),
        "rule_no_endpoint": lazy_gettext("This webhook endpoint is there no more. Choose another."),
        "rule_gone": lazy_gettext("This rule is removed. Bring it back first."),
        "rule_too_many_rules": lazy_gettext("There are 100 rules, which is as many as there may be. Remove one first."),
    }
)


def sentence(error: UserError) -> str:
    """Return why a rule cannot be kept."""
    known = _FAULTS.get(error.error_id)
    if known is None:
        return wording.sentence(error)
    values = getattr(error, "values", {})
    return str(known) % values if values else str(known)


def when(asks: str, after: int) -> str:
    """Return when a rule is looked at, in one sentence."""
    if asks in _COUNTED:
        return _COUNTED[asks](after)
    return str(_WHENS[asks])


_COUNTED: Mapping[str, Callable[[int], str]] = MappingProxyType(
    {
        When.LEAD_UNCHANGED: lambda num: str(
            ngettext("A lead stays in its stage for %(num)d day", "A lead stays in its stage for %(num)d days", num)
        ),
        When.INVOICE_OVERDUE: lambda num: str(
            ngettext("An invoice is overdue for %(num)d day", "An invoice is overdue for %(num)d days", num)
        ),
        When.TICKET_WAITS: lambda num: str(
            ngettext("A ticket is open for %(num)d day", "A ticket is open for %(num)d days", num)
        ),
        When.NO_CONTACT: lambda num: str(
            ngettext("No contact with a customer for %(num)d day", "No contact with a customer for %(num)d days", num)
        ),
        When.CALL_BACK_LATE: lambda num: str(
            ngettext(
                "A call back is promised and %(num)d hour late", "A call back is promised and %(num)d hours late", num
            )
        ),
    }
)


def unit(asks: str) -> str:
    """Return what the number beside a `when` counts; empty: there is none."""
    words = {Unit.DAYS: _("days"), Unit.HOURS: _("hours"), Unit.NONE: ""}
    return str(words[grammar.MOMENTS[When(asks)].unit])


def field(name: str, known: Mapping[str, Known]) -> str:
    """Return what a field is called, with whose it is; one that is there no more by its own name."""
    about = ABOUTS.get(name.partition(".")[0])
    label = field_label(name, known)
    return f"{about}: {label}" if about is not None else label


def field_label(name: str, known: Mapping[str, Known]) -> str:
    """Return what a field is called beside others of the same."""
    if name in _FIELDS:
        return str(_FIELDS[name])
    one = known.get(name)
    if one is not None and one.defined is not None:
        return one.defined.label(str(get_locale()))
    return name.rpartition(".")[2]


def operator(word: str, kind: Kind | None) -> str:
    """Return what is asked of a field."""
    return str((_OF_DAYS.get(word) if kind is Kind.DAY else None) or _OPERATORS.get(word, word))


def value(name: str, given: str, known: Mapping[str, Known]) -> str:
    """Return a value as people call it."""
    one = known.get(name)
    if name == "time.weekday":
        return weekday(given)
    if name in _OPTIONS:
        return str(_OPTIONS[name].get(given, given))
    if one is not None and one.kind is Kind.YES_NO:
        return str(_YES_NO.get(given, given))
    if one is not None and one.kind is Kind.DAY and (day := grammar.day(given)) is not None:
        return _day(day)
    return option(one.defined, given) if one is not None and one.defined is not None else given


def weekday(number: str) -> str:
    """Return the name of a day of the week; 1 is Monday."""
    return get_locale().days["stand-alone"]["wide"][int(number) - 1] if number in "1234567" and number else number


def option(one: Field, given: str) -> str:
    """Return what an entry of an administrator's field is called."""
    if one.type is Type.BOOLEAN:
        return str(_YES_NO.get(given, given))
    found = one.option(given)
    return found.label(str(get_locale())) if found is not None else given


def _day(day: date) -> str:
    return str(format_date(day))


def found(name: str, given: Any, known: Mapping[str, Known]) -> str:
    """Return what a field said when a rule fired."""
    if given is None or given in ("", []):
        return str(_("nothing"))
    return ", ".join(value(name, str(one), known) for one in (given if isinstance(given, list) else [given]))
