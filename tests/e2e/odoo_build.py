"""Builds what the tests of Odoo need, once: `python -m tests.e2e.odoo_build [FOLDER]` (default var/odoo).

Odoo 19 Community out of Debian's package, unpacked and not installed, under this Python with its packages from PyPI; and
a database with accounting, sales and purchases for two companies, kept as a file that each run of the tests unpacks.
Nothing is installed into the system. Run again, it does only what is missing.

Debian's package as a whole wants Debian's own Python, of which Odoo 19 says it is too new; hence unpacked.
"""

import json
import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.e2e.odoo_peer import FOLDER, LIBRARY, PROGRAM, Files
from tests.fakes.servers import Postgres

HERE = Path(__file__).parent / "odoo"
ARCHIVES = (Path("/etc/apt/sources.list.d"), Path("/etc/apt/sources.list"))
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
PACKAGE = "odoo-19"
MODULES = "account,sale_stock,purchase,base_automation"


def say(text: str, began: float) -> None:
    print(f"odoo: {text} at {time.monotonic() - began:.0f} s", flush=True)


def run(*command: object, **how: object) -> str:
    """Run a program. Raises SystemExit with its last words: it failed."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False, **how)  # type: ignore[call-overload]  # `cwd` and `input`
    if done.returncode:
        raise SystemExit(f"{Path(str(command[0])).name} failed: {(done.stderr or done.stdout).strip()[-400:]}")
    return str(done.stdout)


# --- the program ----------------------------------------------------------------------------------------------------------


def archive() -> str:
    """Return the address of the Debian archive that this system uses, or ODOO_ARCHIVE."""
    if given := os.environ.get("ODOO_ARCHIVE"):
        return given
    files = [file for place in ARCHIVES for file in (sorted(place.glob("*")) if place.is_dir() else [place])]
    words = [word for file in files if file.is_file() for word in file.read_text().split()]
    found = [word for word in words if word.startswith("http") and "security" not in word and "snapshot" not in word]
    if not found:
        raise SystemExit("no Debian archive in the system's apt sources; set ODOO_ARCHIVE")
    return found[0]


def unpack(folder: Path) -> None:
    """Fetch the package through lists of its own, signed by Debian's keys, and unpack it."""
    if (folder / PROGRAM).exists():
        return
    work = folder / "apt"
    shutil.rmtree(work, ignore_errors=True)
    (work / "lists/partial").mkdir(parents=True)
    (work / "cache/archives/partial").mkdir(parents=True)
    (work / "list").write_text(f"deb [signed-by={KEYRING}] {archive()} sid main\n")
    options = [
        f"Dir::Etc::sourcelist={work / 'list'}", "Dir::Etc::sourceparts=-", f"Dir::State::lists={work / 'lists'}",
        f"Dir::Cache={work / 'cache'}", "Acquire::Languages=none", "Acquire::IndexTargets::deb::Contents-deb::DefaultEnabled=false",
    ]  # fmt: skip
    if os.geteuid() == 0:
        options.append("APT::Sandbox::User=root")
    apt = ["apt-get", "-q", *(part for one in options for part in ("-o", one))]
    try:
        run(*apt, "update")
    except SystemExit as error:
        if "expired" not in str(error):
            raise
        # A mirror that lags behind has lists that are signed and too old: good enough for a test.
        apt += ["-o", "Acquire::Check-Valid-Until=false"]
        run(*apt, "update")
    run(*apt, "download", PACKAGE, cwd=work)
    [package] = work.glob(f"{PACKAGE}_*.deb")
    shutil.rmtree(folder / "root.new", ignore_errors=True)
    run("dpkg-deb", "-x", package, folder / "root.new")
    shutil.rmtree(work)
    shutil.rmtree(folder / "root", ignore_errors=True)
    (folder / "root.new").rename(folder / "root")


def environment(folder: Path) -> None:
    """Make a Python environment beside it."""
    done = folder / "venv/complete"
    if done.exists():
        return
    shutil.rmtree(folder / "venv", ignore_errors=True)
    run(sys.executable, "-m", "venv", folder / "venv")
    python = folder / "venv/bin/python"
    run(python, "-m", "pip", "-q", "--disable-pip-version-check", "install", "--no-compile", "--require-hashes", "--no-deps",
        "-r", HERE / "requirements.lock")  # fmt: skip
    place = run(python, "-c", "import site; print(site.getsitepackages()[0])").strip()
    (Path(place) / "odoo.pth").write_text(f"{folder / LIBRARY}\n")
    done.touch()


# --- the database ---------------------------------------------------------------------------------------------------------


def template(folder: Path) -> None:
    """Make the database that every run begins with: modules, two companies, users with keys."""
    if (folder / "made.json").exists() and (folder / "database.tar").exists():
        return
    files = Files(folder, folder / "making")
    shutil.rmtree(files.home, ignore_errors=True)
    files.home.mkdir()
    server = Postgres()
    try:
        config = files.configure(server.port, http=0, database=server.database().rpartition("/")[2])
        odoo = (files.python, files.program)
        run(*odoo, "-c", config, "-i", MODULES, "--without-demo", "--skip-auto-install", "--no-http",
            "--stop-after-init", cwd=files.home)  # fmt: skip
        told = run(*odoo, "shell", "-c", config, "--no-http", "--log-level=critical",
                   cwd=files.home, input=(HERE / "furnish.py").read_text())  # fmt: skip
        made = json.loads(told.rpartition("MADE=")[2].splitlines()[0])
        server.stop()
        run("tar", "-cf", folder / "database.new", "-C", server.data, ".")
        shutil.rmtree(folder / "filestore", ignore_errors=True)
        if files.filestore.exists():
            shutil.copytree(files.filestore, folder / "filestore")
        (folder / "database.new").rename(folder / "database.tar")
        (folder / "made.json").write_text(json.dumps({**made, "database": files.database}))
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)
        shutil.rmtree(files.home, ignore_errors=True)


def main() -> None:
    began = time.monotonic()
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else FOLDER).absolute()
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor() as threads:  # one waits for the network, the other for a processor
        for one in [threads.submit(unpack, folder), threads.submit(environment, folder)]:
            one.result()
    say("program ready", began)
    template(folder)
    say("database ready", began)


if __name__ == "__main__":
    main()
