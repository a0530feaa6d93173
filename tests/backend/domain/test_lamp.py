"""The lamp rule: level-triggered, no storm of commands, and a reason for all of it."""

from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from plant_backend.domain.command import Action, Command, CommandState, Origin
from plant_backend.domain.lamp import LampOrder, lamp_state
from plant_backend.domain.model import LampCatchUp, LampMode, LampState, Mode, PlantSnapshot
from plant_backend.domain.reason import ReasonCode
from plant_backend.domain.rules import decide

from tests.builders import DAY, HOUR, MINUTE, NOW, SECOND, a_command, a_plant

BEGIN, END = NOW.replace(hour=6), NOW.replace(hour=20)


def lit(lamp: LampState | None = LampState("lamp"), **profile: Any) -> PlantSnapshot:  # noqa: B008 - frozen
    """Give a moist plant whose light is from 6 to 20 o'clock."""
    values = {"lamp_mode": LampMode.FIXED, "lamp_on_at": time(6), "lamp_off_at": time(20), **profile}
    return replace(a_plant(soil=60, **values), lamp=lamp)


def a_switch(action: Action = Action.ON, state: CommandState = CommandState.ACCEPTED, **fields: Any) -> Command:
    """Give a command of the rules for the lamp."""
    values = {"actuator": "lamp", "action": action, "counted_ms": 0, "accepted_at": NOW, **fields}
    if action is Action.OFF:
        values["duration_ms"] = None
    return a_command(state, **values)


def the_code(plant: PlantSnapshot, now: datetime = NOW) -> tuple[Action | None, ReasonCode]:
    decision = decide(plant, now)
    _, reason = decision.reasons
    return decision.lamp.action if decision.lamp else None, reason.code


def test_it_is_lit_until_its_end_and_the_order_carries_that_end() -> None:
    """ "On" should carry its own off-time: irrigation_unlimited #217."""
    decision = decide(lit(), NOW)
    assert decision.lamp == LampOrder("lamp", Action.ON, 8 * 3600 * 1000)
    assert decision.reasons[1].until == END
    assert decision.wake_at is not None
    assert decision.wake_at <= END


def test_after_a_reboot_the_light_is_what_the_clock_says() -> None:
    """Lights off schedule after a reboot: Mycodo #1181."""
    interrupted = a_switch(state=CommandState.INTERRUPTED, duration_ms=50_000_000, ran_ms=20_000_000, finished_at=NOW)
    assert the_code(lit(lamp_state("lamp", [interrupted], NOW))) == (Action.ON, ReasonCode.LAMP_ON)
    assert the_code(lit(lamp_state("lamp", [interrupted], NOW)), NOW.replace(hour=21)) == (None, ReasonCode.LAMP_OFF)


@pytest.mark.parametrize("mode", [Mode.OFF, Mode.SHADOW, Mode.ON])
def test_modes(mode: Mode) -> None:
    decision = decide(lit(mode=mode), NOW)
    assert (decision.lamp is None) is (mode is Mode.OFF)
    assert len(decision.reasons) == (1 if mode is Mode.OFF else 2)


@pytest.mark.parametrize("plant", [lit(None), lit(lamp_mode=LampMode.OFF)])
def test_no_lamp_or_no_schedule_no_word(plant: PlantSnapshot) -> None:
    decision = decide(plant, NOW)
    assert decision.lamp is None
    assert len(decision.reasons) == 1


def test_a_clock_that_was_never_set_switches_nothing() -> None:
    """1970 after failed NTP stops programs: OpenSprinkler-Firmware #396. Once it is right, so is the lamp."""
    assert the_code(lit(), datetime(1970, 1, 1, 12, tzinfo=UTC)) == (None, ReasonCode.CLOCK_WRONG)
    assert the_code(lit()) == (Action.ON, ReasonCode.LAMP_ON)


@pytest.mark.parametrize("state", [CommandState.QUEUED, CommandState.DELIVERED, CommandState.ACCEPTED])
def test_while_an_on_is_under_way_there_is_no_second_one(state: CommandState) -> None:
    lamp = lamp_state("lamp", [a_switch(state=state, duration_ms=3_600_000)], NOW)
    assert the_code(lit(lamp)) == (None, ReasonCode.LAMP_ON)
    assert the_code(lit(replace(lamp, is_busy=True, is_on=False))) == (None, ReasonCode.LAMP_ON)


def test_a_lamp_that_burns_past_its_end_is_switched_off_once() -> None:
    late = END + SECOND
    burns = a_switch(duration_ms=24 * 3600 * 1000)
    assert the_code(lit(lamp_state("lamp", [burns], late)), late) == (Action.OFF, ReasonCode.LAMP_OFF)
    ordered = a_switch(Action.OFF, CommandState.QUEUED)
    assert the_code(lit(lamp_state("lamp", [ordered, burns], late)), late) == (None, ReasonCode.LAMP_OFF)
    done = a_switch(Action.OFF, CommandState.SUCCEEDED, ran_ms=0)
    assert the_code(lit(lamp_state("lamp", [done, burns], late)), late) == (None, ReasonCode.LAMP_OFF)


def test_a_lamp_that_ends_by_itself_in_a_moment_is_left_to_it() -> None:
    burns = a_switch(duration_ms=8 * 3600 * 1000 + 2_000)
    assert the_code(lit(lamp_state("lamp", [burns], END)), END) == (None, ReasonCode.LAMP_OFF)


def test_a_node_that_is_away_hears_few_orders() -> None:
    """Never a storm: a day of expired orders, looked at every minute."""
    commands: list[Command] = []
    now, count = BEGIN, 0
    while now < END:
        commands = [
            replace(each, state=CommandState.EXPIRED, finished_at=each.expires_at)
            if each.state is CommandState.QUEUED and each.expires_at <= now
            else each
            for each in commands
        ]
        decision = decide(lit(lamp_state("lamp", commands[:16], now)), now)
        if decision.lamp is not None:
            count += 1
            order = a_switch(
                state=CommandState.QUEUED,
                created_at=now,
                expires_at=now + 2 * MINUTE,
                duration_ms=decision.lamp.duration_ms,
                accepted_at=None,
            )
            commands = [order, *commands]
        now += MINUTE
    assert count <= 14 * 4 + 4
    assert the_code(lit(lamp_state("lamp", commands[:16], END)), END)[0] is None


def test_a_lamp_that_fails_is_tried_again_after_a_pause() -> None:
    failed = a_switch(state=CommandState.FAILED, ran_ms=0, finished_at=NOW)
    lamp = lamp_state("lamp", [failed], NOW)
    assert (lamp.failures, lamp.is_on) == (1, False)
    assert the_code(lit(lamp)) == (None, ReasonCode.LAMP_BACKING_OFF)
    assert decide(lit(lamp), NOW).wake_at == NOW + MINUTE
    assert the_code(lit(lamp), NOW + MINUTE) == (Action.ON, ReasonCode.LAMP_ON)
    twice = lamp_state("lamp", [failed, failed, failed], NOW)
    assert the_code(lit(twice), NOW + 3 * MINUTE) == (None, ReasonCode.LAMP_BACKING_OFF)
    assert the_code(lit(twice), NOW + 4 * MINUTE) == (Action.ON, ReasonCode.LAMP_ON)


@pytest.mark.parametrize("action", list(Action))
def test_what_a_person_switched_holds_until_the_next_switch(action: Action) -> None:
    by_hand = a_switch(action, CommandState.SUCCEEDED, origin=Origin.PERSON, duration_ms=None, ran_ms=0)
    assert the_code(lit(lamp_state("lamp", [by_hand], NOW))) == (None, ReasonCode.LAMP_BY_HAND)
    tonight, tomorrow = END + SECOND, BEGIN + DAY
    evening = the_code(lit(lamp_state("lamp", [by_hand], tonight)), tonight)
    assert evening == (Action.OFF if action is Action.ON else None, ReasonCode.LAMP_OFF)
    off = replace(by_hand, action=Action.OFF, origin=Origin.RULE, created_at=tonight)
    assert the_code(lit(lamp_state("lamp", [off, by_hand], tomorrow)), tomorrow) == (Action.ON, ReasonCode.LAMP_ON)


def test_a_missed_beginning_is_lit_late_or_left_out() -> None:
    assert the_code(lit(lamp_catch_up=LampCatchUp.RUN_LATE)) == (Action.ON, ReasonCode.LAMP_ON)
    skipping = lit(lamp_catch_up=LampCatchUp.SKIP)
    assert the_code(skipping) == (None, ReasonCode.LAMP_SKIPPED)
    assert the_code(skipping, BEGIN + 9 * MINUTE) == (Action.ON, ReasonCode.LAMP_ON)
    begun = lit(LampState("lamp", asked_at=BEGIN), lamp_catch_up=LampCatchUp.SKIP)
    assert the_code(begun) == (Action.ON, ReasonCode.LAMP_ON)


def test_every_minute_of_two_days_is_as_it_should_be() -> None:
    """With a sound node: one order a day, no `off` needed, light exactly from six to eight."""
    commands: list[Command] = []
    orders = []
    now = BEGIN - HOUR
    while now < BEGIN + 2 * DAY:
        if commands and commands[0].state is CommandState.ACCEPTED:
            ran = now - commands[0].created_at
            if ran >= timedelta(milliseconds=commands[0].duration_ms or 0):
                done = replace(commands[0], state=CommandState.SUCCEEDED, ran_ms=commands[0].duration_ms)
                commands[0] = replace(done, finished_at=now)
        lamp = lamp_state("lamp", commands, now)
        decision = decide(lit(lamp), now)
        if decision.lamp is not None:
            orders.append((now, decision.lamp.action))
            order = a_switch(created_at=now, accepted_at=now, duration_ms=decision.lamp.duration_ms)
            commands.insert(0, order)
            lamp = lamp_state("lamp", commands, now)
        assert lamp.is_on is (6 <= now.hour < 20)
        now += MINUTE
    assert orders == [(BEGIN, Action.ON), (BEGIN + DAY, Action.ON)]
