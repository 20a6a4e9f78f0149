"""Lets an organisation of the simulated Xero write invoices and take money, so that a newcomer sees who owes what."""

import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta

from connectors.xero.simulated.books import Books
from connectors.xero.simulated.things import Contact, rounded
from connectors.xero.simulator import XeroSimulator
from hub.connector.simulator import Visitor

EVERY_S = 60.0  # between two doings
FIRST_S = 12.0
MONTHS = 6  # of invoices that came before
STRANGERS = (
    Visitor("+972502345601", "Daniel Cohen", "daniel.cohen@example.com"),
    Visitor("+972502345602", "רות אברהם", "ruth@example.com"),
    Visitor("+48601234568", "Piotr Nowak", "piotr@example.com"),
)
WORK = ("Maintenance", "Installation", "Spare parts", "Training")
AMOUNTS = ("120.00", "890.50", "64.99", "1500.00")


def prepare(simulator: XeroSimulator, address: str, name: str) -> Mapping[str, str]:
    """Let strangers owe something since months; no further settings are needed."""
    del address, name
    for number, who in enumerate(STRANGERS):
        contact = _contact(simulator.books, who)
        for month in range(MONTHS):
            _invoice_of_the_past(simulator.books, contact, number, month)
    return {}


def run(
    simulator: XeroSimulator, visitors: Sequence[Visitor], extensions: Sequence[str], stop: threading.Event
) -> None:
    """Go on until `stop`: a quote, its invoice, a part of the money, the rest of it, one customer after the other."""
    del extensions
    books = simulator.books
    people = [_contact(books, one) for one in visitors if one.email] or [_contact(books, one) for one in STRANGERS]
    number = 0
    while not stop.wait(EVERY_S if number else FIRST_S):
        _do(books, people[number // 4 % len(people)], number)
        number += 1


def _do(books: Books, contact: Contact, number: int) -> None:
    amount, work = AMOUNTS[number // 4 % len(AMOUNTS)], WORK[number // 4 % len(WORK)]
    if number % 4 == 0:
        books.add("Quotes", contact, amount, status="SENT", texts=(work,))
    elif number % 4 == 1:
        books.invoice(contact, amount, texts=(work,))
    else:
        owed = next((one for one in books.open_invoices(contact)), None)
        if owed is not None:
            books.pay(owed, rounded(books.left(owed) / 2, owed.currency) if number % 4 == 2 else None)


def _invoice_of_the_past(books: Books, contact: Contact, number: int, month: int) -> None:
    on = books.today - timedelta(days=30 * (MONTHS - month))
    made = books.invoice(contact, AMOUNTS[(number + month) % len(AMOUNTS)], on=on, texts=(WORK[month % len(WORK)],))
    if month < MONTHS - 1 - number:  # the later in the list, the worse he pays
        books.pay(made, on=made.on + timedelta(days=10 + 9 * number))


def _contact(books: Books, who: Visitor) -> Contact:
    """Return somebody's contact; made where there is none yet."""
    known = (one for one in books.things["Contacts"].values() if isinstance(one, Contact) and one.email == who.email)
    first, _, last = who.known_as.partition(" ")
    return next(known, None) or books.add_contact(
        who.known_as, first_name=first, last_name=last, email=who.email, phone=("", "", who.number)
    )
