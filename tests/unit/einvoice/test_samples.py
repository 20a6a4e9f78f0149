"""The standards' own samples give their own values; they are read where they are, and not kept here."""

import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from hub.connector.einvoice.dispatch import read

WHERE = "HUB_TEST_EINVOICES"
FOLDER = Path(os.environ.get(WHERE) or Path(__file__).parents[4] / "shared/samples/einvoice")
EXPECTED: dict[str, dict[str, Any]] = (
    json.loads((FOLDER / "expected.json").read_text("utf-8")) if (FOLDER / "expected.json").is_file() else {}
)
pytestmark = pytest.mark.skipif(not EXPECTED, reason=f"{WHERE} names no folder with official e-invoices")


@pytest.mark.parametrize("name", EXPECTED or [""])
def test_a_sample_gives_its_values(name: str) -> None:
    found, wanted = read((FOLDER / name).read_bytes()), EXPECTED[name]
    said = {
        **{key: found[key] for key in ("format", "type", "number", "issue_date", "due_date", "currency")},
        "seller_tax_id": found["seller"]["tax_id"] or None, "buyer_tax_id": found["buyer"]["tax_id"] or None,
        "buyer_name": found["buyer"]["name"] or None,
    }  # fmt: skip
    sums = {"payable_total": found["payable"], "tax_total": found["tax"]}

    assert said == {key: wanted[key] for key in said}
    assert {key: Decimal(value or "NaN") for key, value in sums.items() if wanted[key]} == {
        key: Decimal(wanted[key]) for key in sums if wanted[key]
    }
    assert all(found["tax"] is None for key in ("tax_total",) if wanted[key] is None)
    assert not [one for one in found["warnings"] if "schema" in one], "the standard's own samples keep to it"


def test_every_sample_is_expected() -> None:
    there = {str(one.relative_to(FOLDER)) for one in FOLDER.rglob("*.xml")}
    assert there == set(EXPECTED)
