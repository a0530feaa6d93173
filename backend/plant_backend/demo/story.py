"""Tells what happens, one line each, so that a person can follow it."""

import threading
from collections.abc import Callable
from datetime import datetime
from typing import Any

from plant_backend.demo.client import Client

_HOUR_S = 3600


class Story:
    """Reads the event stream in a thread and prints it."""

    def __init__(self, client: Client, names: dict[str, str], say: Callable[[str], None]) -> None:
        self._client = client
        self._names = names
        self._say = say
        self._told_at: dict[str, datetime] = {}
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="story", daemon=True)

    def start(self) -> None:
        """Begin to tell."""
        self._thread.start()

    def end(self) -> None:
        """Say no more: the processes are about to stop."""
        self._is_over.set()

    def _run(self) -> None:
        while not self._is_over.is_set():
            try:
                for kind, data in self._client.events():
                    if self._is_over.is_set():
                        return
                    self._tell(kind, data)
            except OSError as error:
                if not self._is_over.is_set():
                    self._say(f"(the event stream broke off: {error}; connecting again)")
                    self._is_over.wait(1)

    def _tell(self, kind: str, data: dict[str, Any]) -> None:
        teller = {
            "readings": self._readings,
            "decision": self._decision,
            "command": self._command,
            "alert": self._alert,
        }.get(kind)
        if teller is not None:
            teller(data)

    def _line(self, data: dict[str, Any], at: str, text: str) -> None:
        moment = datetime.fromisoformat(at)
        self._say(f"{moment:%a %H:%M}  {self._names.get(data['device_id'], '?'):<17} {text}")

    def _readings(self, data: dict[str, Any]) -> None:
        at = datetime.fromisoformat(data["received_at"])
        told_at = self._told_at.get(data["device_id"])
        if told_at is not None and (at - told_at).total_seconds() < _HOUR_S:
            return
        self._told_at[data["device_id"]] = at
        latest = {reading["sensor"]: reading["value"] for reading in data["readings"]}
        values = ", ".join(f"{key} {value:.1f}" for key, value in latest.items())
        self._line(data, data["received_at"], values)

    def _decision(self, data: dict[str, Any]) -> None:
        decision = data["decision"]
        if decision["reasons"][0]["code"] == "pump_busy":
            return
        word = {"watered": "WATER", "would_water": "would water", "refused": "no water", "not_needed": "no need"}
        reason = decision["reasons"][0]
        self._line(data, decision["at"], f"decides: {word[decision['outcome']]}. {reason['text']}")

    def _command(self, data: dict[str, Any]) -> None:
        command = data["command"]
        name = f"{command['actuator']} (command {command['id']})"
        ran_s = (command["ran_ms"] or 0) / 1000
        text = {
            "accepted": f"{name} runs",
            "succeeded": f"{name} ran {ran_s:.1f} s",
            "failed": f"{name} FAILED: {command['reason']}",
            "rejected": f"{name} refused by the node: {command['reason']}",
            "interrupted": f"{name} broke off after {ran_s:.1f} s: {command['reason']}",
            "expired": f"{name} expired: {command['reason']}",
            "timed_out": f"{name}: {command['reason']}",
        }.get(command["state"])
        if text is not None:
            self._line(data, data["at"], text)

    def _alert(self, data: dict[str, Any]) -> None:
        alert = data["alert"]
        if alert["state"] == "open":
            self._line(data, data["at"], f"ALERT ({alert['severity']}) {alert['kind']}: {alert['message']}")
        else:
            self._line(data, data["at"], f"alert {alert['kind']} resolved by {alert['resolved_by']}")
