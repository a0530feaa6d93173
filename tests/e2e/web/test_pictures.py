"""The pictures of the documentation can be taken anew, and are the same whenever nothing has changed."""

from datetime import timedelta
from pathlib import Path

from playwright.sync_api import Browser

from tests.e2e.web.pictures import IMAGES, LOOKS, take_all
from tests.e2e.web.still_day import END, still_day

PHONE = LOOKS[-1]


def test_a_picture_is_the_same_each_time(browser: Browser, tmp_path: Path) -> None:
    with still_day(tmp_path / "day", END - timedelta(hours=1)) as day:
        for folder in ("first", "second"):
            (tmp_path / folder).mkdir()
            take_all(browser, day, tmp_path / folder, [PHONE])
    first, second = (
        {file.name: file.read_bytes() for file in (tmp_path / name).iterdir()} for name in ("first", "second")
    )
    assert [name for name, picture in first.items() if second[name] != picture] == []
    assert set(first) == {file.name for file in IMAGES.glob(f"*-{PHONE[2]}.png")}
