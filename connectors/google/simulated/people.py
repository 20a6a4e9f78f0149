"""One person's address book: contacts, other contacts, groups, and when each change becomes visible.

Source: https://developers.google.com/people/api/rest/v1/people and https://developers.google.com/people/v1/contacts
"""

import hashlib
import random
from collections.abc import Callable
from copy import deepcopy
from dataclasses import dataclass, field
from threading import RLock
from typing import Any

from connectors.google.simulated.errors import ApiError, Json, bad_request, not_found
from connectors.google.simulated.stamps import rfc3339
from hub.connector.simulated.clock import Clock
from hub.connector.simulated.locking import locked

SINGLETONS = ("biographies", "birthdays", "genders", "names")
SYSTEM_GROUPS = ("myContacts", "starred", "friends", "family", "coworkers", "blocked", "chatBuddies", "all")
_UNVALUED = ("metadata", "resourceName", "etag")
TOKEN_DAYS = 7


@dataclass(slots=True)
class Card:
    """A person in somebody's book. An empty body: deleted."""

    id: str
    body: Json
    etag: str
    seq: int
    updated: float
    visible_at: float  # when a listing begins to show this state
    before: "Card | None" = None  # what listings show until then
    previous: tuple[str, ...] = ()  # resource names that it had
    photo: bytes = b""

    def shown(self, now: float) -> "Card | None":
        """The state that listings show now."""
        return self if self.visible_at <= now else self.before.shown(now) if self.before else None


@dataclass(slots=True)
class Group:
    """A label of contacts."""

    id: str
    name: str
    system: bool
    seq: int
    updated: float
    deleted: bool = False


@dataclass
class Cards:
    """One kind of people (`people` or `otherContacts`), with the log of their changes."""

    prefix: str
    source: str
    clock: Clock
    tick: Callable[[], int]
    dice: random.Random
    cards: dict[str, Card] = field(default_factory=dict)
    floor: int = 0  # older sync tokens are dead

    def store(self, card_id: str, body: Json, *, delay_s: float = 0.0, **facts: Any) -> Card:
        """Keep the new state of a person."""
        old, seq, now = self.cards.get(card_id), self.tick(), self.clock.time()
        digest = hashlib.sha256(f"{card_id}{seq}".encode()).hexdigest()[:12]
        settled = old.shown(now) if old else None
        card = Card(card_id, body, f"%Eg{digest}", seq, now, now + delay_s, before=settled if delay_s else None)
        if old is not None:
            card.previous, card.photo = old.previous, old.photo
            if settled is not None and settled.before is not None:
                settled.before = None
        for name, value in facts.items():
            setattr(card, name, value)
        self.cards[card_id] = card
        return card

    def visible(self) -> int:
        """The newest change behind which no hidden one lies."""
        now = self.clock.time()
        hidden = [card.seq for card in self.cards.values() if card.visible_at > now]
        return min(hidden) - 1 if hidden else self.tick()

    def present(self) -> list[Card]:
        """What a listing shows now."""
        now = self.clock.time()
        return [shown for card in self.cards.values() if (shown := card.shown(now)) is not None and shown.body]

    def changed(self, since: int, upto: int) -> list[Card]:
        """What an incremental listing shows, deleted people among it."""
        now = self.clock.time()
        states = (card.shown(now) for card in self.cards.values())
        return [one for one in states if one is not None and since < one.seq <= upto]

    def person(self, card: Card, base_url: str) -> Json:
        """A person as the API writes him, all fields."""
        name = f"{self.prefix}/{card.id}"
        source = {
            "type": self.source,
            "id": card.id.lstrip("c"),
            "etag": f"#{card.etag[3:]}",
            "updateTime": rfc3339(card.updated),
        }
        metadata: Json = {"sources": [source], "objectType": "PERSON"}
        if card.previous:
            metadata["previousResourceNames"] = list(card.previous)
        if not card.body:
            return {"resourceName": name, "etag": card.etag, "metadata": metadata | {"deleted": True}}
        short = {"type": self.source, "id": source["id"]}
        found: Json = {"resourceName": name, "etag": card.etag, "metadata": metadata}
        for field_name, values in card.body.items():
            found[field_name] = [
                {"metadata": {"primary": number == 0, "source": short}, **value} for number, value in enumerate(values)
            ]
        url = f"{base_url}/photos/{card.id}-{hashlib.sha256(card.photo).hexdigest()[:8]}/photo.png"
        photo: Json = {"metadata": {"primary": True, "source": short}, "url": url}
        found["photos"] = [photo if card.photo else photo | {"default": True}]
        return found


@dataclass
class AddressBook:
    """Everything behind people/me. Its methods are what the user does in contacts.google.com."""

    address: str
    name: str
    clock: Clock
    lock: RLock
    tick: Callable[[], int]
    delay_s: Callable[[], float]
    groups: dict[str, Group] = field(default_factory=dict)
    group_floor: int = 0

    def __post_init__(self) -> None:
        dice = random.Random(f"people of {self.address}")  # noqa: S311 - ids of a simulator
        self._dice = dice
        self.contacts = Cards("people", "CONTACT", self.clock, self.tick, dice)
        self.others = Cards("otherContacts", "OTHER_CONTACT", self.clock, self.tick, dice)
        for name in SYSTEM_GROUPS:
            self.groups[name] = Group(name, name, system=True, seq=self.tick(), updated=self.clock.time())

    # -- what its owner does ----------------------------------------------------------------------------------------

    @locked
    def add(
        self,
        given: str = "",
        family: str = "",
        *,
        emails: tuple[str, ...] | list[str] = (),
        phones: tuple[str, ...] | list[str] = (),
        company: str = "",
        groups: tuple[str, ...] | list[str] = (),
        photo: bytes = b"",
        **fields: list[Json],
    ) -> str:
        """Make a contact; further fields in the words of the API. Returns its resource name."""
        body: Json = {
            "names": [{"givenName": given, "familyName": family}] if given or family else [],
            "emailAddresses": [{"value": one} for one in emails],
            "phoneNumbers": [{"value": one} for one in phones],
            "organizations": [{"name": company}] if company else [],
            "memberships": [_membership(one) for one in ("myContacts", *groups)],
            **fields,
        }
        return f"people/{self.create(body, photo=photo).id}"

    @locked
    def update(self, resource_name: str, **fields: list[Json]) -> str:
        """Replace fields of a contact. Returns its new etag."""
        card = self.contact(resource_name)
        return self.change(card, fields).etag

    @locked
    def put_up(self, resource_name: str, photo: bytes) -> None:
        """Give a contact another photo, or none."""
        self.change(self.contact(resource_name), {}, photo=photo)

    @locked
    def delete(self, resource_name: str) -> None:
        """Delete a contact."""
        card = self.contact(resource_name)
        self.contacts.store(card.id, {}, delay_s=self.delay_s())

    @locked
    def rename(self, resource_name: str) -> str:
        """Give a contact another resource name, as a merge at Google does. Returns the new one."""
        card = self.contact(resource_name)
        self.contacts.store(card.id, {})
        new = self.create(card.body, previous=(*card.previous, resource_name), photo=card.photo)
        return f"people/{new.id}"

    @locked
    def add_other(self, name: str = "", email: str = "", phone: str = "") -> str:
        """Let Google note somebody to whom the user wrote. Returns the resource name."""
        given, _, family = name.partition(" ")
        body: Json = {
            "names": [{"givenName": given, "familyName": family}] if name else [],
            "emailAddresses": [{"value": email}] if email else [],
            "phoneNumbers": [{"value": phone}] if phone else [],
        }
        card = self.others.store(self._new_id(), _tidy(body))
        return f"otherContacts/{card.id}"

    @locked
    def delete_other(self, resource_name: str) -> None:
        """Remove somebody from the other contacts."""
        self.others.store(resource_name.partition("/")[2], {})

    @locked
    def add_group(self, name: str) -> str:
        """Make a group. Returns its resource name; its last part is what `memberships` name."""
        if any(one.name == name and not one.deleted for one in self.groups.values()):
            raise ApiError(409, "alreadyExists", "Contact group name already exists.")
        group = Group(f"{self._dice.getrandbits(48):x}", name, system=False, seq=self.tick(), updated=self.clock.time())
        self.groups[group.id] = group
        return f"contactGroups/{group.id}"

    @locked
    def expire_tokens(self) -> None:
        """Every sync token given out so far is dead."""
        self.contacts.floor = self.others.floor = self.group_floor = self.tick()

    # -- what the API does with it ------------------------------------------------------------------------------------

    def contact(self, resource_name: str) -> Card:
        """Return a contact. Raises ApiError (404)."""
        card = self.contacts.cards.get(resource_name.partition("/")[2])
        if card is None or not card.body:
            raise not_found()
        return card

    def create(self, body: Json, **facts: Any) -> Card:
        """Keep a new contact. Raises ApiError (400)."""
        fields = _tidy(body)
        fields.setdefault("memberships", [_membership("myContacts")])
        self._check(fields)
        return self.contacts.store(self._new_id(), fields, delay_s=self.delay_s(), **facts)

    def change(self, card: Card, fields: Json, **facts: Any) -> Card:
        """Replace fields of a contact; an empty list removes one. Raises ApiError (400)."""
        body = {name: value for name, value in card.body.items() if name not in fields} | _tidy(fields)
        self._check(body)
        if "memberships" in fields and not body.get("memberships"):
            raise bad_request("Contact person must have at least one contact group membership.", "invalidArgument")
        return self.contacts.store(card.id, body, delay_s=self.delay_s(), **facts)

    def _check(self, body: Json) -> None:
        for name in SINGLETONS:
            if len(body.get(name, ())) > 1:
                raise bad_request(f"Field '{name}' must not have more than one value.", "invalidArgument")
        for one in body.get("memberships", ()):
            group = self.groups.get(_group_id(one))
            if group is None or group.deleted:
                raise bad_request("Invalid contact group membership.", "invalidArgument")

    def members(self, group: Group) -> list[Card]:
        """Who is in a group."""
        return [
            card
            for card in self.contacts.cards.values()
            if card.body and group.id in {_group_id(one) for one in card.body.get("memberships", ())}
        ]

    def join(self, card: Card, group: Group) -> None:
        kept = [one for one in card.body.get("memberships", ()) if _group_id(one) != group.id]
        self.change(card, {"memberships": [*kept, _membership(group.id)]})

    def leave(self, card: Card, group: Group) -> bool:
        """Take a contact out of a group; False: it is the last one."""
        kept = [one for one in card.body.get("memberships", ()) if _group_id(one) != group.id]
        if kept:
            self.change(card, {"memberships": kept})
        return bool(kept)

    def _new_id(self) -> str:
        return f"c{self._dice.getrandbits(62)}"


def _membership(group: str) -> Json:
    name = group.rpartition("/")[2]
    return {
        "contactGroupMembership": {"contactGroupId": name, "contactGroupResourceName": f"contactGroups/{name}"},
    }


def _group_id(membership: Json) -> str:
    inner = membership.get("contactGroupMembership", {})
    return str(inner.get("contactGroupResourceName", inner.get("contactGroupId", ""))).rpartition("/")[2]


def _tidy(fields: Json) -> Json:
    """Fields as they are kept: without what the server adds, and with the names it derives."""
    found = {}
    for name, values in fields.items():
        kept = [{k: v for k, v in value.items() if k != "metadata"} for value in deepcopy(list(values or []))]
        if name == "names":
            kept = [_named(one) for one in kept]
        if name == "memberships":
            kept = [_membership(_group_id(one)) if "contactGroupMembership" in one else one for one in kept]
        if kept and name not in _UNVALUED:
            found[name] = kept
    return found


def _named(name: Json) -> Json:
    given, family = name.get("givenName", ""), name.get("familyName", "")
    if not given and not family and name.get("unstructuredName"):
        given, _, family = str(name["unstructuredName"]).partition(" ")
    shown = " ".join(part for part in (name.get("honorificPrefix"), given, name.get("middleName"), family) if part)
    last = f"{family}, {given}" if family and given else family or given
    parts = {"givenName": given, "familyName": family}
    return {
        **name, **{key: value for key, value in parts.items() if value},
        "displayName": shown, "displayNameLastFirst": last, "unstructuredName": shown,
    }  # fmt: skip
