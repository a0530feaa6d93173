"""A node under test that is a process of this machine: its beginning, its end and its log."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

_STOP_WITHIN_S = 30.0


class ProcessNode:
    """What all kinds of nodes have in common; each adds what its pins did and what it wrote down."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._log = folder / "node.log"
        self._process: subprocess.Popen[bytes] | None = None
        folder.mkdir(parents=True, exist_ok=True)

    def command_line(self) -> Sequence[str | Path]:
        """Give what to start."""
        raise NotImplementedError

    def settings(self) -> Mapping[str, object]:
        """Give its environment, beside what is inherited."""
        raise NotImplementedError

    def start(self) -> None:
        """Switch it on."""
        assert not self.is_running
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PLANT_")}
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self.command_line(),
                env=inherited | {name: str(value) for name, value in self.settings().items()},
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    def kill(self) -> None:
        """SIGKILL: nothing is tidied up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM: it ends in good order, and soon."""
        self._end(signal.SIGTERM)

    @property
    def is_running(self) -> bool:
        """Tell whether the process lives."""
        return self._process is not None and self._process.poll() is None

    def log(self) -> str:
        """Read the log."""
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def _end(self, number: signal.Signals) -> bool:
        """End the process. False where there was none."""
        process = self._process
        if process is None or process.poll() is not None:
            return False
        process.send_signal(number)
        try:
            process.wait(_STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"The node did not end within {_STOP_WITHIN_S:g} s of {number.name}.") from None
        return True
