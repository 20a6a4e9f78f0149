"""Every type of message as Meta posts it, and what the hub hears."""

from pathlib import Path
from typing import Any

import pytest

from hub.identity.transforms import TRANSFORMS
from hub.mapping.apply import apply
from hub.mapping.load import read_file
from hub.mapping.transforms import Context, Registry
from tests.unit.whatsapp.desk import FIXTURES, change, one, post, recorded, said, text

HASH = "49f227634806293b0995459bc310b593e1400f41591efcf07e9bced335f41942"
MAPPINGS = Path(__file__).parents[3] / "mappings" / "whatsapp"
DANA = {"peer_phone": "+972502345678", "peer_id": "IL.13491208655302741918", "peer_name": "דנה לוי"}
USUAL = {
    "channel": "whatsapp", "direction": "inbound", "line": "106540352242922", "line_number": "+97235551234",
    "at": "2026-11-23T04:00:00+00:00",
}  # fmt: skip
OURS = "wamid.OURS01"

TABLE: list[tuple[str, dict[str, Any]]] = [
    ("text", {"content": "text", "text": "שלום, כמה עולה משלוח ל/Łódź?"}),
    ("reply", {"content": "text", "text": "Thursday", "reply_to": "wamid.OURS01"}),
    (
        "location",
        {"content": "place", "text": "Garden\nHaYarkon 1, Tel Aviv\n32.0853, 34.7818\nhttps://garden.example"},
    ),
    ("contacts", {"content": "contacts", "text": "Noa Levi, +972 50 234 5679, noa@example.com"}),
    ("reaction", {"content": "reaction", "text": "👍", "reply_to": OURS}),
    ("reaction_taken_back", {"content": "reaction", "reply_to": OURS}),
    ("button", {"content": "choice", "text": "כן", "reply_to": OURS}),
    ("list_reply", {"content": "choice", "text": "Thursday\n9 to 12", "reply_to": OURS}),
    ("flow_reply", {"content": "choice", "text": 'Sent\n{"size":"3"}'}),
    ("order", {"content": "other", "text": "Please by Thursday\n2 x di9ozbzfi4 30 ILS"}),
    ("unsupported", {"content": "other", "text": "Message type is currently not supported."}),
]


@pytest.mark.parametrize(("name", "heard"), TABLE)
def test_each_type_says_what_it_says(name: str, heard: dict[str, Any]) -> None:
    payload = one(recorded(name))
    assert {key: value for key, value in payload.items() if key != "id"} == {**USUAL, **DANA, **heard}


@pytest.mark.parametrize(
    ("name", "content", "media_type", "more"),
    [
        ("image", "image", "image/jpeg", {}), ("voice", "audio", "audio/ogg", {}),
        ("document", "file", "application/pdf", {"name": "מדידות.pdf"}), ("sticker", "sticker", "image/webp", {}),
    ],
)  # fmt: skip
def test_files_are_named_by_their_id_with_the_hash_in_hexadecimal(
    name: str, content: str, media_type: str, more: dict[str, str]
) -> None:
    payload = one(recorded(name))
    (media,) = payload["media"]
    assert payload["content"] == content
    assert media["media_type"] == media_type
    assert media["sha256"] == HASH
    assert media.get("name") == more.get("name")


def test_a_caption_is_the_text() -> None:
    assert one(recorded("image"))["text"] == "here"
    assert "text" not in one(recorded("document"))


def test_an_ad_is_named_and_a_post_has_no_id_of_an_ad() -> None:
    referral = one(recorded("from_ad"))["referral"]
    assert referral == {
        "ad_id": "120226305854810726", "url": "https://fb.me/3cr4Wqqkv", "headline": "גינה חדשה", "text": "Spring offer",
        "click_id": "Aff-n8ZTODiE79d22KtAwQKj9e_mIEOOj27vDVwFjN80dp4",
    }  # fmt: skip
    posted = {"source_type": "post", "source_id": "7", "source_url": "https://fb.me/x"}
    assert one(said(post(change({"messages": [text(1, referral=posted)]}))))["referral"] == {"url": "https://fb.me/x"}
    without_click = {"source_type": "ad", "source_id": "7"}
    assert one(said(post(change({"messages": [text(1, referral=without_click)]}))))["referral"] == {"ad_id": "7"}


# --- who wrote ------------------------------------------------------------------------------------------------------


def test_somebody_with_a_user_name_has_an_id_and_no_number() -> None:
    payload = one(recorded("user_name"))
    assert "peer_phone" not in payload
    assert (payload["peer_id"], payload["peer_name"]) == ("IL.13491208655302741918", "דנה לוי")


def test_a_later_message_with_the_number_has_both() -> None:
    assert {name: one(recorded("text"))[name] for name in DANA} == DANA


@pytest.mark.parametrize(
    ("message", "contact", "phone", "user"),
    [
        ({"from": "972502345678"}, {"wa_id": "972502345678"}, "+972502345678", ""),
        ({"from": "972502345678"}, {"wa_id": "972502345678", "user_id": "IL.1"}, "+972502345678", "IL.1"),
        ({"from": "IL.1"}, {"user_id": "IL.1"}, "", "IL.1"),  # an id where a number was
        ({"from_user_id": "IL.ENT.1"}, {"user_id": "IL.ENT.1"}, "", "IL.ENT.1"),
        ({"from_user_id": "IL.1"}, {"user_id": "IL.1", "wa_id": "972502345678"}, "+972502345678", "IL.1"),
        ({}, {"user_id": "IL.1", "wa_id": "972502345678"}, "+972502345678", "IL.1"),
        ({"from": "972502345678"}, {"wa_id": "15550001111"}, "+972502345678", ""),  # somebody else stands beside
        ({"from": "+972 50-234-5678"}, {}, "+972502345678", ""),
    ],
)
def test_numbers_and_ids_are_told_apart_wherever_they_stand(
    message: dict[str, str], contact: dict[str, Any], phone: str, user: str
) -> None:
    bare = {name: value for name, value in text(1).items() if name != "from"}
    told = post(change({"contacts": [{"profile": {"name": "D"}, **contact}], "messages": [{**bare, **message}]}))
    payload = one(said(told))
    assert (payload.get("peer_phone", ""), payload.get("peer_id", "")) == (phone, user)


def test_a_new_number_is_told_in_words() -> None:
    payload = one(recorded("system"))
    assert (payload["content"], payload["text"]) == ("other", "דנה changed from 972502345678 to 972502345688")


def test_what_people_wrote_on_the_phone_is_ours() -> None:
    payload = one(recorded("echo"))
    assert (payload["direction"], payload["peer_phone"], payload["text"]) == (
        "outbound",
        "+972502345678",
        "Written on the phone",
    )


def test_a_type_that_nobody_knows_yet_says_its_name() -> None:
    told = {**text(1), "type": "hologram", "hologram": {"url": "x"}}
    payload = one(said(post(change({"messages": [told]}))))
    assert (payload["content"], payload["text"]) == ("other", "hologram")


@pytest.mark.parametrize("stamp", ["", None, "x", -1, "99999999999999999999", "1e400", True])
def test_a_message_without_a_time_is_a_record_all_the_same(stamp: Any) -> None:
    assert "at" not in one(said(post(change({"messages": [{**text(1), "timestamp": stamp}]}))))


def test_hostile_words_come_through_as_they_are() -> None:
    odd = "<script>\u202e\x00" + "x" * 10_000
    assert one(said(post(change({"messages": [text(1, odd)]}))))["text"] == odd


# --- what became of ours --------------------------------------------------------------------------------------------


def test_a_state_names_its_message_and_carries_our_key() -> None:
    payload = one(recorded("sent"))
    assert payload == {
        "id": "wamid.OURS01:sent", "message_id": "wamid.OURS01", "state": "sent", "at": "2026-11-23T04:00:01+00:00",
        "key": "key-1", "line": "106540352242922", "peer_phone": "+972502345678", "peer_id": "IL.13491208655302741918",
    }  # fmt: skip
    assert "pricing" not in recorded("sent").records[0].payload["original"]


def test_a_failure_says_why_for_people_and_for_programs() -> None:
    payload = one(recorded("failed"))
    assert (payload["state"], payload["code"]) == ("failed", "131047")
    assert payload["reason"].startswith("More than 24 hours have passed since the customer last wrote;")


def test_states_out_of_order_beside_a_message_are_all_there() -> None:
    named = [one.remote_id for one in recorded("several").records]
    assert named[1:] == ["wamid.OURS01:read", "wamid.OURS01:delivered"]


# --- mappings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", sorted(file.stem for file in FIXTURES.glob("*.http")))
def test_what_was_recorded_is_mapped(name: str) -> None:
    for record in recorded(name).records:
        mapping = read_file(MAPPINGS / f"{record.stream}.toml", registry=Registry(TRANSFORMS))
        values = apply(mapping, record.payload, Context("IL", "Asia/Jerusalem"), record_id=record.remote_id)
        assert values["at"].tzinfo
        assert values.get("media") == record.payload.get("media")
