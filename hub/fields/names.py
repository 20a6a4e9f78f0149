"""Names of fields: which can be, which the hub itself uses, and one made of a label. Pure."""

import re
import unicodedata
from collections.abc import Container, Mapping
from types import MappingProxyType

from hub.errors import UserError
from hub.fields.models import Of

LONGEST = 40
_NAME = re.compile(r"[a-z][a-z0-9_]{0,39}")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What every record has, in the database, the API and files.
_EVERYWHERE = _words("""
    id public_id remote_id account account_id stream source kind type status state version field fields owner owner_id
    party party_id business business_id made_by created_at updated_at changed_at received_at gone_at value label
""")
_PARTY = _words("""
    name given family company job_title emails phones addresses urls tax_id tax_country birthday notes photo photo_url
    groups previous collected rule email phone address url company_id identifiers merged_into blocked blocked_reason
    credit_limit credit_currency payment_terms payment_terms_days first_contact last_contact next_task balance
""")
# What mappings make of each kind of record (PartyFields, LeadFields, CallFields, DocumentFields; a test compares), and
# what pages and the API say of it besides.
RESERVED: Mapping[Of, frozenset[str]] = MappingProxyType(
    {
        Of.PERSON: _EVERYWHERE | _PARTY,
        Of.COMPANY: _EVERYWHERE | _PARTY,
        Of.LEAD: _EVERYWHERE
        | _words("""
            language is_test is_organic platform form_id form_name campaign_id campaign_name adset_id adset_name ad_id
            ad_name page_url referrer utm click_ids answers consents name email phone stage rule assigned_at
            contacted_at reached_at closed_at needs_mapping
        """),
        Of.CALL: _EVERYWHERE
        | _words("""
            direction started_at ended_at ringing_at answered_at outcome reason did queue extensions talk_s number name
            call caller caller_name callee withheld trunk legs recordings disposition note summary users
        """),
        Of.DOCUMENT: _EVERYWHERE
        | _words("""
            contact party_name party_tax_id party_country party_email party_phone side source_status number series
            issue_date due_date service_date currency net tax gross balance signed balance_source base_currency fx_rate
            gross_base balance_base terms_text terms_days instalments references allocations allocation_no ksef_no
            language url has_pdf seller_tax_id paid_at_issue lines_count first_lines warnings
            seller_name seller_country seller_email seller_phone buyer_name buyer_tax_id buyer_country buyer_email
            buyer_phone key overdue days_overdue twin
        """),
    }
)


def check(of: Of, name: str) -> None:
    """Refuse a name that cannot be.

    Raises:
        UserError: it has other signs than small English letters, digits and `_`, or the hub uses it itself.
    """
    if not _NAME.fullmatch(name):
        raise UserError(
            f"A name has small English letters, digits and _, begins with a letter and has at most {LONGEST} characters.",
            error_id="field_name",
            field="name",
        )
    if name in RESERVED[of]:
        raise UserError("The hub itself uses this name.", error_id="field_reserved", field="name")


def suggested(of: Of, label: str, taken: Container[str]) -> str:
    """Return a free name for a field that is called so; of a label without English letters, `field` with a number."""
    word = slug(label)
    word = f"field_{word}" if word and not word[0].isalpha() else word or "field"
    candidates = [word[:LONGEST]] if word != "field" else []
    candidates += [f"{word[: LONGEST - 5]}_{number}" for number in range(2 if candidates else 1, 1000)]
    return next(one for one in candidates if one not in taken and one not in RESERVED[of])


def slug(label: str) -> str:
    """Return the English letters and digits of a label, joined by `_`."""
    plain = "".join(c for c in unicodedata.normalize("NFKD", label.casefold()) if c.isascii())
    return "_".join(re.findall(r"[a-z0-9]+", plain))
