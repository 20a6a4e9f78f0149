"""The demo: four people, a few customers, and simulated remotes in which people call, write and meet.

It uses no door of its own: accounts, parties, tasks and calls are made as any user or exchange would make them.
"""

import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from hub.cli.simulate import create, demo_of, prepared
from hub.connector.simulator import Faults, Poster, Simulator, Visitor
from hub.context import Hub
from hub.cti.models import EndpointRule, Extension
from hub.errors import NotFoundError
from hub.identity import parties
from hub.identity.callers import PHONE
from hub.identity.models import Party, PartyKind
from hub.intake import accounts, read
from hub.intake.models import Account
from hub.security import users
from hub.security.models import Role, User
from hub.store.base import now
from hub.timeline import notes, tasks
from hub.timeline.models import TaskKind

PBX = "Demo exchange"
# Numbers reserved for fiction (Ofcom, NANPA 555-01xx) or unassigned examples.
COMPANIES = (("Lewandowski Sp. z o.o.", "+48 22 625 01 01"), ("Northwind Traders", "+44 20 7946 0123"))
PEOPLE = (
    ("דנה לוי", "+972 54-234-5678", "dana.levi@example.com", 0),
    ("Anna Kowalska", "+48 601 234 567", "anna@example.com", 0),
    ("Tom Baker", "+44 7700 900456", "tom@example.com", 1),
    ("Мария Иванова", "+7 912 345-67-89", "maria@example.com", None),
    ("سارة حداد", "+971 50 123 4567", "sara@example.com", None),
)
STRANGERS = (Visitor("+12025550143", ""), Visitor("+441632960234", "Unknown caller"), Visitor("anonymous", ""))


@dataclass(frozen=True, slots=True)
class Sign:
    """How one demo person signs in."""

    email: str
    name: str
    role: Role
    extension: str
    password: str


class Demo:
    """The demo of one running hub."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._simulators: list[tuple[str, Simulator]] = []
        self._signs = [
            Sign(email, name, role, extension, "-".join(secrets.token_hex(2) for _ in range(3)))
            for email, name, role, extension in (
                ("noa@demo.example", "Noa", Role.AGENT, "101"),
                ("amir@demo.example", "Amir", Role.AGENT, "102"),
                ("maya@demo.example", "Maya", Role.MANAGER, "103"),
                ("admin@demo.example", "Admin", Role.ADMIN, ""),
            )
        ]

    def prepare(self) -> None:
        """Make or refresh everything in the database; nothing is doubled by a second start."""
        for name in self._hub.connectors:
            if demo_of(name) is not None:
                simulator = create(name, 0, Faults())
                simulator.start()
                self._simulators.append((name, simulator))
        with self._hub.db.write() as session:
            people = {sign.extension: self._person(session, sign) for sign in self._signs}
            for name, simulator in self._simulators:
                self._account(session, name, simulator, people)
            if session.scalar(select(Party.id).limit(1)) is None:
                self._customers(session, next(iter(people.values())))

    def _person(self, session: Session, sign: Sign) -> User:
        user = users.by_email(session, sign.email) or users.add(session, sign.email, sign.name, sign.role)
        users.set_password(session, user, sign.password)
        return user

    def _account(self, session: Session, name: str, simulator: Simulator, people: dict[str, User]) -> None:
        connector, owner = self._hub.connectors[name], people[self._signs[0].extension]
        title = PBX if connector.exchange else f"Demo {connector.title}"
        settings = prepared(name, simulator, owner.email, owner.name)
        owner_id = None if connector.exchange else owner.id
        try:
            row = accounts.by_name(session, title)
            accounts.update(row, connector, self._hub.vault, settings)
        except NotFoundError:
            row = accounts.create(session, connector, self._hub.vault, title, settings, owner_id=owner_id)
        if isinstance(simulator, Poster):
            simulator.hub_url = f"{self._hub.settings.public_url}/hooks/{accounts.rotate_hook_token(row)}"
        if connector.exchange:
            self._phones(session, row, people)
        else:
            read.begin(session, row.id)

    def _phones(self, session: Session, row: Account, people: dict[str, User]) -> None:
        if session.scalar(select(Extension.id).where(Extension.account_id == row.id).limit(1)) is not None:
            return
        session.add_all(
            Extension(account_id=row.id, number=number, user_id=user.id) for number, user in people.items() if number
        )
        session.add(EndpointRule(account_id=row.id, pattern="PJSIP/trunk*", kind="trunk"))

    def _customers(self, session: Session, owner: User) -> None:
        person = users.person(owner)
        region = self._hub.settings.hub.region
        firms = [
            parties.create(session, person, PartyKind.COMPANY, name, [parties.Given(PHONE, phone)], region=region)
            for name, phone in COMPANIES
        ]
        for name, phone, email, firm in PEOPLE:
            known = [parties.Given(PHONE, phone), parties.Given(parties.EMAIL, email)]
            company = firms[firm] if firm is not None else None
            row = parties.create(
                session, person, PartyKind.PERSON, name, known, region=region, company=company, owner_id=owner.id
            )
            if firm == 0:
                notes.add(session, person, party_id=row.id, text="Prefers to be called before noon.", pinned=True)
        first = session.scalars(select(Party).where(Party.kind == PartyKind.PERSON).order_by(Party.id)).first()
        if first is not None:
            tasks.add(session, person, kind=TaskKind.CALL_BACK, title="Call back about the offer", party_id=first.id,
                      due_at=now() + timedelta(hours=2), owner_id=owner.id, number="+972542345678")  # fmt: skip

    def sign_ins(self) -> Iterator[str]:
        """Lines that say how to sign in."""
        for sign in self._signs:
            yield f"{sign.role.value:8} {sign.email:22} password {sign.password}"

    def start(self) -> None:
        """Let people call and write."""
        visitors = [Visitor(phone.replace(" ", "").replace("-", ""), "", email) for _, phone, email, _ in PEOPLE]
        visitors[1:1] = STRANGERS
        extensions = [sign.extension for sign in self._signs if sign.extension]
        for name, simulator in self._simulators:
            run = demo_of(name)
            if run is not None:
                thread = threading.Thread(
                    target=run, args=(simulator, visitors, extensions, self._stop), name="demo", daemon=True
                )
                thread.start()
                self._threads.append(thread)

    def close(self) -> None:
        """End the demo's calls and simulators."""
        self._stop.set()
        for _, simulator in self._simulators:
            simulator.stop()
        for thread in self._threads:
            thread.join(3)
