"""Each benchmark runs in its short form, and ends with one flat JSON object. What it measures is not judged here."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.http_answers import AnswerReader
from benchmarks.workload import FOUR_CHANNELS, BatchRequests, batch_id

ROOT = Path(__file__).parents[2]

KEYS = {
    "ingest": {
        "cpu_ratio",
        "rps_ratio",
        "cpu_us",
        "rps",
        "p99_ms",
        "reference_cpu_us",
        "reference_rps",
        "floor_cpu_us",
    },
    "scale": {"cpu_ratio_2", "rps_scaling_2", "rps_scaling_4", "cpu_ratio_1", "rps_1", "rps_2", "rps_4", "bare_rps"},
    "fleet": {"p99_ms", "lost", "generator_p99_ms", "servers_cpu_us", "workers_cpu_us"},
    "wear": {"written_ratio", "written_mb_day", "reference_written_mb_day"},
    "history": {"latency_ratio", "bytes", "latency_ms", "plain_latency_ms"},
    "login_flood": {"p99_ratio", "loop_cpu_ratio", "idle_p99_ms", "flood_p99_ms", "guesses"},
    "footprint": {"rss_mb", "started_rss_mb"},
    "node": {"pss_mb", "agent_rss_mb", "supervisor_rss_mb", "cpu_s_hour", "written_mb_day", "outage_written_mb_day"},
    "control_loop": {"p50_ms", "p99_ms", "manual_p50_ms", "manual_p99_ms"},
}

MAY_BE_NONE = {"lost", "retries"}
"""What is counted in the hope of finding none."""


@pytest.mark.slow
@pytest.mark.e2e
@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", KEYS)
def test_a_benchmark_ends_with_a_flat_json_object(name: str) -> None:
    answer = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}", "--short"], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert answer.returncode == 0, answer.stdout + answer.stderr
    figures = json.loads(answer.stdout.splitlines()[-1])
    assert KEYS[name] <= figures.keys()
    assert all(isinstance(value, int | float) for value in figures.values())
    assert all(value > 0 for name, value in figures.items() if name not in MAY_BE_NONE)
    assert figures.get("lost", 0) == 0


def test_a_node_never_sends_the_same_batch_twice() -> None:
    requests = BatchRequests("token", FOUR_CHANNELS, seed=1)

    bodies = [json.loads(requests.next().partition(b"\r\n\r\n")[2]) for _ in range(20)]

    assert [body["batch_id"] for body in bodies] == [batch_id(number) for number in range(1, 21)]
    assert all(
        [reading["sensor"] for reading in body["readings"]] == ["soil", "tank", "air", "humidity"] for body in bodies
    )


def test_a_request_says_how_long_its_body_is() -> None:
    head, _, body = BatchRequests("token", FOUR_CHANNELS, seed=1).next().partition(b"\r\n\r\n")

    assert f"Content-Length: {len(body)}".encode() in head


def test_an_answer_is_complete_with_its_last_byte_and_not_before() -> None:
    answer = b"HTTP/1.1 202 Accepted\r\ncontent-length: 2\r\n\r\n{}"
    reader = AnswerReader()

    assert [reader.feed(answer[at : at + 1]) for at in range(len(answer) - 1)] == [None] * (len(answer) - 1)
    assert reader.feed(answer[-1:]) == (202, b"{}")


def test_an_answer_without_a_body_ends_with_its_head() -> None:
    reader = AnswerReader()

    assert reader.feed(b"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200") == (204, b"")
    assert reader.feed(b" OK\r\nContent-Length: 1\r\n\r\n1") == (200, b"1")
