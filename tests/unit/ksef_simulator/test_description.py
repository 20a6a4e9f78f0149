"""The simulator speaks as KSeF's published description says, and so does our client; mutants of both are found."""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from connectors.ksef.remote import KsefRemote
from connectors.ksef.settings import KsefSettings
from connectors.ksef.simulated.gateway import Exchange
from connectors.ksef.simulator import FAULTS, KsefSimulator
from hub.connector.checking import Alone
from hub.connector.contract import Account
from hub.connector.simulator import Harm
from hub.connector.stream import Findable, Page, Phase
from hub.errors import ConnectorError, RetryLaterError
from tests.unit.ksef_simulator.description import known, operation, problems


def remote(ksef: KsefSimulator) -> KsefRemote:
    made = KsefSettings.model_validate(
        {**ksef.settings(), "timeout_s": 2.0, "roles": "Subject1 Subject2 Subject3 SubjectAuthorized"}
    )
    return KsefRemote(Account(1, "Garden", made, "PL", "Europe/Warsaw"), Alone())


def read(ksef: KsefSimulator, role: str = "Subject1") -> list[Page]:
    stream = remote(ksef).stream(f"invoices:{role}")
    pages, cursor = [], stream.begin()
    while True:
        pages.append(stream.pull(cursor))
        if pages[-1].more and pages[-1].next == cursor:
            raise RetryLaterError("round in a circle, as the hub would say")
        cursor = pages[-1].next
        if not pages[-1].more:
            assert cursor.phase is Phase.INCREMENTAL
            return pages


def everything(ksef: KsefSimulator) -> None:
    """Whatever our client asks for."""
    ksef.world.part_size = 700
    for number in range(3):
        ksef.sell(f"S {number}", Decimal("10.00"))
    bought = ksef.buy("B 1", Decimal("7.50"))
    assert sum(len(page.changes) for page in read(ksef)) == 3
    for role in ("Subject2", "Subject3", "SubjectAuthorized"):
        read(ksef, role)
    opened = remote(ksef)
    stream = opened.stream("invoices:Subject2")
    assert isinstance(stream, Findable)
    assert len(stream.find([bought.number, bought.number.replace(bought.number[-2:], "00")])) == 2
    assert stream.present(ksef.clock.now().replace(year=ksef.clock.now().year - 1)) == {bought.number}
    assert opened.check()


def test_all_that_is_asked_and_answered_is_described(ksef: KsefSimulator, seen: list[Exchange]) -> None:
    everything(ksef)
    asked = {operation_name(one) for one in seen}
    described = {(verb.upper(), path) for path, verbs in known()["paths"].items() for verb in verbs}
    assert asked == described - {("POST", "/auth/token/refresh")}


def operation_name(exchange: Exchange) -> tuple[str, str]:
    path = exchange.request.path.removeprefix("/v2")
    told = operation(exchange.request.http, path)
    return exchange.request.http, next(
        template for template, verbs in known()["paths"].items() if told is verbs.get(exchange.request.http.lower())
    )


@pytest.mark.parametrize(
    "fault", [name for name, one in FAULTS.items() if one.harm is not Harm.AWAY or name == "rate_limited"]
)
def test_what_goes_wrong_goes_wrong_as_described(ksef: KsefSimulator, fault: str) -> None:
    ksef.sell("S 1", Decimal("10.00"))
    ksef.faults.add(fault)
    try:
        read(ksef)
    except ConnectorError:
        return


# --- mutants ----------------------------------------------------------------------------------------------------------------


def mutants(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """Answers in which one thing is wrong: a field is missing, of another type, or of a value that there is none of."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield f"without {name}", {key: kept for key, kept in value.items() if key != name}
            other: Any = 17 if isinstance(one, str) else "x"
            yield f"other type of {name}", {**value, name: other}
            for what, inner in mutants(one, (*path, name)):
                yield f"{name}: {what}", {**value, name: inner}
    elif isinstance(value, list) and value:
        for what, inner in mutants(value[0], (*path, 0)):
            yield f"0: {what}", [inner, *value[1:]]


# What may be missing: KSeF says so, or it has no schema of its own.
OPTIONAL = ("without details", "without permanentStorageHwmDate", "without thirdSubjects", "without completedDate", "without name", "without value",
            "without packageExpirationDate", "without package", "without publicKeyId", "without lastPermanentStorageDate", "without instance",
            "without traceId", "without security", "security: ", "without to", "without restrictToPermanentStorageHwmDate")  # fmt: skip


def test_mutants_of_answers_are_found(ksef: KsefSimulator, seen: list[Exchange]) -> None:
    everything(ksef)
    tried = 0
    survived = []
    for exchange in {operation_name(one): one for one in seen if one.answer.status < 300}.values():
        if "json" not in exchange.answer.content_type:
            continue
        for what, told in mutants(json.loads(exchange.answer.body)):
            tried += 1
            mutant = replace(exchange, answer=replace(exchange.answer, body=json.dumps(told).encode()))
            if not problems(mutant) and not any(one in what for one in OPTIONAL):
                survived.append((exchange.request.path, what))
    assert tried > 150
    assert survived == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"invoiceType": "Vat"', b'"invoiceType": "Surprise"'),
        (b'"type": "Nip"', b'"type": "Pesel"'),
        (b'"invoicingMode": "Online"', b'"invoicingMode": "Later"'),
        (b'"currency": "PLN"', b'"currency": "zloty"'),
    ],
)
def test_values_that_there_are_none_of_are_found(
    ksef: KsefSimulator, seen: list[Exchange], old: bytes, new: bytes
) -> None:
    everything(ksef)
    exchange = next(one for one in seen if b'"invoiceType"' in one.answer.body)
    assert old in exchange.answer.body
    assert problems(replace(exchange, answer=replace(exchange.answer, body=exchange.answer.body.replace(old, new))))


def test_mutants_of_requests_are_found(ksef: KsefSimulator, seen: list[Exchange]) -> None:
    everything(ksef)
    survived = []
    for exchange in {operation_name(one): one for one in seen if one.request.body}.values():
        for what, told in mutants(json.loads(exchange.request.body)):
            mutant = replace(exchange, request=replace(exchange.request, body=json.dumps(told).encode()))
            if not problems(mutant) and not any(one in what for one in OPTIONAL):
                survived.append((exchange.request.path, what))
        extra = {**json.loads(exchange.request.body), "surprise": 1}
        assert problems(replace(exchange, request=replace(exchange.request, body=json.dumps(extra).encode())))
    assert survived == []
