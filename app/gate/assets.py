"""The files of /static: read once, compressed once, cached by browsers for ever under the hash of their content."""

import gzip
import hashlib
import mimetypes
from dataclasses import dataclass
from pathlib import Path

from flask import Blueprint, Flask, Response, current_app, request, url_for
from werkzeug.exceptions import NotFound

from app.server import cooperative

_NAME = "ccflare_assets"
_SERVED = frozenset({".css", ".js", ".svg", ".png", ".ico", ".woff2"})
_COMPRESSED = frozenset({".css", ".js", ".svg"})
_FOREVER = "public, max-age=31536000, immutable"
_FOR_A_WHILE = "public, max-age=300"

assets = Blueprint("assets", __name__)


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is served. `packed`: its gzip form, None where that would gain nothing."""

    content: bytes
    packed: bytes | None
    version: str
    mimetype: str


class Assets:
    """All files of the folder. `is_watched`: look at the disk each time, for development."""

    def __init__(self, folder: Path, *, is_watched: bool) -> None:
        self._folder = folder
        self._is_watched = is_watched
        self._known = {} if is_watched else {name: read(folder / name) for name in self._names()}

    def get(self, name: str) -> Asset | None:
        """Return a file by its path below /static, None when there is none."""
        if self._is_watched:
            return read(self._folder / name) if name in self._names() else None
        return self._known.get(name)

    def _names(self) -> set[str]:
        return {
            path.relative_to(self._folder).as_posix()
            for path in self._folder.rglob("*")
            if path.is_file() and path.suffix in _SERVED
        }


def install(app: Flask, *, is_watched: bool) -> None:
    """Serve the application's static folder, and let templates write `asset('css/ccflare.css')`."""
    app.extensions[_NAME] = Assets(Path(app.root_path) / "static", is_watched=is_watched)
    app.register_blueprint(assets)
    app.add_template_global(address, "asset")


def read(path: Path) -> Asset:
    """Return a file from the disk."""
    content = path.read_bytes()
    packed = gzip.compress(content, 9, mtime=0) if path.suffix in _COMPRESSED else None
    return Asset(
        content,
        packed if packed is not None and len(packed) < len(content) else None,
        hashlib.sha256(content).hexdigest()[:12],
        mimetypes.guess_type(path.name)[0] or "application/octet-stream",
    )


def address(name: str) -> str:
    """Return where browsers get a file, for ever the same content. Raises LookupError for a file that is not there."""
    found = _assets().get(name)
    if found is None:
        raise LookupError(f"static/{name} does not exist")
    return url_for("assets.file", name=name, v=found.version)


@assets.get("/static/<path:name>")
@cooperative
def file(name: str) -> Response:
    """Answer with a file."""
    found = _assets().get(name)
    if found is None:
        raise NotFound
    is_packed = found.packed is not None and request.accept_encodings.quality("gzip") > 0
    body = found.packed if is_packed and found.packed is not None else found.content
    response = Response(body, mimetype=found.mimetype)
    response.headers["Cache-Control"] = _FOREVER if request.args.get("v") == found.version else _FOR_A_WHILE
    response.vary.add("Accept-Encoding")
    if is_packed:
        response.headers["Content-Encoding"] = "gzip"
    response.set_etag(f"{found.version}{'-gz' if is_packed else ''}")
    response.make_conditional(request)
    return response


def _assets() -> Assets:
    found: Assets = current_app.extensions[_NAME]
    return found
