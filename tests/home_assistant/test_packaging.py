"""What Home Assistant's own checker and the store look for, from the installed package's own schemas."""

import ast
import json
import re
import string
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import hass_frontend
import homeassistant
import pytest
from awesomeversion import AwesomeVersion, AwesomeVersionStrategy
from homeassistant.components.automation.config import AUTOMATION_BLUEPRINT_SCHEMA
from homeassistant.components.blueprint.models import Blueprint
from homeassistant.components.blueprint.schemas import BLUEPRINT_SCHEMA
from homeassistant.const import Platform
from homeassistant.helpers import condition, service
from homeassistant.helpers.config_validation import string_with_no_html
from homeassistant.helpers.trigger import descriptions as trigger_descriptions
from homeassistant.util.yaml import load_yaml_dict

from custom_components.plant_automation.entity import REFUSALS

REPOSITORY = Path(__file__).resolve().parents[2]
ROOT = REPOSITORY / "custom_components" / "plant_automation"
CORE = Path(homeassistant.__file__).parent / "components"
# A module of its own since Home Assistant 2026.11.
condition_descriptions: Any = getattr(condition, "descriptions", condition)
LANGUAGES = sorted((ROOT / "translations").glob("*.json"))
BLUEPRINTS = sorted((REPOSITORY / "blueprints").glob("*/plant_automation/*.yaml"))
ALWAYS_THERE = {"automation", "homeassistant", "script", "system_health"}


def read(path: Path) -> Any:
    """Read a JSON file."""
    return json.loads(path.read_text(encoding="utf-8"))


def leaves(tree: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Give the texts of a tree with their paths."""
    if isinstance(tree, dict):
        for key, inner in tree.items():
            yield from leaves(inner, f"{path}.{key}" if path else key)
    else:
        yield path, tree


def placeholders(text: str) -> set[str]:
    """Give the names in curly brackets."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


MANIFEST = read(ROOT / "manifest.json")
ENGLISH = read(ROOT / "translations" / "en.json")
ICONS = read(ROOT / "icons.json")


def test_the_manifest_is_complete_and_in_order() -> None:
    """Domain, name, then the alphabet."""
    assert list(MANIFEST) == ["domain", "name", *sorted(set(MANIFEST) - {"domain", "name"})]
    needed = {"codeowners", "documentation", "integration_type", "iot_class", "issue_tracker", "version"}
    assert needed <= set(MANIFEST)
    assert MANIFEST["domain"] == ROOT.name
    assert not (CORE / MANIFEST["domain"]).exists()
    AwesomeVersion(MANIFEST["version"], ensure_strategy=[AwesomeVersionStrategy.SEMVER])


def test_every_part_of_home_assistant_that_is_used_is_declared() -> None:
    """Or it may be loaded too late, or not at all."""
    declared = {platform.value for platform in Platform} | ALWAYS_THERE
    declared |= {*MANIFEST.get("dependencies", ()), *MANIFEST.get("after_dependencies", ())}
    for file in ROOT.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("homeassistant.components."):
                used = (node.module or "").split(".")[2]
                assert used in declared or (ROOT / f"{used}.py").exists(), f"{file.name} uses {used}"


def test_the_client_knows_no_home_assistant() -> None:
    """It can be used alone."""
    for file in (ROOT / "api").glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level < 2:
                assert not (node.module or "").startswith("homeassistant"), file.name
            assert not (isinstance(node, ast.ImportFrom) and node.level > 1), file.name


@pytest.mark.parametrize("file", LANGUAGES, ids=lambda file: file.stem)
def test_translations_are_whole(file: Path) -> None:
    """Each language has the same keys and placeholders, and plain text."""
    english, texts = dict(leaves(ENGLISH)), dict(leaves(read(file)))
    assert set(texts) == set(english)
    for key, text in texts.items():
        string_with_no_html(text)
        assert text == text.strip(), key
        assert "[%key:" not in text, key
        assert not re.search(r"(?:https?|ftp)://|www\.", text), key
        assert not re.search(r"'\{\w+\}'", text), key
        assert placeholders(text) == placeholders(english[key]), key
        assert all(re.fullmatch(r"[a-z0-9]+(?:[_-][a-z0-9]+)*", part) for part in key.split(".")), key


def test_every_refusal_has_its_words() -> None:
    """In each language: test_translations_are_whole sees to the others."""
    told = {key.removeprefix("refused_") for key in ENGLISH["exceptions"] if key.startswith("refused_")}
    assert told == REFUSALS
    source = (REPOSITORY / "backend" / "plant_backend" / "domain" / "reason.py").read_text(encoding="utf-8")
    assert {code for code in REFUSALS - {"actuator_busy"} if f'"{code}"' not in source} == set()


def test_every_field_of_a_form_is_explained() -> None:
    """A name is not enough."""
    for flow in ("config", "options"):
        for name, step in ENGLISH[flow]["step"].items():
            assert set(step.get("data", {})) == set(step.get("data_description", {})), name


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("services", service._SERVICES_SCHEMA),
        ("triggers", trigger_descriptions._TRIGGERS_DESCRIPTION_SCHEMA),
        ("conditions", condition_descriptions._CONDITIONS_DESCRIPTION_SCHEMA),
    ],
)
def test_descriptions_hold_and_are_explained(name: str, schema: Any) -> None:
    """Actions, triggers and conditions: their schema, their words, their icons."""
    described = load_yaml_dict(str(ROOT / f"{name}.yaml"))
    schema(described)
    shown = {key: value for key, value in described.items() if not key.startswith(".")}
    assert set(shown) == set(ENGLISH[name]) == set(ICONS[name])
    for key, value in shown.items():
        texts = ENGLISH[name][key]
        assert {"name", "description"} <= set(texts), key
        fields, sections = {}, set()
        for field_name, field in (value or {}).get("fields", {}).items():
            if "fields" in field:
                sections.add(field_name)
                fields |= field["fields"]
            else:
                fields[field_name] = field
        assert set(fields) == set(texts.get("fields", {})), key
        assert sections == set(texts.get("sections", {})) == set(ICONS[name][key].get("sections", {})), key
        for field_name, field in fields.items():
            assert {"name", "description"} <= set(texts["fields"][field_name]), f"{key}.{field_name}"
            (options,) = field["selector"].values()
            if "options" in (options or {}):
                assert set(ENGLISH["selector"][options["translation_key"]]["options"]) == set(options["options"])


def test_icons_are_drawn_and_of_entities_that_exist() -> None:
    """Every icon has its name, and every name its icon."""
    drawn = {f"mdi:{icon['name']}" for icon in read(hass_frontend.where() / "static" / "mdi" / "iconList.json")}
    for path, icon in leaves(ICONS):
        assert icon in drawn, path
    for platform, entities in ENGLISH["entity"].items():
        assert set(ICONS["entity"][platform]) == set(entities), platform


def test_the_quality_scale_speaks_of_every_rule() -> None:
    """Each is done, or exempt for a reason."""
    rules = load_yaml_dict(str(ROOT / "quality_scale.yaml"))["rules"]
    assert set(rules) == set(load_yaml_dict(str(CORE / "peblar" / "quality_scale.yaml"))["rules"])
    for rule, status in rules.items():
        if isinstance(status, dict):
            assert status["status"] == "exempt", rule
            assert status["comment"], rule
        else:
            assert status == "done", rule


def test_nothing_deprecated_is_used() -> None:
    """What Home Assistant is about to take away."""
    for file in ROOT.rglob("*.py"):
        text = file.read_text(encoding="utf-8")
        for word in (
            r"\bvia_device=",
            r"add_update_listener",
            r"\basync_get_device\(",
            r"import PERCENTAGE",
            r"async_timeout",
        ):
            assert not re.search(word, text), f"{file.name}: {word}"
        if file.parent == ROOT and file.stem in {platform.value for platform in Platform}:
            assert "PARALLEL_UPDATES = " in text, file.name


@pytest.mark.parametrize("name", ["icon", "dark_icon", "logo", "dark_logo"])
def test_the_images_are_there_in_both_sizes(name: str) -> None:
    """Home Assistant shows them without asking the network."""
    for suffix, side in (("", 256), ("@2x", 512)):
        raw = (ROOT / "brand" / f"{name}{suffix}.png").read_bytes()
        assert raw[:8] == b"\x89PNG\r\n\x1a\n"
        assert (int.from_bytes(raw[16:20]), int.from_bytes(raw[20:24])) == (side, side)


def test_the_store_finds_what_it_needs() -> None:
    """No unknown key, and a name for the archive."""
    store = read(REPOSITORY / "hacs.json")
    known = {"name", "content_in_root", "country", "filename", "hacs", "hide_default_branch", "homeassistant"}
    assert set(store) <= known | {"persistent_directory", "render_readme", "zip_release"}
    assert store["name"]
    assert store["filename"].endswith(".zip")


def test_the_repository_has_one_address_everywhere() -> None:
    """The manifest's: a fork that forgets a place would send its users elsewhere."""
    owner, name = MANIFEST["documentation"].removeprefix("https://github.com/").split("/")[:2]
    assert MANIFEST["issue_tracker"] == f"https://github.com/{owner}/{name}/issues"
    assert MANIFEST["codeowners"] == [f"@{owner}"]
    for file in BLUEPRINTS:
        source = load_yaml_dict(str(file))["blueprint"]["source_url"]
        assert source == f"https://github.com/{owner}/{name}/blob/main/{file.relative_to(REPOSITORY)}"
    linked = 0
    for file in (REPOSITORY / "README.md", REPOSITORY / "docs" / "home-assistant.md"):
        for query in re.findall(r"/redirect/hacs_repository/\?([^)\s]+)", file.read_text(encoding="utf-8")):
            assert parse_qs(query) == {"owner": [owner], "repository": [name], "category": ["integration"]}
            linked += 1
    assert linked >= 2
    guide = (REPOSITORY / "docs" / "home-assistant.md").read_text(encoding="utf-8")
    imported = re.findall(r"/redirect/blueprint_import/\?([^)\s]+)", guide)
    assert sorted(parse_qs(query)["blueprint_url"][0] for query in imported) == sorted(
        load_yaml_dict(str(file))["blueprint"]["source_url"] for file in BLUEPRINTS
    )


@pytest.mark.parametrize("file", BLUEPRINTS, ids=lambda file: file.stem)
def test_blueprints_are_valid_and_come_with_the_integration(file: Path) -> None:
    """The copy that the store ships is the same."""
    domain = file.parent.parent.name
    schema = AUTOMATION_BLUEPRINT_SCHEMA if domain == "automation" else BLUEPRINT_SCHEMA
    document = load_yaml_dict(str(file))
    Blueprint(document, expected_domain=domain, path=file.name, schema=schema)
    about = document["blueprint"]
    assert about["homeassistant"]["min_version"] == "2026.10.0"
    assert about["description"]
    assert about["source_url"].endswith(f"/blueprints/{domain}/plant_automation/{file.name}")
    assert any("input" in item for item in about["input"].values()), "no section"
    for key, item in about["input"].items():
        for name, field in item.get("input", {key: item}).items():
            assert field.get("name"), name
            assert field.get("description"), name
            assert field.get("selector"), name
    assert (ROOT / "blueprints" / domain / file.name).read_text() == file.read_text()
