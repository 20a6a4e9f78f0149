"""Packages, refusals, signing in, limits, settings and records of KSeF."""

import base64
import io
import json
import zipfile
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.ksef import auth, package
from connectors.ksef.errors import ExpiredError, NothingNewError, error_of
from connectors.ksef.limits import UNITS, limits
from connectors.ksef.package import Secret, assembled, hash_of, invoices, new_salt
from connectors.ksef.records import upsert
from connectors.ksef.settings import KsefSettings
from hub.connector.simulated.sealing import Opener, encrypted
from hub.connector.stream import Grant
from hub.errors import (
    AuthError,
    ConnectorError,
    DisabledError,
    GoneError,
    LimitedError,
    RejectedError,
    RetryLaterError,
    ScopeError,
)
from tests.unit.einvoice.files import fixture, payload, replaced
from tests.unit.ksef.desk import NIP, Spending, settings

NUMBER = f"{NIP}-20260302-0A1B2C3D4E5F-7A"
SECRET = Secret.of("token", "00" * 16)


# --- packages ---------------------------------------------------------------------------------------------------------------


def zipped(files: dict[str, bytes], listed: dict[str, bytes] | None = None) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
        told = [
            {"ksefNumber": name, "invoiceHash": hash_of(data), "permanentStorageDate": "2026-03-02T10:00:00+00:00"}
            for name, data in (listed or {}).items()
        ]
        archive.writestr("_metadata.json", json.dumps({"invoices": told}))
    return out.getvalue()


def parts(whole: bytes, size: int, **changes: Any) -> tuple[list[dict[str, Any]], dict[str, bytes]]:
    pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
    sealed = {
        f"https://store.example/{place}": encrypted(one, SECRET.key, SECRET.vector)
        for place, one in enumerate(pieces, 1)
    }
    told = [
        {"ordinalNumber": place, "url": url, "encryptedPartHash": hash_of(data), **changes}
        for place, (url, data) in enumerate(sealed.items(), 1)
    ]
    return told, sealed


def opened(whole: bytes, begin: int = 0, most: int = 10) -> Any:
    return invoices(io.BytesIO(whole), begin, most)


def test_parts_become_one_package_in_their_order() -> None:
    told, sealed = parts(b"abcdefghij" * 10, 33)
    with assembled(list(reversed(told)), SECRET, sealed.__getitem__) as whole:
        whole.seek(0)
        assert whole.read() == b"abcdefghij" * 10


def test_the_secret_of_a_package_follows_from_token_and_salt_alone() -> None:
    salt = new_salt()
    assert Secret.of("token", salt) == Secret.of("token", salt)
    assert Secret.of("token", salt) != Secret.of("other", salt) != Secret.of("token", new_salt())
    assert (len(SECRET.key), len(SECRET.vector)) == (32, 16)


@pytest.mark.parametrize(
    "spoilt",
    [
        {"encryptedPartHash": "x"},
        {"ordinalNumber": "x"},
        {"ordinalNumber": None},
    ],
)
def test_parts_that_are_not_as_described_are_no_package(spoilt: dict[str, Any]) -> None:
    told, sealed = parts(b"x" * 40, 20, **spoilt)
    with pytest.raises(RetryLaterError, match="not whole"):
        assembled(told, SECRET, sealed.__getitem__)


def test_a_part_of_somebody_elses_key_is_no_package() -> None:
    told, sealed = parts(b"x" * 40, 40)
    with pytest.raises(RetryLaterError, match="not whole"):
        assembled(told, Secret.of("other", "00" * 16), sealed.__getitem__)
    with pytest.raises(RetryLaterError, match="201 parts"):
        assembled(told * 201, SECRET, sealed.__getitem__)


def test_invoices_are_taken_by_their_numbers_a_few_at_a_time() -> None:
    files = {f"{NUMBER[:-1]}{place}.xml": b"x%d" % place for place in (2, 0, 1)}
    found, total = opened(zipped({**files, "../../evil.xml": b"", "notes.txt": b""}), 1, 1)
    assert total == 3
    assert [(one.number, one.data) for one in found] == [(f"{NUMBER[:-1]}1", b"x1")]


@pytest.mark.parametrize(
    ("whole", "why"),
    [
        (b"no archive", "BadZipFile"),
        (zipped({f"{NUMBER}.xml": b"a"})[:40], "BadZipFile"),
        (zipped({f"{NUMBER}.xml": b"a"}, {NUMBER: b"b"}), "another hash"),
        (zipped({}, {NUMBER: b"b"}), "leaves out 1 invoices"),
        (zipped({f"{place}.txt": b"" for place in range(10_200)}), "ValueError"),
    ],
    ids=["no archive", "cut", "hash", "left out", "many"],  # a name made of the bytes would have the clock in it
)
def test_a_package_that_is_not_whole_is_asked_for_again(whole: bytes, why: str) -> None:
    with pytest.raises(RetryLaterError, match=why):
        opened(whole)


@pytest.mark.parametrize("way", [zipfile.ZIP_LZMA, zipfile.ZIP_BZIP2])
def test_a_package_is_packed_as_ksef_packs_it(way: int) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", way) as archive:
        archive.writestr(f"{NUMBER}.xml", b"a" * 100)
    with pytest.raises(RetryLaterError, match="not whole"):
        opened(out.getvalue())


def test_a_package_whose_file_does_not_unpack_is_asked_for_again() -> None:
    whole = bytearray(zipped({f"{NUMBER}.xml": bytes(range(256)) * 20}))
    at = whole.index(b".xml") + len(b".xml")  # what is packed begins there
    whole[at : at + 8] = b"\xff" * 8
    with pytest.raises(RetryLaterError, match="not whole"):
        opened(bytes(whole))


def test_so_many_invoices_are_held_at_once_and_none_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "AT_ONCE", 150)
    whole = zipped({f"{NUMBER[:-1]}{place}.xml": b"%d" % place * 100 for place in range(5)})
    taken: list[bytes] = []
    while len(taken) < 5:
        some, total = opened(whole, len(taken))
        assert (1 <= len(some) <= 2, total) == (True, 5)
        taken += [one.data[:1] for one in some]
    assert taken == [b"0", b"1", b"2", b"3", b"4"]


def test_a_package_without_end_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(package, "LARGEST_PACKAGE", 99)
    told, sealed = parts(b"abcdefghij" * 10, 33)
    with pytest.raises(RetryLaterError, match="larger than any"):
        assembled(told, SECRET, sealed.__getitem__)


def test_an_invoice_that_unpacks_without_end_is_cut_and_refused_by_its_reader() -> None:
    [found], _ = opened(zipped({f"{NUMBER}.xml": b"<x>" + b" " * (21 * 2**20)}))
    assert len(found.data) == 20 * 2**20 + 1
    record = upsert(settings(), NUMBER, found.data)
    assert record.payload["unreadable"] == "the file is larger than 20 MB"


# --- refusals -----------------------------------------------------------------------------------------------------------------


def problem(code: int, text: str = "words") -> dict[str, Any]:
    return {"status": 400, "errors": [{"code": code, "description": text, "details": ["more"]}]}


def older(code: int) -> dict[str, Any]:
    return {
        "exception": {
            "exceptionDetailList": [{"exceptionCode": code, "exceptionDescription": "words", "details": ["more"]}]
        }
    }


@pytest.mark.parametrize(
    ("status", "told", "kind"),
    [
        (401, {"detail": "no"}, AuthError),
        (403, {"detail": "no", "reasonCode": "missing-permissions"}, ScopeError),
        (403, {"detail": "no", "reasonCode": "security-service-blocked"}, DisabledError),
        (403, {"detail": "no", "reasonCode": "ip-not-allowed"}, DisabledError),
        (403, None, ScopeError),
        (410, {"detail": "gone"}, ExpiredError),
        (429, {"status": {"code": 429, "details": ["enough"]}}, LimitedError),
        (400, problem(21164), GoneError),
        (400, older(21164), GoneError),
        (400, problem(21165), RetryLaterError),
        (400, problem(21183), NothingNewError),
        (400, problem(21182), LimitedError),
        (400, problem(21470), RetryLaterError),
        (400, problem(21405), RejectedError),
        (400, ["odd"], RejectedError),
        (404, None, RetryLaterError),
        (500, None, RetryLaterError),
        (503, {"errors": "odd"}, RetryLaterError),
        (302, None, RetryLaterError),
    ],
)
def test_a_refusal_says_what_happens_next(status: int, told: Any, kind: type[ConnectorError]) -> None:
    found = error_of(status, {"retry-after": "7"}, told)
    assert type(found) is kind
    assert str(found)
    if status == 429:
        assert isinstance(found, LimitedError)
        assert found.retry_after == 7


def test_a_refusal_keeps_ksefs_own_words_and_numbers() -> None:
    assert "words more (21405)" in str(error_of(400, {}, problem(21405)))
    assert "enough" in str(error_of(429, {}, {"status": {"details": ["enough"]}}))


# --- signing in -----------------------------------------------------------------------------------------------------------------


class Door:
    """A KSeF that only signs in."""

    def __init__(self, *states: Any) -> None:
        self.settings = settings()
        self.opener, self.states, self.asked = Opener("door"), list(states), list[str]()

    def keys(self) -> Any:
        odd = {
            "usage": ["KsefTokenEncryption"],
            "certificate": "x",
            "validFrom": "2020-01-01T00:00:00Z",
            "validTo": "2099-01-01T00:00:00Z",
        }
        good = {
            "certificate": base64.b64encode(self.opener.certificate).decode(), "publicKeyId": self.opener.id, "usage": ["KsefTokenEncryption"],
            "validFrom": self.opener.valid_from.isoformat(), "validTo": self.opener.valid_to.isoformat(),
        }  # fmt: skip
        old = {**good, "validTo": "2021-01-01T00:00:00+00:00", "publicKeyId": "old"}
        return ["odd", odd, old, {**good, "usage": ["SymmetricKeyEncryption"]}, good]

    def plain(self, verb: str, path: str, *, body: dict[str, Any] | None = None, bearer: str = "") -> Any:
        self.asked.append(f"{verb} {path} {bearer}".strip())
        if path == "/auth/challenge":
            return {"challenge": "word", "timestampMs": 1772400000123, "timestamp": "x"}
        if path == "/auth/ksef-token":
            assert body is not None
            assert self.opener.opened(body["encryptedToken"]) == b"a-token-of-ksef|1772400000123"
            assert body["publicKeyId"] == self.opener.id
            assert body["contextIdentifier"] == {"type": "Nip", "value": NIP}
            return {"referenceNumber": "N-1", "authenticationToken": {"token": "once"}}
        if path == "/auth/N-1":
            return {"status": self.states.pop(0)}
        if path == "/auth/token/redeem":
            return {
                "accessToken": {"token": "access", "validUntil": "2026-03-01T12:00:00.1234567+00:00"},
                "refreshToken": {"token": "again"},
            }
        found = self.states.pop(0)
        if isinstance(found, Exception):
            raise found
        return found


DONE = {"code": 200, "description": "ok"}
SIGNED_IN = ["POST /auth/challenge", "POST /auth/ksef-token", "GET /auth/N-1 once", "POST /auth/token/redeem once"]


def test_the_token_is_sealed_with_the_challenges_time_and_exchanged() -> None:
    door = Door({"code": 100}, DONE)
    found = auth.renewed(door, Grant("a-token-of-ksef"))
    assert (found.refresh_token, found.access_token) == ("again", "access")
    assert found.expires_at is not None
    assert door.asked == [*SIGNED_IN[:2], SIGNED_IN[2], SIGNED_IN[2], SIGNED_IN[3]]


def test_access_is_renewed_and_if_that_ended_signed_in_for_again() -> None:
    door = Door({"accessToken": {"token": "next", "validUntil": "odd"}})
    assert auth.renewed(door, Grant("again")) == Grant("again", "next", None)
    door = Door(AuthError("seven days"), DONE)
    assert auth.renewed(door, Grant("again")).access_token == "access"
    assert door.asked == ["POST /auth/token/refresh again", *SIGNED_IN]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (450, AuthError),
        (415, AuthError),
        (480, AuthError),
        (500, RetryLaterError),
        (550, RetryLaterError),
        (None, RetryLaterError),
    ],
)
def test_a_token_that_is_not_accepted_needs_a_person_and_a_stumble_does_not(
    code: int | None, kind: type[ConnectorError]
) -> None:
    with pytest.raises(kind) as refused:
        auth.renewed(Door({"code": code, "description": "words", "details": ["revoked"]}), Grant("a-token-of-ksef"))
    assert type(refused.value) is kind
    assert "a-token-of-ksef" not in str(refused.value)


def test_without_a_key_that_counts_now_nobody_signs_in(monkeypatch: pytest.MonkeyPatch) -> None:
    door = Door(DONE)
    monkeypatch.setattr(door, "keys", lambda: {"odd": 1})
    with pytest.raises(RetryLaterError, match="no public key"):
        auth.renewed(door, Grant("a-token-of-ksef"))


# --- limits and settings ------------------------------------------------------------------------------------------------------


def test_an_hours_limit_is_the_same_rate_in_a_bucket_of_minutes() -> None:
    """What hub.work.budget makes of it: nine tenths of the limit refill, and one request takes 60 units."""
    for name, per_hour in (("metadata", 20), ("exports", 20), ("invoices", 64)):
        [limit] = getattr(limits(settings()), name)
        assert limit.per_minute * 60 / UNITS == per_hour
        assert NIP in limit.name
    assert len({one.name for one in limits(settings()).all}) == 5


def test_silence_that_ksef_wants_is_kept_in_all_roles() -> None:
    tools = Spending()
    tools.limited(limits(settings()).all, 30)
    assert len(tools.silent) == 5


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("nip", "123"), ("nip", "PL1234563218"), ("nip", "0234563218"), ("token", ""), ("token", "a\nb"), ("token", "x" * 201), ("roles", ""),
        ("roles", "Seller"), ("every_min", 5), ("since", "2020-01-01"), ("since", "soon"), ("base_url", "http://api.example/v2"),
        ("base_url", "https://u:p@x"), ("qr_url", "javascript:x"), ("metadata_per_hour", 1),
    ],
)  # fmt: skip
def test_settings_that_cannot_be_are_refused(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        settings(**{field: value})


def test_no_look_is_sooner_than_ksef_allows() -> None:
    assert settings().every.total_seconds() * 0.9 >= 15 * 60


def test_roles_stand_in_their_own_order_once_each() -> None:
    made: KsefSettings = settings(roles="Subject2  Subject1 Subject2")
    assert made.wanted_roles == ("Subject1", "Subject2")
    assert made.begins == "2026-02-01T00:00:00+01:00"


# --- records ------------------------------------------------------------------------------------------------------------------


def test_the_side_is_ours_where_our_number_stands() -> None:
    sold = upsert(settings(), NUMBER, fixture("fa3-vat.xml")).payload
    assert (sold["ours"], sold["as"], sold["business"], sold["other"]) == (
        "seller",
        "invoice seller",
        NIP,
        sold["buyer"],
    )
    bought = upsert(settings(nip="1111111111"), NUMBER, fixture("fa3-kor.xml")).payload
    assert (bought["ours"], bought["as"], bought["other"]) == ("buyer", "correction buyer", bought["seller"])
    strange = upsert(settings(nip="9999999999"), NUMBER, fixture("fa3-vat.xml")).payload
    assert (strange["ours"], strange["as"], strange["business"], strange["other"]) == ("", "invoice", "", {})


def test_a_record_is_known_by_ksefs_number_and_names_what_it_corrects_by_it() -> None:
    found = upsert(settings(), NUMBER, fixture("fa3-kor.xml"))
    assert (found.remote_id, found.payload["ksef_no"]) == (NUMBER, NUMBER)
    assert found.payload["references"][0]["key"] == "invoices:1234563218-20260302-0A1B2C3D4E5F-7A"
    digest = base64.urlsafe_b64encode(bytes.fromhex(payload("fa3-kor.xml")["sha256"])).decode().rstrip("=")
    assert found.payload["url"] == f"https://qr.ksef.mf.gov.pl/invoice/{NIP}/20-03-2026/{digest}"


def test_an_invoice_that_cannot_be_read_is_a_record_with_its_reason() -> None:
    found = upsert(settings(), NUMBER, replaced("fa3-vat.xml", ("2025/06/25/13775", "2026/03/06/14189")))
    assert found.remote_id == NUMBER
    assert "FA_RR" in found.payload["unreadable"]
