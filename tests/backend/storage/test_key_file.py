"""The files of the keys, where several processes begin at once."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from plant_backend.storage import key_file

AT_ONCE = 8


def test_processes_of_the_same_number_that_begin_at_once_have_one_key(tmp_path: Path) -> None:
    """As in containers, where each is process 1: they share a folder, and no name that only a process number makes."""
    begin = threading.Barrier(AT_ONCE)

    def read(folder: Path) -> bytes:
        begin.wait()
        return key_file.read(folder / "signing.key", "signing key", "nodes sign in again")

    with ThreadPoolExecutor(AT_ONCE) as threads:
        for number in range(10):
            folder = tmp_path / str(number)
            folder.mkdir()
            keys = set(threads.map(read, [folder] * AT_ONCE))
            assert len(keys) == 1
            assert [file.name for file in folder.iterdir()] == ["signing.key"]
