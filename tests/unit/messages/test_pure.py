"""What is decided about messages without looking anywhere: states, words, the window, what a mapping may say."""

from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from hub.errors import RecordError
from hub.messages.models import MessageState
from hub.messages.said import LONGEST, said, said_status, text_of
from hub.messages.states import standing
from hub.messages.stop_words import Wish, wish_of
from hub.messages.window import WINDOW, Box, No, box
from hub.records.message import Content

AT = datetime(2026, 11, 20, 10, tzinfo=UTC)


@pytest.mark.parametrize(("said_so_far", "state"), [
    ("", "accepted"), ("sent", "sent"), ("sent delivered", "delivered"), ("sent delivered read", "read"), ("read", "read"),
    ("failed", "failed"), ("sent failed", "failed"), ("delivered failed", "delivered"), ("read failed sent", "read"),
])  # fmt: skip
def test_how_a_message_stands_does_not_depend_on_the_order_of_what_was_said(said_so_far: str, state: str) -> None:
    told = [(one, AT, f"why {one}") for one in said_so_far.split()]
    for order in permutations(told):
        assert standing(order).state == MessageState(state)
    assert standing(told).reason == ("why failed" if state == "failed" else "")


@pytest.mark.parametrize(("text", "wish"), [
    ("STOP", Wish.STOP), (" stop. ", Wish.STOP), ("Stop!!", Wish.STOP), ("UNSUBSCRIBE", Wish.STOP), ("הסר", Wish.STOP),
    ("\u200f" + "הסירו אותי" + "\u200f", Wish.STOP), ("إلغاء الاشتراك", Wish.STOP), ("الغاء الاشتراك", Wish.STOP), ("СТОП", Wish.STOP),
    ("Отписаться", Wish.STOP), ("Rezygnuję", Wish.STOP), ("start", Wish.START), ("התחל", Wish.START), ("HELP", Wish.HELP),
    ("עזרה", Wish.HELP), ("pomoc", Wish.HELP), ("please stop by tomorrow", None), ("ביטול", None), ("anuluj", None), ("", None),
    ("stop" * 1000, None),
])  # fmt: skip
def test_a_word_alone_asks_for_something_and_a_sentence_does_not(text: str, wish: Wish | None) -> None:
    assert wish_of(text) is wish


@pytest.mark.parametrize(("channel", "ago", "facts", "answer"), [
    ("whatsapp", timedelta(hours=1), {}, None), ("whatsapp", WINDOW - timedelta(seconds=1), {}, None),
    ("whatsapp", WINDOW, {}, No.CLOSED), ("whatsapp", None, {}, No.CLOSED), ("sms", timedelta(days=90), {}, None),
    ("sms", None, {}, None), ("sms", timedelta(0), {"is_stopped": True}, No.STOPPED),
    ("sms", timedelta(0), {"has_address": False}, No.WORD), ("whatsapp", timedelta(0), {"is_connected": False}, No.AWAY),
])  # fmt: skip
def test_one_may_write_while_the_window_is_open(
    channel: str, ago: timedelta | None, facts: dict[str, bool], answer: No | None
) -> None:
    known = {"has_address": True, "is_stopped": False, "is_connected": True, **facts}
    found = box(channel, last_inbound_at=None if ago is None else AT - ago, at=AT, **known)
    assert found.no is answer
    if channel == "whatsapp" and answer is None and ago is not None:
        assert found == Box(until=AT - ago + WINDOW)


def message(**more: Any) -> dict[str, Any]:
    return {
        "remote_id": "m1", "channel": "whatsapp", "direction": "inbound", "line": "L", "at": AT.isoformat(),
        "peer_phone": "972502345678", **more,
    }  # fmt: skip


def test_hostile_text_is_kept_without_what_no_database_holds() -> None:
    text = "a\x00b\u202ec<script>alert(1)</script>\ud800" + "x" * 30_000
    found = said(message(text=text, content="text", peer_name="N\x00o\u202ea", media=[{"id": "1", "size": 10**30}, None, ""]),
                 received_at=AT)  # fmt: skip
    assert found.text.startswith("ab\u202ec<script>alert(1)</script>x")
    assert len(found.text) <= LONGEST
    assert found.peer.name == "N oa"
    assert [one.size for one in found.media] == [None]
    assert text_of("👨\u200d👩\u200d👧 שלום\u200f") == "👨\u200d👩\u200d👧 שלום\u200f", "what joins stays"


@pytest.mark.parametrize(("content", "text", "kind"), [
    ("image", "", Content.IMAGE), ("hologram", "hello", Content.OTHER), (None, "hello", Content.TEXT), (None, "", Content.OTHER),
])  # fmt: skip
def test_an_unknown_content_is_another_one(content: str | None, text: str, kind: Content) -> None:
    assert said(message(content=content, text=text), received_at=AT).content is kind


@pytest.mark.parametrize("wrong", [
    {"remote_id": None}, {"remote_id": ""}, {"remote_id": "x" * 301}, {"channel": "fax"}, {"direction": "internal"},
    {"line": ""}, {"at": "yesterday"}, {"at": "2026-11-20T10:00:00"}, {"peer_phone": "", "peer_id": ""}, {"media": "x"},
    {"peer_phone": "\x00"}, {"referral": "x"},
])  # fmt: skip
def test_what_is_no_message_is_set_aside_with_its_reason(wrong: dict[str, Any]) -> None:
    with pytest.raises(RecordError, match="no message"):
        said(message(**wrong), received_at=AT)


def test_what_is_no_status_is_set_aside() -> None:
    found = said_status({"message_id": "m1", "state": "read", "key": "message:1"}, received_at=AT)
    assert (found.status.at, found.key) == (AT, "message:1")
    for wrong in ({"state": "lost"}, {"message_id": ""}, {"at": 1e300}):
        with pytest.raises(RecordError, match="no status"):
            said_status({"message_id": "m1", "state": "read", **wrong}, received_at=AT)
