"""Every text is there in every language."""

import re
from io import BytesIO
from pathlib import Path

import plant_backend
import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

PACKAGE = Path(plant_backend.__file__).parent
KEYWORDS = {"_": None, "mark": None, "say": None, "_n": (1, 2), "say_many": (1, 2), "says": None, "counts": (1, 2)}
METHODS = [
    ("web/**.py", "python"),
    ("wording/**.py", "python"),
    ("domain/sentences.py", "python"),
    ("web/templates/**.html", "jinja2"),
]


def used() -> set[object]:
    return {message for _, _, message, _, _ in extract_from_dir(PACKAGE, METHODS, keywords=KEYWORDS) if message}


@pytest.mark.parametrize(
    "path", sorted((PACKAGE / "wording/locale").glob("*/LC_MESSAGES/plant.po")), ids=lambda path: path.parents[1].name
)
def test_a_catalog_has_every_text_and_no_other(path: Path) -> None:
    catalog: Catalog = read_po(BytesIO(path.read_bytes()), locale=path.parents[1].name)
    known = {}
    for message in catalog:
        if message.id:
            key = tuple(message.id) if isinstance(message.id, list | tuple) else message.id
            known[key] = message
    assert used() - set(known) == set(), "run scripts/translations"
    assert set(known) - used() == set(), "run scripts/translations"
    for key, message in known.items():
        texts = [message.string] if isinstance(message.string, str) else [*message.string]
        assert all(texts), f"not translated: {key!r}"
        assert not message.fuzzy, f"fuzzy: {key!r}"
        wanted = set(re.findall(r"%\(\w+\)s", key if isinstance(key, str) else " ".join(key)))
        assert all(set(re.findall(r"%\(\w+\)s", text)) <= wanted for text in texts), f"other values: {key!r}"
