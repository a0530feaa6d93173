"""All devices, as cards or as a table."""

import re
from collections.abc import Iterator

import pytest

from tests.backend.web.visitor import Visitor
from tests.live_backend import MANIFEST, Backend

READINGS = {"Basil": (41, 80), "Aloe": (62, 12), "Cress": (23, 55)}


@pytest.fixture(scope="module")
def gardener(backend: Backend) -> Iterator[Visitor]:
    """Give the browser of somebody with three plants, and a device that never spoke."""
    person = backend.add_person("gina")
    for name, (soil, tank) in READINGS.items():
        person.add_device(name, MANIFEST).send(soil=soil, tank=tank)
    person.add_device("Daisy", manifest=None)
    with Visitor(backend) as visitor:
        yield visitor.sign_in("gina")


def names(page: str) -> list[str]:
    """Give the devices of a table, in order."""
    return re.findall(r'<th scope="row"><a [^>]*>(\w+)</a>', page)


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        ("", ["Aloe", "Basil", "Cress", "Daisy"]),
        ("soil", ["Cress", "Basil", "Aloe", "Daisy"]),
        ("reservoir", ["Aloe", "Cress", "Basil", "Daisy"]),
        ("seen", ["Daisy", "Basil", "Aloe", "Cress"]),
        ("nonsense", ["Aloe", "Basil", "Cress", "Daisy"]),
    ],
)
def test_the_table_is_sorted_by_what_one_asks(gardener: Visitor, sort: str, order: list[str]) -> None:
    page = gardener.page("/web/devices", view="table", sort=sort)
    assert names(page) == order
    assert page.count('aria-sort="ascending"') == 1


def test_the_view_is_kept_by_the_search_its_parts_and_its_links(gardener: Visitor) -> None:
    page = gardener.page("/web/devices", view="table", sort="soil", q="basil")
    assert names(page) == ["Basil"]
    assert '<input type="hidden" name="view" value="table"><input type="hidden" name="sort" value="soil">' in page
    assert 'hx-get="/web/devices?q=basil&amp;view=table&amp;sort=soil"' in page
    assert 'href="/web/devices?q=basil&amp;view=table&amp;sort=reservoir"' in page
    assert 'href="/web/devices?q=basil&amp;sort=soil">' not in page
    part = gardener.get("/web/devices", part=True, view="table").text
    assert "<html" not in part
    assert names(part) == ["Aloe", "Basil", "Cress", "Daisy"]


def test_the_cards_have_no_table(gardener: Visitor) -> None:
    page = gardener.page("/web/devices")
    assert "<table" not in page
    assert 'href="/web/devices?view=table"' in page
