"""A connector's folder: what must lie in it, and what it may import."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from hub.connector.simulator import Fault, Option
from tests.contract.connectors import FOLDER, NAMES, ROOT, connector, faults

pytestmark = pytest.mark.parametrize("name", NAMES)
MAY_KNOW = ("hub.connector", "hub.records", "hub.errors")
SIMULATOR_MAY_KNOW = ("hub.connector.simulator", "hub.connector.simulated")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def packaged(requirement: str) -> str:
    """The normal name of a package, without its version."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\[<>=!~; ]", requirement)[0]).lower()


def modules(folder: Path) -> dict[str, Path]:
    """Every module of a connector by its full name."""
    found = {}
    for file in folder.rglob("*.py"):
        parts = file.relative_to(FOLDER.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imported(file: Path, known: dict[str, Path]) -> Iterator[str]:
    """What a file imports, each as the name of a module."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)


def reach(start: str, known: dict[str, Path]) -> set[str]:
    """Modules of the same folder that one leads to, itself included."""
    found: set[str] = set()
    waiting = [start]
    while waiting:
        module = waiting.pop()
        if module in known and module not in found:
            found.add(module)
            waiting.extend(imported(known[module], known))
    return found


def is_below(module: str, *places: str) -> bool:
    return any(module == place or module.startswith(f"{place}.") for place in places)


def test_it_is_called_as_its_folder_and_shipped(name: str) -> None:
    shipped = tomllib.loads((ROOT / "config/default.toml").read_text("utf-8"))["hub"]["connectors"]

    assert name.isidentifier()
    assert connector(name).name == name
    assert name in shipped


def test_it_imports_only_the_contract_the_records_and_the_errors(name: str) -> None:
    known = modules(FOLDER / name)
    wrong = [
        (module, other)
        for module, file in known.items()
        for other in imported(file, known)
        if is_below(other, "hub", "connectors", "tests") and not is_below(other, *MAY_KNOW, f"connectors.{name}")
    ]

    assert not wrong


def test_its_simulator_knows_the_remote_and_nothing_of_the_connector(name: str) -> None:
    known = modules(FOLDER / name)
    package, simulator = f"connectors.{name}", f"connectors.{name}.simulator"
    mine = reach(simulator, known)
    wrong = [
        (module, other)
        for module in mine
        for other in imported(known[module], known)
        if is_below(other, "hub", "connectors") and not is_below(other, *SIMULATOR_MAY_KNOW) and other not in mine
    ]

    assert simulator in known
    assert not wrong
    assert mine.isdisjoint(reach(package, known)), "code that both use shares one misreading of the remote"


def libraries(modules: Iterable[str], known: dict[str, Path]) -> set[str]:
    """Third-party packages that these modules import."""
    others = {other.partition(".")[0] for module in modules for other in imported(known[module], known)}
    return others - sys.stdlib_module_names - {"hub", "connectors"}


def test_its_simulator_uses_no_library_that_the_connector_uses(name: str) -> None:
    """A library that both speak the remote's language with is one misreading of it, shared."""
    known = modules(FOLDER / name)
    simulator = libraries(reach(f"connectors.{name}.simulator", known), known)
    shipped = {packaged(line) for line in PROJECT["dependencies"]}

    assert simulator.isdisjoint(libraries(reach(f"connectors.{name}", known), known))
    assert not [one for one in simulator if shipped.isdisjoint(map(packaged, packages_distributions()[one]))]


def test_its_faults_are_listed_and_explained(name: str) -> None:
    listed = faults(name)
    readme = (FOLDER / name / "README.md").read_text("utf-8")

    assert listed
    assert all(isinstance(fault, Fault) and fault.text for fault in listed.values())
    assert not [fault for fault in listed if fault not in readme]
    assert f"hub simulate {name}" in readme


def test_what_its_simulator_alone_can_be_told_is_explained(name: str) -> None:
    module = import_module(f"connectors.{name}.simulator")
    options: Sequence[Option] = getattr(module, "OPTIONS", ())
    readme = (FOLDER / name / "README.md").read_text("utf-8")

    assert not [one.name for one in options if not one.text or f"--{one.name}" not in readme]
    assert not {one.name for one in options} & {"port", "faults", "calls", "help"}
    if options:
        assert module.performance({one.name: one.default for one in options}) is None, "unless told, the demo plays"


def test_its_readme_says_what_an_administrator_needs(name: str) -> None:
    text = (FOLDER / name / "README.md").read_text("utf-8")
    sections = {head.split("\n", 1)[0].strip(): head.split("\n", 1)[1].strip() for head in text.split("\n## ")[1:]}
    first = next(iter(sections))

    assert text.startswith("# ")
    assert first.split(" ", 1)[0] in {"Connect", "Prepare"}, "the first thing to read is how to connect"
    assert sections[first]
    assert sections.get("Known gaps"), "every remote has gaps; none known means nobody looked"
    assert "rights" in text.lower() or "token" in text.lower()
    assert len(text.split()) > 200


def test_its_readme_names_every_setting_without_which_nothing_works(name: str) -> None:
    text = (FOLDER / name / "README.md").read_text("utf-8").lower() + connector(name).help.lower()
    needed = [
        (key, str(field.title)) for key, field in connector(name).settings.model_fields.items() if field.is_required()
    ]

    assert not [key for key, title in needed if key.lower() not in text and title.lower() not in text]


def test_recorded_payloads_are_kept(name: str) -> None:
    folder = ROOT / "tests/fixtures" / name
    kept = [file for file in folder.rglob("*") if file.is_file() and file.name != "README.md"]

    assert kept
    assert (folder / "README.md").is_file(), "says where the payloads come from"
