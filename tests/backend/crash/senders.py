"""Nodes that do nothing but send readings, never give a batch up, and remember what was promised to them."""

import itertools
import threading
import time
from dataclasses import dataclass, field

import httpx

from tests.live_backend import JSON, Node

SENSORS = tuple(f"light_{number}" for number in range(6))
MANIFEST: JSON = {
    "firmware": "sender",
    "version": "1",
    "sensors": [{"key": key, "kind": "illuminance", "unit": "lx"} for key in SENSORS],
}
_PAUSE_S = 0.03


@dataclass(slots=True)
class Sent:
    """One batch that was answered 202. Every value is in no other batch."""

    batch_id: str
    value: int
    measured_at: float
    tries: int = 0
    longest_try_s: float = 0.0
    is_duplicate: bool = False


@dataclass
class Sender:
    """Sends one reading of each sensor some times a second, from a thread of its own. Ages are in the plants' time."""

    node: Node
    name: str
    speed: int
    taken: list[Sent] = field(default_factory=list)
    surprises: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name=self.name)
        self._thread.start()

    def stop(self) -> None:
        """End after the batch that is on its way, when that is acknowledged."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    @property
    def is_at_work(self) -> bool:
        """Tell whether its thread still runs."""
        return self._thread is not None and self._thread.is_alive()

    def body(self, sent: Sent, *, value: float | None = None) -> JSON:
        """Give the batch as it is sent now: its readings are older each time."""
        age_ms = round((time.time() - sent.measured_at) * 1000 * self.speed)
        number = sent.value if value is None else value
        readings = [{"sensor": sensor, "value": number, "age_ms": max(0, age_ms)} for sensor in SENSORS]
        return {"batch_id": sent.batch_id, "boot_id": self.name, "readings": readings}

    def _run(self) -> None:
        for number in itertools.count(1):
            if self._stop.is_set():
                return
            sent = Sent(f"{self.name}-{number:08d}", number, time.time())
            while not self._try(sent):
                time.sleep(_PAUSE_S)
            self.taken.append(sent)
            # The machine has more to do than this.
            self._stop.wait(_PAUSE_S)

    def _try(self, sent: Sent) -> bool:
        began = time.monotonic()
        sent.tries += 1
        try:
            answer = self.node.request("POST", "/telemetry", json=self.body(sent), timeout=10)
        except httpx.TransportError:
            return False
        finally:
            sent.longest_try_s = max(sent.longest_try_s, time.monotonic() - began)
        if answer.status_code == 202:
            document = answer.json()
            sent.is_duplicate = document["duplicate"]
            if document["accepted"] != len(SENSORS) or (sent.is_duplicate and sent.tries == 1):
                self.surprises.append(f"{sent}: {answer.text}")
            return True
        if answer.status_code != 503:
            self.surprises.append(f"{sent}: {answer.status_code} {answer.text}")
            self._stop.set()
        return answer.status_code != 503
