"""`.env.example` says what `settings.py` does."""

import re
from pathlib import Path

from plant_backend.settings import Settings

_FILE = Path(__file__).parents[2] / ".env.example"


def test_the_example_lists_every_setting_with_its_default() -> None:
    listed = dict(re.findall(r"^(PLANT_\w+)=(.*)$", _FILE.read_text(), re.MULTILINE))
    assert listed.keys() == {f"PLANT_{name.upper()}" for name in Settings.model_fields}
    example = Settings(_env_file=_FILE)
    assert example == Settings(_env_file=None)
