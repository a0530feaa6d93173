"""Home Assistant: from a reading to its state, and from a switch to the command at the node, beside its own loop.

Starts the backend, a simulated node and a real Home Assistant with the integration, all on loopback. Measured are the
time from the answer to a node's readings to the entity's `state_changed` event on a websocket; from `switch.turn_on`,
sent on a websocket, to the command in the node's hands; and, for comparison, Home Assistant's own way from a changed
state over an automation to another changed state. Needs `scripts/setup home-assistant`.
"""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[1]


def main() -> int:
    """Measure in the environment that has Home Assistant."""
    subprocess.run([REPOSITORY / "scripts" / "setup", "home-assistant"], check=True)
    python = REPOSITORY / ".venv-ha" / "bin" / "python"
    command = [str(python), "-m", "tests.e2e.home_assistant.measure", *sys.argv[1:]]
    return subprocess.run(command, cwd=REPOSITORY, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
