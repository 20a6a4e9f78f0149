"""What somebody of a role sees of administrators' fields and their values: on pages, in the API, in files. Pure."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from hub.fields.definitions import Field, Fields
from hub.fields.models import Of

PARTIES = (Of.PERSON, Of.COMPANY)


def fields(known: Fields, of: Of, role: str) -> dict[str, Field]:
    """Return the fields that a role sees, in their order.

    A list that depends on one that the role does not see stands alone: what it offers would tell what is chosen there.
    """
    shown = known.visible(of, role)
    return {name: one if one.parent in shown else _alone(one) for name, one in shown.items()}


def values(known: Fields, of: Of, role: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values of a lead, call or document that a role sees."""
    return {name: kept[name] for name in known.visible(of, role) if kept.get(name) is not None}


def of_party(known: Fields, of: Of, role: str, kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a party's fields what a role sees; what sources say under names that nobody defined is among them."""
    return without(known, PARTIES, kept) | values(known, of, role, kept)


def without(known: Fields, ofs: Iterable[Of], kept: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept under names that no field has, archived ones counted: it came before they were defined."""
    names = [known.names(of) for of in ofs]
    return {name: one for name, one in kept.items() if not any(name in some for some in names)}


def _alone(one: Field) -> Field:
    """Return a field without the one that it depends on; what its entries go with would tell what is chosen there."""
    if not one.parent and not any(option.parents for option in one.options):
        return one
    return replace(one, parent="", options=tuple(replace(option, parents=frozenset()) for option in one.options))
