"""What mappings/README.md says must be so: it is the only description of the form."""

import re
from pathlib import Path
from typing import get_args

from hub.app import load_connectors
from hub.flow import open_flow
from hub.identity.transforms import TRANSFORMS
from hub.mapping.load import FieldRule, read_toml
from hub.mapping.transforms import Registry
from hub.settings import load as load_settings

MAPPINGS = Path(__file__).parents[3] / "mappings"
README = (MAPPINGS / "README.md").read_text(encoding="utf-8")
REGISTRY = Registry(TRANSFORMS)


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def names(line: str) -> list[str]:
    return re.findall(r"`([a-z_]+)`", line.split("|")[1])


def test_the_example_is_a_mapping() -> None:
    [example, *_] = re.findall(r"```toml\n(.*?)```", README, re.DOTALL)
    assert read_toml(example, name="acme/contacts.toml", registry=REGISTRY).stream == "contacts"


def test_every_transform_is_listed_with_its_arguments() -> None:
    listed: dict[str, set[str]] = {}
    for line in section("Transforms").splitlines():
        if line.startswith("| `"):
            arguments = set(re.findall(r"`([a-z_]+)`", line.split("|")[2]))
            listed |= dict.fromkeys(names(line), arguments)
    assert listed == {transform.name: set(transform.arguments) for transform in REGISTRY}


def test_every_setting_of_a_field_is_listed_with_its_choices() -> None:
    rows = {names(line)[0]: line for line in section("A field").splitlines() if line.startswith("| `")}
    fields = {field.alias or name: field for name, field in FieldRule.model_fields.items()}
    assert set(rows) == set(fields)
    for name, field in fields.items():
        annotation = get_args(field.annotation)
        choices = [choice for part in annotation for choice in (get_args(part) or [part]) if isinstance(choice, str)]
        assert all(f"`{choice}`" in rows[name] for choice in choices), name


def test_every_shipped_mapping_can_be_read() -> None:
    settings = load_settings({})
    own = {name: one.transforms for name, one in load_connectors(settings).items() if one.transforms}
    mappings = open_flow(settings, MAPPINGS, own).mappings
    assert {connector for connector, _ in mappings} >= {"hub", "google"}
