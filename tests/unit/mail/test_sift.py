"""What is kept of a mailbox, and why not: the order of reasons is a promise."""

from collections.abc import Mapping
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.connector.mail import headers_only
from hub.connector.sift import Known, Own, Privacy, Reason, Verdict, outsiders, sift
from hub.records.address import match_key
from hub.records.mail import Envelope, Mail, Place

OWN = Own(frozenset({"boss@gmail.com"}), frozenset({"us.example", "gmail.com"}))
KNOWN = Known(frozenset({"dana@levi.example", "annanowak@gmail.com"}), frozenset({"firma.example", "wp.pl"}))
RULES = Privacy(
    user_blocks=frozenset({"ex@levi.example", "clinic.example"}),
    never_log=frozenset({"bank.example"}),
    private_labels=frozenset({"Private"}),
)


def mail(
    header: Mapping[str, str] | None = None, *, labels: tuple[str, ...] = (), places: frozenset[Place] = frozenset()
) -> Mail:
    base = {"From": "dana@levi.example", "To": "me@us.example", "Date": "Mon, 3 Mar 2025 10:00:00 +0200"}
    return headers_only({**base, **(header or {})}, Envelope(labels=labels, places=places))


def verdict(header: Mapping[str, str] | None = None) -> Verdict:
    return sift(mail(header), OWN, KNOWN, RULES)


@pytest.mark.parametrize(
    ("header", "matched"),
    [
        ({}, ("dana@levi.example",)),
        ({"From": "Dana <DANA@Levi.Example>"}, ("dana@levi.example",)),
        ({"From": "me@us.example", "To": "dana@levi.example"}, ("dana@levi.example",)),
        ({"From": "x@y.example", "Cc": "dana@levi.example"}, ("dana@levi.example",)),
        ({"From": "form@shop.example", "Reply-To": "dana@levi.example"}, ("dana@levi.example",)),
        ({"From": "me@us.example", "To": "x@y.example", "Bcc": "dana@levi.example"}, ("dana@levi.example",)),
        ({"From": "Anna.Nowak+crm@googlemail.com"}, ("annanowak@gmail.com",)),
        ({"From": "jan@firma.example"}, ("jan@firma.example",)),
        ({"From": "jan@mail.firma.example"}, ("jan@mail.firma.example",)),
        (
            {"From": "jan@firma.example", "Cc": "dana@levi.example, x@y.example"},
            ("jan@firma.example", "dana@levi.example"),
        ),
    ],
)
def test_a_mail_of_a_known_contact_is_kept(header: dict[str, str], matched: tuple[str, ...]) -> None:
    assert verdict(header) == Verdict(keep=True, reason=Reason.MATCHED, matched=matched)


@pytest.mark.parametrize(
    "header",
    [
        {"From": "x@y.example"},
        {"From": "dana+x@levi.example"},  # a tag is another mailbox everywhere but at Gmail
        {"From": "jan@wp.pl"},  # a free provider stands for no company, whoever claims it
        {"From": "jan@notfirma.example"},
        {"From": "anna@gmail.com"},  # one of us having Gmail makes nobody there a colleague, nor a contact
        {"From": "dana@levi.example.evil.example"},
        {"From": '"dana@levi.example" <x@y.example>'},
        {"From": "", "To": ""},
    ],
)
def test_a_mail_of_nobody_known_is_left_alone(header: dict[str, str]) -> None:
    assert verdict(header) == Verdict(keep=False, reason=Reason.NO_MATCH)


# Each has everything that the later ones have, so only the order decides.
LADDER = [
    (Reason.USER_BLOCK, {"Cc": "ex@levi.example"}),
    (Reason.NEVER_LOG, {"Cc": "it@sub.bank.example"}),
    (Reason.PRIVATE, {"Sensitivity": "Private"}),
    (Reason.BULK, {"List-Unsubscribe": "<mailto:x@y.example>"}),
]


@pytest.mark.parametrize("step", range(len(LADDER)))
def test_exclusions_beat_matches_in_their_order(step: int) -> None:
    header: dict[str, str] = {}
    for _, added in reversed(LADDER[step:]):
        header = {**header, **{k: f"{header[k]}, {v}" if k in header else v for k, v in added.items()}}
    read = mail(header, labels=(), places=frozenset({Place.SPAM, Place.TRASH, Place.DRAFT}))
    assert sift(read, OWN, KNOWN, RULES).reason == LADDER[step][0]


@pytest.mark.parametrize(
    ("place", "reason"),
    [(Place.SPAM, Reason.SPAM), (Place.TRASH, Reason.TRASH), (Place.DRAFT, Reason.DRAFT), (Place.SENT, Reason.MATCHED)],
)
def test_the_place_of_a_copy_counts(place: Place, reason: Reason) -> None:
    assert sift(mail(places=frozenset({place, Place.INBOX})), OWN, KNOWN, RULES).reason is reason


def test_a_blocked_domain_covers_its_subdomains() -> None:
    assert verdict({"Cc": "info@kids.clinic.example"}).reason is Reason.USER_BLOCK


def test_a_private_label_counts_in_any_case() -> None:
    assert sift(mail(labels=("PRIVATE",)), OWN, KNOWN, RULES).reason is Reason.PRIVATE
    assert verdict({"Keywords": "orders, private"}).reason is Reason.PRIVATE


def test_mail_among_ourselves_is_internal() -> None:
    assert verdict({"From": "boss@gmail.com", "To": "me@us.example, you@il.us.example"}).reason is Reason.INTERNAL


def test_internal_stands_between_private_and_bulk() -> None:
    among_us = {"From": "me@us.example", "List-Unsubscribe": "<mailto:u@us.example>"}
    assert verdict(among_us).reason is Reason.INTERNAL
    assert verdict({**among_us, "Sensitivity": "Personal"}).reason is Reason.PRIVATE


def test_a_calendar_notice_is_left_to_the_calendar() -> None:
    notice = replace(mail(), calendar_method="REQUEST", is_calendar_notice=True)
    assert sift(notice, OWN, KNOWN, RULES).reason is Reason.CALENDAR_NOTICE
    assert sift(replace(notice, is_calendar_notice=False), OWN, KNOWN, RULES).reason is Reason.MATCHED


def test_a_customer_who_writes_to_our_group_mailbox_is_no_bulk() -> None:
    group = {"List-Id": "<info.us.example>", "Precedence": "list", "List-Unsubscribe": "<mailto:u@us.example>"}
    assert verdict(group).reason is Reason.MATCHED
    assert verdict({**group, "Auto-Submitted": "auto-replied"}).reason is Reason.BULK
    assert verdict({**group, "List-Id": "<news.shop.example>"}).reason is Reason.BULK


def test_a_question_serves_instead_of_a_list() -> None:
    asked: list[str] = []

    def is_known(key: str) -> bool:
        asked.append(key)
        return key == "dana@levi.example"

    read = mail({"Cc": "me@us.example, x@y.example"})
    assert sift(read, OWN, Known(is_known), RULES).matched == ("dana@levi.example",)
    assert asked == list(outsiders(read, OWN)) == ["dana@levi.example", "x@y.example"]


@given(st.text(max_size=80))
def test_an_address_has_one_key_that_is_its_own(text: str) -> None:
    key = match_key(text)
    assert match_key(key) == key
