"""Copies the blueprints that came with this integration into the configuration, if a person asks for it."""

from pathlib import Path

from .const import DOMAIN

SOURCE = Path(__file__).parent / "blueprints"


def install_blueprints(target: Path, source: Path = SOURCE) -> tuple[list[str], list[str]]:
    """Copy what is not there yet. Gives what was copied, and what was left alone because it is there."""
    installed: list[str] = []
    kept: list[str] = []
    for file in sorted(source.glob("*/*.yaml")):
        name = f"{file.parent.name}/{DOMAIN}/{file.name}"
        destination = target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        try:
            # "x": never over a file that somebody may have edited, whoever else copies at this moment.
            with destination.open("x", encoding="utf-8") as copy:
                copy.write(file.read_text(encoding="utf-8"))
        except FileExistsError:
            kept.append(name)
        else:
            installed.append(name)
    return installed, kept
