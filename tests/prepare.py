"""Gets what the tests need of the system, where this machine lets us: a browser, a real Asterisk, a real Odoo, a MariaDB.

`make test` runs it first. As root on Debian it installs packages; otherwise Playwright brings its own browser. What
cannot be had costs one line here, and its tests say so and are skipped.
"""

import os
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).parent.parent
ASTERISK = ROOT / "tests/e2e/asterisk/setup"
# By the program that is looked for. Since 10.11.19 Debian has a program that MariaDB's own set-up calls in another package.
PACKAGES = {
    "chromium": "chromium", "debootstrap": "debootstrap", "wget": "wget", "mariadbd": "mariadb-server-core",
    "my_print_defaults": "mariadb-client-core",
}  # fmt: skip
PATIENCE_S, TIMED_OUT = 1200, 124  # `timeout` ends debootstrap and apt with it, and says so by this code
FONTS = "fonts-noto-core"  # screenshots in Hebrew and Arabic


def say(text: str) -> None:
    print(f"prepare: {text}", flush=True)


def has(program: str) -> bool:
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin") is not None


def install_packages() -> None:
    missing = [package for program, package in PACKAGES.items() if not has(program)]
    if not missing:
        return
    if os.geteuid() != 0 or not has("apt-get"):
        say(f"not installed here: {', '.join(missing)} (root on Debian would install them)")
        return
    if not has("chromium"):
        missing.append(FONTS)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    say(f"installing {', '.join(missing)}")
    for command in (
        ["apt-get", "-q", "update"],
        ["apt-get", "-q", "install", "-y", "--no-install-recommends", *missing],
    ):
        done = subprocess.run(command, env=environment, capture_output=True, check=False)
        if done.returncode:
            say(f"{' '.join(command[:3])} failed: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}")
            return


def install_browser() -> None:
    if os.environ.get("CHROMIUM") or has("chromium"):
        return
    done = subprocess.run([sys.executable, "-m", "playwright", "install", "chromium"], capture_output=True, check=False)
    if done.returncode:
        say("no Chromium: browser tests will be skipped")


def install_asterisk() -> None:
    """Build the pair once; it is kept in var/asterisk."""
    if not ASTERISK.exists() or os.geteuid() != 0 or not has("debootstrap"):
        say("no real Asterisk (needs root and debootstrap): its tests will be skipped")
        return
    folder = os.environ.get("HUB_TEST_ASTERISK", str(ROOT / "var/asterisk"))
    if (Path(folder) / "root/usr/sbin/asterisk").exists():
        return
    say("building a pair of real Asterisk servers (once, about a minute)")
    done = subprocess.run(["timeout", f"{PATIENCE_S}", ASTERISK, folder], capture_output=True, check=False)
    if done.returncode == TIMED_OUT:
        say(f"no real Asterisk: not ready after {PATIENCE_S} s, its tests will be skipped; run this again to go on")
    elif done.returncode:
        say(f"no real Asterisk: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}")


def install_odoo() -> None:
    """Build it once; it is kept in var/odoo."""
    folder = os.environ.get("HUB_TEST_ODOO", str(ROOT / "var/odoo"))
    if all((Path(folder) / made).exists() for made in ("root", "venv/complete", "database.tar", "made.json")):
        return
    if not has("apt-get") or not has("dpkg-deb"):
        say("no real Odoo (needs Debian's apt): its tests will be skipped")
        return
    say("building a real Odoo (once, about a minute)")
    command = ["timeout", f"{PATIENCE_S}", sys.executable, "-m", "tests.e2e.odoo_build", folder]
    done = subprocess.run(command, capture_output=True, cwd=ROOT, check=False)
    if done.returncode == TIMED_OUT:
        say(f"no real Odoo: not ready after {PATIENCE_S} s, its tests will be skipped; run this again to go on")
    elif done.returncode:
        say(f"no real Odoo: {done.stderr.decode('utf-8', 'replace').strip()[-300:]}")


def read_tests() -> None:
    """In a new checkout let one process compile what all workers would compile at once; it is kept beside the files."""
    if any((ROOT / "tests/__pycache__").glob("conftest.*-pytest-*.pyc")):
        return
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": ""}
    command = [sys.executable, "-m", "pytest", "-qq", "--collect-only"]
    done = subprocess.run(command, env=environment, capture_output=True, cwd=ROOT, check=False)
    if done.returncode:
        say("the tests cannot be read; they will say why")


def main() -> None:
    with ThreadPoolExecutor() as threads:  # one waits for the network while another waits for a processor
        reading = threads.submit(read_tests)
        install_packages()
        install_browser()
        for building in [threads.submit(install_asterisk), threads.submit(install_odoo), reading]:
            building.result()


if __name__ == "__main__":
    main()
