"""What becomes of every column that can hold words when somebody is erased; a test fails until a new one is in here.

gone   of a row that speaks of the person: the row goes, or this column is emptied
kept   it may speak of a person and stays; the reason is beside it
plain  says nothing of any customer: our own settings, colleagues, words of programs, numbers of rows
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from inspect import get_annotations
from typing import Any, get_args

from sqlalchemy import Table

from hub.store.base import Base


@dataclass(frozen=True, slots=True)
class Words:
    """The columns of one table."""

    gone: frozenset[str] = frozenset()
    plain: frozenset[str] = frozenset()
    kept: Mapping[str, str] = field(default_factory=dict)


def _words(gone: str = "", plain: str = "", **kept: str) -> Words:
    return Words(frozenset(gone.split()), frozenset(plain.split()), kept)


_LEDGER = "the ledger is the master and the law keeps its documents; see the rule `accounting` of retention"
_COUNTED = "which ad and which form brought how many is counted, and names nobody"

COLUMNS: Mapping[str, Words] = {
    # --- who they are
    "party": _words("name fields", "kind status"),
    "link": _words("stream remote_id"),
    "identifier": _words("kind value raw label tail"),
    "claim": _words("field value"),
    "contact_photo": _words("url state trouble reason sha256 media_type owner"),
    "shared_record": _words("base ours version pushed_hash earlier round_trips"),
    "conflict": _words("field entry base ours theirs winner fingerprint choice"),
    "number_rule": _words("value rule"),
    "merge": _words("reasons before marks error", "rule state owner"),
    "merge_item": _words("what ids before"),
    "review": _words("reasons fingerprint state"),
    "not_same": _words(),
    "duplicate_look": _words("", "stage error owner"),
    "second_look": _words("", "error"),
    # --- what came
    "raw_record": _words("remote_id payload hash error etag", "stream state mapping_hash container"),
    "filtered_record": _words("", "stream container id_hash reason"),
    "named_record": _words("remote_id said why", "records mailbox"),
    "import_batch": _words("error found", "what file_name sha256 archive look columns options state counts owner"),
    "import_row": _words("said cells before", "fate reason"),
    # --- the timeline
    "interaction": _words("kind direction summary visibility source_url detail"),
    "participant": _words("kind role identifier_kind value"),
    "note": _words("text"),
    "question": _words(),
    "note_file": _words("name sha256", "media_type"),
    "ticket": _words(
        "key party_remote_id party_name party_email party_phone number title priority desk_group desk_owner url", "state"
    ),
    "task": _words("kind title number done_reason"),
    "task_member": _words(),
    "task_source": _words(),
    # --- calls: that there was one is counted, with whom nobody knows
    "call": _words(
        "caller caller_name callee number keyed click_id candidates state fields fields_here",
        "key direction outcome reason did trunk queue hangup_by source match_basis disposition",
    ),
    "call_alias": _words("", "key"),
    "leg": _words("number channel", "uid extension result consult_by"),
    "segment": _words("", "leg extension"),
    "transfer": _words("source target", "kind result"),
    "recording": _words("path sha256 last_error", "state content_type owner"),
    "pop": _words("card reason draft"),
    "click": _words("id extension number state error"),
    "seen_endpoint": _words("", "name"),
    # --- mail
    "mail_thread": _words("visibility"),
    "mail_thread_key": _words("key"),
    "mail_message": _words("key message_id subject refers_to snippet text html people attachments defects"),
    "mail_draft": _words("mailbox to cc bcc subject text signature state error"),
    "mail_draft_file": _words("name media_type content"),
    "mail_copy": _words("mailbox labels visibility"),
    "mail_file": _words("content_id state reason sha256 owner"),
    "mail_block": _words("", "owner", block="a colleague's own decision whose mail is never kept; it keeps it away"),
    # --- messages
    "conversation": _words("channel line line_number peer_phone peer_id peer_name"),
    "conversation_peer": _words("channel line kind value"),
    "message": _words(
        "remote_id direction content text reply_to peer_phone peer_id peer_name state reason"
    ),
    "message_media": _words(
        "remote_id name said_type said_sha256 state trouble reason sha256 picture_type owner"
    ),
    "message_status": _words("message_id state reason code"),
    # --- meetings
    "meeting_copy": _words("address uid remote_id series_id fields"),
    "meeting_series": _words("uid"),
    "meeting_row": _words("uid key"),
    "meeting_booking": _words("mailbox uid remote_id wish key state why"),
    # --- leads: what an ad brought is counted, whom nobody knows
    "lead": _words("remote_id name phone email fields fields_here", "language stage"),
    "lead_answer": _words("key type label sent shown options field by"),
    "lead_stage": _words("reason", "stage feedback"),
    "lead_rule": _words("", "name wants users"),
    "touchpoint": _words(
        "page_url referrer utm clicks", "bucket platform", form_id=_COUNTED, form_name=_COUNTED, campaign_id=_COUNTED,
        adset_id=_COUNTED, ad_id=_COUNTED,
    ),
    "consent": _words(
        "remote_id whose url", "form_id version key", text="the sentence that was agreed to, the same for everybody"
    ),
    "question_field": _words("", "form_id key field"),
    "ad_name": _words("", "level remote_id name earlier"),
    "ad_spend": _words("", "campaign_id currency"),
    # --- money
    "document": _words(
        "", "kind side status source_status currency balance_source base_currency fx_rate fields_here",
        key=_LEDGER, business_remote_id=_LEDGER, party_remote_id=_LEDGER, contact_remote_id=_LEDGER, party_name=_LEDGER,
        party_tax_id=_LEDGER, number=_LEDGER, allocation_no=_LEDGER, ksef_no=_LEDGER, url=_LEDGER, detail=_LEDGER,
        fields=_LEDGER, twin_key=_LEDGER,
    ),
    "payment": _words(
        "", "side status source_status currency base_currency method",
        key=_LEDGER, business_remote_id=_LEDGER, party_remote_id=_LEDGER, party_name=_LEDGER, number=_LEDGER,
        reference=_LEDGER, url=_LEDGER,
    ),
    "allocation": _words("", "", remote_id=_LEDGER, said_by=_LEDGER, document_key=_LEDGER, source_key=_LEDGER),
    "instalment": _words(),
    "business_record": _words("", "remote_id"),
    "ledger_check": _words("", "records state error differences"),
    # --- what goes out, and what was written down of it
    "outbox": _words("object_key payload idempotency_key trouble last_error remote_id", "mailbox kind state owner"),
    "delivery": _words("answer"),
    "crm_target": _words("", "kinds"),
    "crm_copy": _words("thing remote_id hash", "records version"),
    "task_copy": _words("remote_id pushed theirs", "version"),
    "event": _words("type subject data"),
    "rule": _words("", "key name asks conditions actions"),
    "rule_event": _words(),
    "rule_firing": _words("occasion reason done", "state brake"),
    "rule_letter": _words("text last_error"),
    "rule_notice": _words("text"),
    "listener": _words("", "kind types"),
    "webhook_endpoint": _words("", "name url types secrets disabled_why last_error told owner"),
    "webhook_delivery": _words("", "subject state"),
    "webhook_attempt": _words("error answer", "headers"),
    "audit": _words("subject_id detail", "actor action subject address"),
    "idempotency": _words("body", "key request_hash"),
    "reading": _words("error", "stream phase counts trouble"),
    "stream_state": _words(
        "last_error audit", "stream title records mailbox asked cursor phase owner counts trouble"
    ),
    "account": _words(
        "health_text", "name connector settings secrets region time_zone state health facts hook_token_hash old_hook_token_hash"
        " record_url"
    ),
    "replay": _words("error", "stream status mapping_hash counts owner"),
    "incident": _words("", "why"),
    "notice": _words("last_error", "kind state owner"),
    # --- ours
    "api_token": _words("", "name token_hash role scopes rate"),
    "bucket": _words("", "name"),
    "business": _words("", "name tax_id currency region time_zone"),
    "choice": _words("", "key value"),
    "embed_origin": _words("", "origin"),
    "embed_ticket": _words("party number", "token_hash origin page"),
    "endpoint": _words("", "pattern kind region dial_prefix"),
    "erasure": _words("known", "status counts error owner", left="sealed: what others still have to erase"),
    "extension": _words("", "number device"),
    "field": _words("", "of name type labels mask pattern default roles"),
    "fill_target": _words("", "of field"),
    "legal_hold": _words("", "", reason="why somebody had to be kept is the proof that it was right"),
    "mapping_version": _words("", "connector stream scope status document base sha256 note"),
    "oauth_grant": _words("", "mailbox sealed dead owner"),
    "option": _words("", "value labels parents"),
    "password_link": _words("", "token_hash"),
    "push_channel": _words("", "stream facts sealed"),
    "retention_rule": _words("", "kind error owner"),
    "slot": _words("", "schedule slot owner"),
    "source_field": _words("", "stream path types"),
    "source_look": _words("", "stream"),
    "suppression": _words("", "", mark="an HMAC that keeps who was erased from coming back; it says nothing by itself"),
    "user": _words("", "email name role language time_zone password_hash preferences"),
    "text_index": _words("", "name"),
    "user_business": _words(),
    "user_session": _words("", "token_hash address browser origin"),
}  # fmt: skip


def emptied(model: type[Base], *except_: str) -> dict[str, Any]:
    """Return what an update of a row gives to the columns that are to be emptied."""
    table: Any = model.__table__
    assert isinstance(table, Table)
    names = COLUMNS[table.name].gone.difference(except_)
    return {name: None if table.c[name].nullable else _nothing(model, name) for name in sorted(names)}


def _nothing(model: type[Base], name: str) -> Any:
    """Return nothing, as a column without NULL writes it."""
    kind = next(found[name] for one in model.__mro__ if name in (found := get_annotations(one)))
    [held] = get_args(kind)
    return getattr(held, "__origin__", held)()
