"""Front-end files that we ship, taken out of npm packages at fixed versions.

python hub/web/vendor/vendor.py update   npm ci, copy the few files, build icons.svg, write vendor.lock.json
python hub/web/vendor/vendor.py check    do the files still match the lock? needs neither npm nor a network
"""

# ruff: noqa: INP001 - a script beside the files that it keeps, no package
import hashlib
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
SHIPPED = HERE.parent / "static" / "vendor"
TESTS = ROOT / "tests" / "ui" / "vendor"  # not shipped
SPRITE = HERE.parent / "static" / "icons.svg"
LOCK = HERE / "vendor.lock.json"
MODULES = HERE / "node_modules"
FILES = {
    "htmx.org": (SHIPPED, ["dist/htmx.min.js", "LICENSE"]),
    "lucide-static": (SHIPPED, ["LICENSE"]),
    "axe-core": (TESTS, ["axe.min.js", "LICENSE"]),
}
ICONS = HERE / "icons.txt"  # one name a line, from lucide.dev


def update() -> None:
    """Fetch the packages of package-lock.json and copy what we use."""
    npm = shutil.which("npm")
    if npm is None:
        raise SystemExit("npm is needed to update the front-end files")
    subprocess.run([npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=HERE, check=True)  # noqa: S603 - a fixed command
    lock = {}
    for package, (folder, files) in FILES.items():
        about = json.loads((MODULES / package / "package.json").read_text("utf-8"))
        for name in files:
            target = folder / f"{package.removesuffix('.org')}-{about['version']}" / Path(name).name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(MODULES / package / name, target)
            lock[str(target.relative_to(ROOT))] = {"sha256": sha256(target), "licence": about["license"]}
    SPRITE.write_text(sprite(), "utf-8")
    lock[str(SPRITE.relative_to(ROOT))] = {"sha256": sha256(SPRITE), "licence": "ISC"}
    LOCK.write_text(json.dumps(lock, indent=1) + "\n", "utf-8")
    say(f"{len(lock)} files")


def sprite() -> str:
    """Return the icons we use as one file; size and strokes come from the class `i` of app.css."""
    symbols = []
    for name in ICONS.read_text("utf-8").split():
        text = (MODULES / "lucide-static" / "icons" / f"{name}.svg").read_text("utf-8")
        inner = re.sub(r"\s+", " ", text.partition("<svg")[2].partition(">")[2].rpartition("</svg>")[0])
        symbols.append(f'<symbol id="{name}" viewBox="0 0 24 24">{inner.replace("> <", "><").strip()}</symbol>')
    return '<svg xmlns="http://www.w3.org/2000/svg">\n' + "\n".join(symbols) + "\n</svg>\n"


def sha256(file: Path) -> str:
    """Return the hash that stands in the lock."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def check() -> list[str]:
    """Return the files that are missing or are not what the lock says."""
    lock = json.loads(LOCK.read_text("utf-8"))
    return [
        name for name, about in lock.items() if not (ROOT / name).exists() or sha256(ROOT / name) != about["sha256"]
    ]


def say(text: str) -> None:
    """Write a line for the maintainer."""
    sys.stdout.write(text + "\n")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["update"]:
            update()
        case ["check"]:
            bad = check()
            say(f"changed or missing: {', '.join(bad)}" if bad else "ok")
            sys.exit(bool(bad))
        case _:
            sys.exit(__doc__)
