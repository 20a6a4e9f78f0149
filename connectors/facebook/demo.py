"""Lets people fill in lead forms of the simulated Facebook, one now and then, so that a newcomer sees leads come in."""

import threading
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from connectors.facebook.simulated.things import Ad, Form
from connectors.facebook.simulator import FacebookSimulator
from hub.connector.simulator import Visitor

EVERY_S = 75.0  # between two leads
FIRST_S = 15.0
DAYS = 28  # of spend, and of leads that came before
_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
# Campaigns by name: the form that each leads to, and what a day costs.
CAMPAIGNS = (("Spring gardens", "english", "38.50"), ("גינות אביב", "hebrew", "52.00"), ("Balcony", "english", "21.90"))
# Numbers reserved for fiction or unassigned examples.
STRANGERS = (
    ("Daniel Cohen", "+972502345601", "daniel.cohen@example.com"),
    ("רות אברהם", "+972502345602", "ruth@example.com"),
    ("Olga Petrova", "+972502345603", "olga@example.com"),
    ("يوسف خوري", "+972502345604", "yousef@example.com"),
    ("Piotr Nowak", "+48601234568", "piotr@example.com"),
)
WISHES = ("k1", "k2", "k3")


def prepare(simulator: FacebookSimulator, address: str, name: str) -> dict[str, str]:
    """Advertise for four weeks; returns the settings with which the spend is read."""
    del address, name
    now = simulator.clock.now()
    ads = _ads(simulator)
    for number, (ad, (_, _, price)) in enumerate(zip(ads, CAMPAIGNS, strict=True)):
        campaign = simulator.campaign_of(ad)
        for days in range(DAYS):
            amount = Decimal(price) + Decimal((days * 7 + number * 3) % 11)
            simulator.set_spend(campaign, (now - timedelta(days=days)).date(), amount)
    for number in range(DAYS // 2):
        at = now - timedelta(days=DAYS - 2 * number, hours=number % 9)
        _send(simulator, number, STRANGERS[number % len(STRANGERS)], ads[number % len(ads)], at)
    # The hub remembers leads of the last demo: new ones must not look like them.
    simulator.world.skip(int((datetime.now(UTC) - _EPOCH).total_seconds()))
    return {"ad_accounts": simulator.account.id}


def run(
    simulator: FacebookSimulator, visitors: Sequence[Visitor], extensions: Sequence[str], stop: threading.Event
) -> None:
    """Go on until `stop`: customers and strangers fill in forms, by an ad or without one."""
    del extensions
    known = [(one.known_as, one.number, one.email) for one in visitors if one.email]
    people = [one for pair in zip(STRANGERS, known, strict=False) for one in pair] or list(STRANGERS)
    ads = _ads(simulator)
    number = 0
    while not stop.wait(EVERY_S if number else FIRST_S):
        ad = ads[number % len(ads)] if number % 4 else None  # every fourth finds the form without an ad
        _send(simulator, number, people[number % len(people)], ad)
        number += 1


def _ads(simulator: FacebookSimulator) -> list[Ad]:
    """Return the ad of each campaign; made where there is none yet."""
    forms = {"english": simulator.english, "hebrew": simulator.hebrew}
    made = {one.name: one for one in simulator.world.ads.values()}
    return [
        made.get(f"{name} / ad") or simulator.advertise(forms[form], name, ad=f"{name} / ad")
        for name, form, _ in CAMPAIGNS
    ]


def _send(
    simulator: FacebookSimulator, number: int, who: tuple[str, str, str], ad: Ad | None, at: datetime | None = None
) -> None:
    form = simulator.world.forms[ad.form_id] if ad else simulator.english
    platform = ("fb", "ig")[number % 2]
    ticked = [one.key for one in form.checkboxes if one.required or number % 2]
    simulator.submit(form, _answers(form, who, number), ad=ad, platform=platform, checked=ticked, at=at)


def _answers(form: Form, who: tuple[str, str, str], number: int) -> Mapping[str, str]:
    name, phone, email = who
    told = {"FULL_NAME": name, "PHONE": phone, "EMAIL": email}
    found: dict[str, str] = {}
    for question in form.questions:
        if question.type in told:
            found[question.key] = told[question.type]
        elif question.options:
            found[question.key] = WISHES[number % len(WISHES)]
    return found
