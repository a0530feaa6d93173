"""Files for browsers, under names that change with their content, so that they may be kept for a year."""

import gzip
import hashlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).with_name("static")

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".png": "image/png",
    ".webmanifest": "application/manifest+json",
}
_PACKED = frozenset({".js", ".css", ".svg", ".webmanifest"})


@dataclass(frozen=True, slots=True)
class Asset:
    """One file as it is sent."""

    body: bytes
    packed: bytes | None
    media_type: str
    tag: str


class Assets:
    """The files in `static`, read once. Modules and style sheets name each other: those names get tags too."""

    def __init__(self, folder: Path = FOLDER) -> None:
        """Read all files and work out their names. Raises FileNotFoundError where the libraries were not built in."""
        paths = [path for path in folder.rglob("*") if path.suffix in _TYPES]
        names = {str(PurePosixPath(path.relative_to(folder))): path for path in paths}
        if "vendor/htmx.js" not in names:
            raise FileNotFoundError(f"{folder / 'vendor'} is missing: run scripts/setup, or install the package anew.")
        raw = {name: path.read_bytes() for name, path in names.items()}
        # One tag for all: modules import each other, and a chain of hashes would have to follow their imports.
        self.tag = hashlib.sha256(b"".join(name.encode() + raw[name] for name in sorted(raw))).hexdigest()[:10]
        self._assets = {name: self._asset(name, body) for name, body in raw.items()}

    def _asset(self, name: str, body: bytes) -> Asset:
        suffix = PurePosixPath(name).suffix
        packed = gzip.compress(body, 9, mtime=0) if suffix in _PACKED else None
        return Asset(body, packed, _TYPES[suffix], self.tag)

    def path(self, name: str) -> str:
        """Give the path of a file below the site's root. Raises KeyError."""
        if name not in self._assets:
            raise KeyError(name)
        return f"/web/static/{self.tag}/{name}"

    async def serve(self, request: Request) -> Response:
        """Send a file."""
        asset = self._assets.get(request.path_params["name"])
        if asset is None:
            return Response(status_code=404)
        # Under an old name the new file is fine, but not for a year.
        is_exact = request.path_params["tag"] == self.tag
        headers = {
            "cache-control": "public, max-age=31536000, immutable" if is_exact else "no-cache",
            "vary": "accept-encoding",
        }
        body = asset.body
        if asset.packed is not None and takes_gzip(request):
            body = asset.packed
            headers["content-encoding"] = "gzip"
        return Response(body, media_type=asset.media_type, headers=headers)


def takes_gzip(request: Request) -> bool:
    """Tell whether the browser unpacks."""
    return "gzip" in request.headers.get("accept-encoding", "")
