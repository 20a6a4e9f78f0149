"""Static files: named by their content, compressed once at start, served from memory of what is there, kept for ever.

No build step. At start every file of `static/` is copied into HUB_HOME under a name with its hash, with a `.gz` and a
`.br` beside it. Files of earlier versions stay for a month: pages that were opened before an update still ask for them.
"""

import gzip
import hashlib
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import brotli
from flask import Flask
from whitenoise import WhiteNoise

SOURCE = Path(__file__).parent / "static"
PREFIX = "/static/"
EXTENSION = "assets"  # key in Flask's `app.extensions`
TYPES = frozenset({".css", ".js", ".svg", ".woff2", ".png", ".ico"})
COMPRESSED = frozenset({".css", ".js", ".svg"})
KEEP_S = 30 * 24 * 3600
HEADERS = (
    # A worker lives under the policy of its own file, not under the page's.
    ("Content-Security-Policy", "default-src 'none'; connect-src 'self'"),
    ("X-Content-Type-Options", "nosniff"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)


@dataclass(frozen=True, slots=True)
class Assets:
    """The files of this version, under their hashed names."""

    folder: Path
    names: Mapping[str, str]  # app.css -> app.0123456789ab.css
    version: str

    def url(self, name: str) -> str:
        """Return the address of a file; a name that is not there is our own mistake, so it fails loudly."""
        try:
            return PREFIX + self.names[name]
        except KeyError:
            raise KeyError(f"static/{name} does not exist") from None


def collect(folder: Path, source: Path = SOURCE) -> Assets:
    """Write all files into a folder under hashed names. Several processes may do so at the same moment."""
    names = {}
    for name, hashed, content in _files(source):
        names[name] = hashed
        _keep(folder / hashed, content)
    _forget_old(folder, {folder / name for name in names.values()})
    return Assets(folder, names, _version(names))


def version(source: Path = SOURCE) -> str:
    """Return the version of the files; changes when any of them does."""
    return _version({name: hashed for name, hashed, _ in _files(source)})


def _files(source: Path) -> Iterator[tuple[str, str, bytes]]:
    """Yield name, name with hash, and content of every file that browsers ask for."""
    for file in sorted(source.rglob("*")):
        if file.suffix in TYPES:
            content = file.read_bytes()
            name = file.relative_to(source)
            digest = hashlib.sha256(content).hexdigest()[:12]
            yield name.as_posix(), name.with_name(f"{name.stem}.{digest}{name.suffix}").as_posix(), content


def _version(names: Mapping[str, str]) -> str:
    return hashlib.sha256("\n".join(sorted(names.values())).encode()).hexdigest()[:12]


def install(app: Flask, folder: Path) -> Assets:
    """Serve the files in front of the app, and give templates `static_url(name)` and `assets_version`."""
    assets = collect(folder)
    app.extensions[EXTENSION] = assets
    # One attribute of the app is exactly where middleware belongs.
    app.wsgi_app = WhiteNoise(  # type: ignore[method-assign]
        app.wsgi_app,
        root=str(assets.folder),
        prefix=PREFIX,
        allow_all_origins=False,
        immutable_file_test=lambda _path, _url: True,
        add_headers_function=lambda headers, _path, _url: _add_headers(headers),
    )
    app.jinja_env.globals.update(static_url=assets.url, assets_version=assets.version)
    return assets


def installed(app: Flask) -> Assets:
    """Return what `install` made."""
    return cast("Assets", app.extensions[EXTENSION])


def _add_headers(headers: Any) -> None:
    for name, value in HEADERS:
        headers[name] = value


def _keep(file: Path, content: bytes) -> None:
    """Write a file and its compressed twins; what is there whole is only marked as used.

    The name holds the content's hash and files are put in place whole, so that nothing needs to be made twice.
    """
    makers: dict[Path, Callable[[], bytes]] = {file: lambda: content}
    if file.suffix in COMPRESSED:
        makers[file.with_name(file.name + ".gz")] = lambda: gzip.compress(content, 9, mtime=0)
        makers[file.with_name(file.name + ".br")] = lambda: brotli.compress(content)
    for path, make in makers.items():
        size = path.stat().st_size if path.exists() else 0
        if size and (path != file or size == len(content)):
            os.utime(path)
        else:
            _write(path, make())


def _write(path: Path, data: bytes) -> None:
    """Put a file in place whole: nobody ever serves half of one, and a crash leaves none behind."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as new:
        new.write(data)
        new.flush()
        os.fsync(new.fileno())
    Path(new.name).chmod(0o644)
    Path(new.name).replace(path)


def _forget_old(folder: Path, current: set[Path]) -> None:
    """Remove what no page can still ask for."""
    oldest = time.time() - KEEP_S
    for file in folder.rglob("*"):
        plain = file.with_suffix("") if file.suffix in {".gz", ".br"} else file
        if file.is_file() and plain not in current and file.stat().st_mtime < oldest:
            file.unlink(missing_ok=True)
