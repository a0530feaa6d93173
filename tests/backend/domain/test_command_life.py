"""The exact table of what an ack makes of a command."""

import itertools

import pytest
from plant_backend.domain.command import (
    AT_NODE_STATES,
    LIVE_STATES,
    NEVER_RAN_STATES,
    Ack,
    AckStatus,
    CommandState,
    apply_ack,
    counted_after,
)

from tests.builders import a_command

# "=" nothing changes, "!" conflict, "late" the outcome is kept beside the state, else the new state.
STATUSES = "accepted succeeded failed rejected expired interrupted duplicate"
TABLE = """
queued       accepted succeeded failed rejected expired interrupted timed_out
delivered    accepted succeeded failed rejected expired interrupted timed_out
accepted     =        succeeded failed rejected expired interrupted timed_out
succeeded    =        =         !      !        !       !           =
failed       =        !         =      !        !       !           =
rejected     =        !         !      =        !       !           =
interrupted  =        !         !      !        !       =           =
expired      =        late      late   late     =       late        =
cancelled    =        late      late   late     late    late        =
timed_out    =        late      late   late     late    late        =
"""
CELLS = [
    (CommandState(state), AckStatus(status), cell)
    for state, *cells in (line.split() for line in TABLE.strip().splitlines())
    for status, cell in zip(STATUSES.split(), cells, strict=True)
]


def an_ack(status: AckStatus, ran_ms: int | None = 4_000) -> Ack:
    return Ack(1, 1, status, ran_ms)


def test_the_table_has_every_state_and_every_status() -> None:
    assert {(state, status) for state, status, _ in CELLS} == set(itertools.product(CommandState, AckStatus))


@pytest.mark.parametrize(("state", "status", "cell"), CELLS)
def test_each_ack_does_exactly_what_the_table_says(state: CommandState, status: AckStatus, cell: str) -> None:
    command = a_command(state)

    outcome = apply_ack(command, an_ack(status))

    if cell == "=":
        assert (outcome.state, outcome.is_change, outcome.is_conflict) == (state, False, False)
        assert (outcome.counted_ms, outcome.late_status) == (command.counted_ms, command.late_status)
    elif cell == "!":
        assert (outcome.state, outcome.is_change, outcome.is_conflict) == (state, False, True)
        assert (outcome.counted_ms, outcome.late_status) == (command.counted_ms, command.late_status)
    elif cell == "late":
        assert (outcome.state, outcome.is_change, outcome.is_conflict) == (state, True, False)
        assert outcome.late_status is status
    else:
        assert (outcome.state, outcome.is_change, outcome.is_conflict) == (CommandState(cell), True, False)
        assert outcome.late_status is None


@pytest.mark.parametrize(("state", "status", "cell"), [cell for cell in CELLS if cell[2] == "late"])
def test_of_two_late_outcomes_the_first_stays(state: CommandState, status: AckStatus, cell: str) -> None:
    first = apply_ack(a_command(state), an_ack(status))
    known = a_command(state, late_status=first.late_status, counted_ms=first.counted_ms)

    for again in AckStatus:
        outcome = apply_ack(known, an_ack(again, ran_ms=1))
        says_nothing_new = again in (status, AckStatus.ACCEPTED, AckStatus.DUPLICATE) or again.value == state.value
        assert not outcome.is_change
        assert outcome.is_conflict is not says_nothing_new
        assert (outcome.late_status, outcome.counted_ms) == (status, first.counted_ms)


@pytest.mark.parametrize(
    ("status", "ran_ms", "counted_ms"),
    [
        (AckStatus.SUCCEEDED, 4_000, 4_000),
        (AckStatus.SUCCEEDED, None, 5_000),
        (AckStatus.FAILED, 0, 0),
        (AckStatus.FAILED, None, 5_000),
        (AckStatus.INTERRUPTED, 1_200, 1_200),
        (AckStatus.INTERRUPTED, None, 5_000),
        (AckStatus.REJECTED, 0, 0),
        (AckStatus.REJECTED, None, 0),
        (AckStatus.EXPIRED, None, 0),
    ],
)
def test_what_ran_counts_and_what_is_unknown_counts_in_full(
    status: AckStatus, ran_ms: int | None, counted_ms: int
) -> None:
    assert counted_after(5_000, status, ran_ms) == counted_ms
    assert apply_ack(a_command(), an_ack(status, ran_ms)).counted_ms == counted_ms
    assert apply_ack(a_command(CommandState.TIMED_OUT), an_ack(status, ran_ms)).counted_ms == counted_ms


def test_an_outcome_that_the_node_has_lost_counts_as_a_full_run() -> None:
    """A reboot between the pin and the flash forgets the outcome, not the water (FarmBot forum 7912)."""
    outcome = apply_ack(a_command(CommandState.ACCEPTED), an_ack(AckStatus.DUPLICATE, None))
    assert (outcome.state, outcome.counted_ms) == (CommandState.TIMED_OUT, 5_000)


def test_a_command_that_a_node_only_took_has_not_run() -> None:
    """Delivered is not done: thingsboard #7123."""
    assert apply_ack(a_command(), an_ack(AckStatus.ACCEPTED, None)).state is CommandState.ACCEPTED
    assert {CommandState.DELIVERED, CommandState.ACCEPTED} == AT_NODE_STATES


def test_every_state_is_live_or_has_one_end() -> None:
    assert LIVE_STATES | {
        CommandState.SUCCEEDED,
        CommandState.FAILED,
        CommandState.INTERRUPTED,
        CommandState.TIMED_OUT,
    } | NEVER_RAN_STATES == set(CommandState)
    assert not LIVE_STATES & NEVER_RAN_STATES
