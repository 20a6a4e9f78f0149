"""What pages call kinds of records, types, masks, and what is wrong with a field or a value. Whole words, to be translated."""

from collections.abc import Mapping
from types import MappingProxyType

from flask_babel import LazyString, get_locale, lazy_gettext
from flask_babel import gettext as _

from hub.errors import UserError
from hub.fields.definitions import Field, Fields
from hub.fields.masks import Mask, PatternError
from hub.fields.models import Of, Type
from hub.fields.value import FieldValueError
from hub.security.models import Role
from hub.web import errors

KINDS: Mapping[str, LazyString] = MappingProxyType(
    {
        Of.PERSON: lazy_gettext("People"),
        Of.COMPANY: lazy_gettext("Companies"),
        Of.LEAD: lazy_gettext("Leads"),
        Of.CALL: lazy_gettext("Calls"),
        Of.DOCUMENT: lazy_gettext("Documents"),
    }
)
# The kinds that can have fields, by what a mapping calls its records.
OF: Mapping[str, tuple[Of, ...]] = MappingProxyType(
    {"party": (Of.PERSON, Of.COMPANY), "lead": (Of.LEAD,), "call": (Of.CALL,), "document": (Of.DOCUMENT,)}
)
TYPES: Mapping[str, LazyString] = MappingProxyType(
    {
        Type.TEXT: lazy_gettext("Text"),
        Type.NUMBER: lazy_gettext("Number"),
        Type.MONEY: lazy_gettext("Amount of money"),
        Type.DATE: lazy_gettext("Day"),
        Type.CHOICE: lazy_gettext("One of a list"),
        Type.CHOICES: lazy_gettext("Several of a list"),
        Type.BOOLEAN: lazy_gettext("Yes or no"),
        Type.PHONE: lazy_gettext("Telephone number"),
        Type.EMAIL: lazy_gettext("E-mail address"),
        Type.LINK: lazy_gettext("Link"),
    }
)
MASKS: Mapping[str, LazyString] = MappingProxyType(
    {
        Mask.PHONE: lazy_gettext("Telephone number"),
        Mask.EMAIL: lazy_gettext("E-mail address"),
        Mask.IBAN: lazy_gettext("Bank account (IBAN)"),
        Mask.IL_COMPANY: lazy_gettext("Israeli company number"),
        Mask.IL_IDENTITY: lazy_gettext("Israeli identity number"),
        Mask.PL_NIP: lazy_gettext("Polish NIP"),
        Mask.PL_REGON: lazy_gettext("Polish REGON"),
        Mask.PL_PESEL: lazy_gettext("Polish PESEL"),
        Mask.EU_VAT: lazy_gettext("VAT number of the European Union"),
        Mask.PATTERN: lazy_gettext("A pattern of your own"),
    }
)
ROLES: Mapping[str, LazyString] = MappingProxyType(
    {
        Role.AGENT: lazy_gettext("Agent"),
        Role.MANAGER: lazy_gettext("Manager"),
        Role.ADMIN: lazy_gettext("Administrator"),
    }
)
# What is wrong with a value, by the word of the error.
VALUES: Mapping[str, LazyString] = MappingProxyType(
    {
        "required": lazy_gettext("This must be filled."),
        "changed": lazy_gettext("Somebody else changed this meanwhile. Look at it, and save again what shall stay."),
        "no_range": lazy_gettext("This has no range to look for."),
        "wrong_type": lazy_gettext("Something of another kind came than goes into this field."),
        "no_number": lazy_gettext("This is no number."),
        "unclear": lazy_gettext("This may be thousands or decimals. Write 1234 or 1234.00."),
        "too_large": lazy_gettext("The number is too large."),
        "too_fine": lazy_gettext("The number has too many decimals."),
        "no_currency": lazy_gettext("Say in which currency, such as 12.50 EUR."),
        "no_money": lazy_gettext("This is no amount, such as 12.50 EUR."),
        "no_date": lazy_gettext("This is no day, such as 2026-11-23."),
        "no_boolean": lazy_gettext("This is neither yes nor no."),
        "no_phone": lazy_gettext("This is no telephone number."),
        "several_phones": lazy_gettext("Write one number, not several."),
        "no_region": lazy_gettext("Write the number with its country code, such as +48 22 123 45 67."),
        "no_email": lazy_gettext("This is not an e-mail address."),
        "no_link": lazy_gettext("This is no address of a page, such as https://example.com."),
        "mask_pattern": lazy_gettext("This does not fit the pattern of the field."),
        "bad_pattern": lazy_gettext("The pattern of the field cannot be used. An administrator can correct it."),
        "parent_wrong": lazy_gettext("The list that this one depends on is wrong. Correct it first."),
    }
)
# Those that name something of the value; what stands in it is in the error.
NAMING: Mapping[str, LazyString] = MappingProxyType(
    {
        "too_long": lazy_gettext("This is too long: at most %(most)s characters."),
        "too_many": lazy_gettext("These are too many: at most %(most)s."),
        "bad_currency": lazy_gettext("%(currency)s is no currency."),
        "no_option": lazy_gettext("%(option)s is not in the list."),
        "archived_option": lazy_gettext("%(option)s can be chosen no more."),
        "other_parent": lazy_gettext("%(option)s does not go with what is chosen in the other list."),
        "no_parent": lazy_gettext("Choose in the other list first: %(option)s goes with some of it only."),
        "unclear_option": lazy_gettext("Several entries are called %(option)s."),
    }
)
_FAULTS: Mapping[str, LazyString] = MappingProxyType(
    {
        "field_name": lazy_gettext(
            "A name has small English letters, digits and _, begins with a letter and has at most 40 characters."
        ),
        "field_reserved": lazy_gettext("The hub itself uses this name. Choose another."),
        "field_taken": lazy_gettext("There is a field of this name already, maybe an archived one."),
        "field_type": lazy_gettext("Choose a type."),
        "field_label": lazy_gettext("Write what the field is called, in one language at least."),
        "field_long": lazy_gettext("This is too long: at most 100 characters."),
        "field_mask": lazy_gettext("A field of this type has no such mask."),
        "field_role": lazy_gettext("Choose one of the roles."),
        "field_parent": lazy_gettext("A list can only depend on a field of which one entry is chosen."),
        "field_default_parent": lazy_gettext("A list that depends on another has no default."),
        "field_changed": lazy_gettext(
            "Somebody else has changed this field meanwhile. Open it again and repeat what you did."
        ),
        "too_many_fields": lazy_gettext("There are too many fields. Bring an archived one back, or use another."),
        "no_options": lazy_gettext("Write at least one entry of the list."),
        "too_many_options": lazy_gettext("The list is too long."),
        "option_parent": lazy_gettext("An entry depends on something that is not in the other list."),
        "option_value": lazy_gettext("A value has no semicolon."),
        "option_twice": lazy_gettext("This entry is there twice."),
        "option_label": lazy_gettext("Two entries that can be chosen at the same time are called the same."),
    }
)


def problem(error: FieldValueError) -> str:
    """Return what is wrong with a value."""
    if (known := VALUES.get(error.word)) is not None:
        return str(known)
    if (known := NAMING.get(error.word)) is not None:
        return str(known) % error.detail
    mask = error.word.removeprefix("mask_")
    if mask in MASKS:
        return str(_("This is not valid: %(mask)s, such as %(example)s.", mask=MASKS[mask], **error.detail))
    return error.text


def sentence(error: UserError) -> str:
    """Return what is wrong with a field."""
    cause = error.__cause__
    if isinstance(cause, FieldValueError):
        return str(_("The default does not fit: %(why)s", why=problem(cause)))
    if isinstance(cause, PatternError):
        if cause.at:
            return str(_("The pattern cannot be used, look at character %(at)d: %(why)s", at=cause.at, why=cause.what))
        return str(_("The pattern cannot be used: %(why)s", why=cause.what))
    if error.error_id == "field_circle":
        circle = str(error).partition(": ")[2]
        return str(_("These lists would depend on each other: %(circle)s", circle=circle))
    known = _FAULTS.get(error.error_id)
    return errors.sentence(error) if known is None else str(known)


def labels(fields: Fields, record: str) -> Mapping[str, str]:
    """Return what administrators call the fields of a kind of record, by name, in the page's language."""
    language = str(get_locale())
    # Archived ones too, since what was kept names them; the field that somebody sees first counts where two share a name.
    every = [one for of in OF.get(record, ()) for one in fields.every(of)]
    return {one.name: one.label(language) for one in reversed(every)}


def mask(field: Field) -> str:
    """Return what a field's values must look like; empty where they may look as they like."""
    if field.mask == Mask.PATTERN:
        return field.pattern
    return str(MASKS[field.mask]) if field.mask in MASKS else field.mask


def roles(field: Field) -> str:
    """Return who sees a field."""
    if not field.roles or field.roles >= set(Role):
        return str(_("Everybody"))
    # Administrators see every field.
    return ", ".join(str(name) for role, name in ROLES.items() if role in field.roles or role == Role.ADMIN)
