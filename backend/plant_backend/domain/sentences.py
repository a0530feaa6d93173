"""All that people are told of decisions and alerts, in the words of the API. A function's name is the sentence's code.

A change of the words is a change of the API and of every catalog; the meaning of a code stays.
"""

from plant_backend.domain.sentence import (
    TEMPLATES,
    Celsius,
    CelsiusLimit,
    ChannelKind,
    Clock,
    ClockToMinute,
    Count,
    Day,
    Id,
    Milliseconds,
    Moment,
    MomentToMinute,
    MomentWithoutZone,
    NodeReason,
    Number,
    Percent,
    PercentLimit,
    Seconds,
    SecondsAlone,
    Status,
    TimeOfDay,
    Word,
    counts,
    says,
)

__all__ = ["TEMPLATES"]

# Watering: what stands in the way


@says("This device has no pump.")
def no_pump() -> None: ...


@says("Automation is off for this device.")
def automation_off() -> None: ...


@says("This device has no soil probe.")
def no_soil_probe() -> None: ...


@says("The dose is in ml, and %(pump)s does not say how much it pumps: set its flow, or the dose in ms.")
def no_flow_rate(pump: Word) -> None: ...


@says("The last doses had no effect: the pump is blocked until a person resolves the alert.")
def pump_blocked() -> None: ...


@says("The reservoir is at %(level_percent)s, the minimum is %(minimum_percent)s.")
def reservoir_low(level_percent: Percent, minimum_percent: Percent) -> None: ...


@says("The node no longer names its reservoir sensor %(channel)s: resolve the alert if it was taken away on purpose.")
def reservoir_gone(channel: Word) -> None: ...


@says("The reservoir sensor %(channel)s sends raw values: calibrate it, so that they mean something.")
def reservoir_uncalibrated(channel: Word) -> None: ...


@says("The reservoir sensor %(channel)s gives no value to trust.")
def reservoir_unknown(channel: Word) -> None: ...


@says("The node runs %(pump)s for at most %(limit_ms)s; %(asked_ms)s were asked for.")
def run_too_long(pump: Word, limit_ms: Milliseconds, asked_ms: Milliseconds) -> None: ...


@says("A command for %(pump)s is under way.")
def pump_busy(pump: Word) -> None: ...


@says("%(used_ms)s of the %(cap_ms)s allowed in 24 hours are used; %(asked_ms)s more would pass it.")
def daily_cap_reached(used_ms: Milliseconds, cap_ms: Milliseconds, asked_ms: Milliseconds) -> None: ...


@says("The node lets %(pump)s rest for %(rest_ms)s after a run, until %(ready_at)s.")
def pump_resting(pump: Word, rest_ms: Milliseconds, ready_at: Clock) -> None: ...


@says("The last run began at %(began_at)s; the next may begin at %(ready_at)s.")
def cooling_down(began_at: Clock, ready_at: Clock) -> None: ...


@says("The last dose soaks in until %(soaked_at)s.")
def soaking(soaked_at: Clock) -> None: ...


@says("The last command came to nothing a moment ago.")
def backing_off() -> None: ...


@says("Quiet hours, %(quiet_from)s to %(quiet_until)s (%(time_zone)s).")
def quiet_hours(quiet_from: TimeOfDay, quiet_until: TimeOfDay, time_zone: Word) -> None: ...


# Watering: how the soil is


@says(
    "The soil is at %(moisture_percent)s; the minimum is %(minimum_percent)s, doses go on until %(target_percent)s. "
    "Dose: %(dose_ms)s."
)
def dry(
    moisture_percent: Percent, minimum_percent: Percent, target_percent: Percent, dose_ms: Milliseconds
) -> None: ...


@says("The soil is at %(moisture_percent)s; a dose is due below %(minimum_percent)s.")
def moist(moisture_percent: Percent, minimum_percent: Percent) -> None: ...


# Watering: whether the probe may be believed


@says("%(channel)s sends raw values: calibrate it, so that they mean something.")
def probe_uncalibrated(channel: Word) -> None: ...


@says("Nothing was heard from %(channel)s yet.")
def nothing_heard(channel: Word) -> None: ...


@says("The last value of %(channel)s is from %(measured_at)s.")
def value_too_old(channel: Word, measured_at: Moment) -> None: ...


@says("%(channel)s reads %(moisture_percent)s, which no soil can have.")
def moisture_impossible(channel: Word, moisture_percent: Percent) -> None: ...


@says("%(channel)s has read exactly %(moisture_percent)s since %(since)s.")
def probe_stuck(channel: Word, moisture_percent: Percent, since: Moment) -> None: ...


@says("%(channel)s fell faster than soil dries: is it still in the soil? Resolve its alert once it is.")
def probe_dropped(channel: Word) -> None: ...


@says("The soil probes do not agree.")
def probes_disagree() -> None: ...


@says(
    "One more value of %(channel)s is needed to confirm the last: %(samples)s within %(stale_after_s)s (stale_after_s)."
)
def one_more_value(channel: Word, samples: Count, stale_after_s: Seconds) -> None: ...


@says("A node that samples less often needs more there.")
def sampling_less_often() -> None: ...


@says("It speaks about every %(interval_s)s: set stale_after_s to %(enough_s)s or more, or let it speak more often.")
def speaking_too_seldom(interval_s: Seconds, enough_s: SecondsAlone) -> None: ...


@says("The last values of %(channel)s do not agree.")
def values_disagree(channel: Word) -> None: ...


# Watering: what the doses came to


@counts(
    "%(doses)s dose did not raise the soil moisture from %(moisture_percent)s.",
    "%(doses)s doses did not raise the soil moisture from %(moisture_percent)s.",
)
def doses_without_effect(doses: Count, moisture_percent: Percent) -> None: ...


@says("The pump is blocked until a person resolves the alert.")
def blocked_until_resolved() -> None: ...


# The lamp


@says("The clock says %(today)s: it is not set. The lamp is left as it is.")
def clock_not_set(today: Day) -> None: ...


@says("A person switched the lamp; that holds until the schedule's next switch.")
def lamp_by_hand() -> None: ...


@says("A person switched the lamp; that holds until the schedule's next switch, %(switch_at)s.")
def lamp_by_hand_until(switch_at: Moment) -> None: ...


@says("No lamp light today.")
def no_light_today() -> None: ...


@says("No lamp light until %(switch_at)s.")
def no_light_until(switch_at: Moment) -> None: ...


@says("The light since %(began_at)s was not begun in time: left out until %(ends_at)s.")
def light_left_out(began_at: ClockToMinute, ends_at: ClockToMinute) -> None: ...


@says("Lamp light from %(began_at)s to %(ends_at)s.")
def lamp_light(began_at: MomentWithoutZone, ends_at: Moment) -> None: ...


@counts(
    "The lamp should be on, and the last order came to nothing; the next is given at %(retry_at)s.",
    "The lamp should be on, and the last %(orders)s orders came to nothing; the next is given at %(retry_at)s.",
)
def lamp_stays_off(orders: Count, retry_at: Clock) -> None: ...


@counts(
    "The lamp should be off, and the last order came to nothing; the next is given at %(retry_at)s.",
    "The lamp should be off, and the last %(orders)s orders came to nothing; the next is given at %(retry_at)s.",
)
def lamp_stays_on(orders: Count, retry_at: Clock) -> None: ...


# Alerts


@says("The reservoir is at %(level_percent)s: refill it. No water until then.")
def reservoir_to_refill(level_percent: Percent) -> None: ...


@says("The plant is dry and its pump has reached the daily cap.")
def dry_at_daily_cap() -> None: ...


@says("%(channel)s has not been heard since %(since)s.")
def channel_silent(channel: Word, since: Moment) -> None: ...


@says("%(channel)s reads %(value)s %(unit)s, outside %(lowest)s … %(highest)s: check the probe and its wiring.")
def value_impossible(channel: Word, value: Number, unit: Word, lowest: Number, highest: Number) -> None: ...


@says("No soil is that steady: check the probe. No water until it moves.")
def stuck_probe_waters_nothing() -> None: ...


@says(
    "%(channel)s fell by %(fell_points)s points within minutes, faster than soil dries: is it still in the soil, and "
    "connected? No water by it until a person resolves this, or it reads moist again."
)
def probe_fell(channel: Word, fell_points: Number) -> None: ...


@says("The soil probes lie %(apart_points)s points apart, or one is silent: one of them is wrong. No water until then.")
def probes_apart(apart_points: Number) -> None: ...


@says("Look for a clogged or loose hose, and resolve this once it is mended.")
def look_for_hose() -> None: ...


@says("The air is at %(temperature_c)s; the minimum is %(minimum_c)s.")
def air_too_cold(temperature_c: Celsius, minimum_c: CelsiusLimit) -> None: ...


@says("The air is at %(temperature_c)s; the maximum is %(maximum_c)s.")
def air_too_hot(temperature_c: Celsius, maximum_c: CelsiusLimit) -> None: ...


@says("The humidity of the air is at %(humidity_percent)s; the minimum is %(minimum_percent)s.")
def air_too_dry(humidity_percent: Percent, minimum_percent: PercentLimit) -> None: ...


@says("The humidity of the air is at %(humidity_percent)s; the maximum is %(maximum_percent)s.")
def air_too_humid(humidity_percent: Percent, maximum_percent: PercentLimit) -> None: ...


@says("The soil is dry, and there has been no water since %(since)s, because:")
def dry_without_water(since: MomentToMinute) -> None: ...


@says("Nobody knows whether the soil is dry, and there has been no water since %(since)s, because:")
def unknown_without_water(since: MomentToMinute) -> None: ...


@says(
    "Whatever is ordered comes to nothing: the node does not fetch its commands, refuses them or fails. The last "
    "commands say which; look at the node, and at what stands between it and the backend."
)
def orders_come_to_nothing() -> None: ...


@says("The rules failed on this device, and it is not watered: the log says why. Please report it.")
def rules_failed() -> None: ...


@says("The node no longer names %(channel)s (%(kind)s).")
def channel_gone(channel: Word, kind: ChannelKind) -> None: ...


@says("Unless it names another reservoir, nothing is watered until a person resolves this.")
def no_water_without_reservoir() -> None: ...


@says("If that is right, resolve this; else look at the node's firmware and its configuration.")
def resolve_if_right() -> None: ...


@says("The node did not run %(pump)s (command %(command)s): %(status)s, %(why)s.")
def run_failed(pump: Word, command: Id, status: Status, why: NodeReason) -> None: ...


@says("The node did not run %(pump)s (command %(command)s): %(status)s, no reason given.")
def run_failed_without_reason(pump: Word, command: Id, status: Status) -> None: ...


@says(
    "Command %(command)s for %(actuator)s: No outcome came in time: it may have run, and is counted as if it had. "
    "Look at the plant and the node."
)
def outcome_unknown(command: Id, actuator: Word) -> None: ...


@counts(
    "The node knows %(commands)s command that the backend does not, as after a restore from a backup: %(pump)s may "
    "have run, and is counted as if it had, for up to %(run_ms)s.",
    "The node knows %(commands)s commands that the backend does not, as after a restore from a backup: %(pump)s may "
    "have run, and is counted as if it had, for up to %(run_ms)s.",
)
def runs_unknown(commands: Count, pump: Word, run_ms: Milliseconds) -> None: ...


# What a simulation cannot know


@says(
    "The soil moisture is the recorded one: it holds the water that was really given, and a simulated dose adds "
    "none. After one only the cooldown, the soak and the daily cap hold the next back. With the profile that was "
    "in force this gives what happened; the more another one differs, the more the number of doses is a guess, "
    "while dry_spells still says when the soil became too dry for it."
)
def moisture_as_recorded() -> None: ...


@says(
    "A simulated dose cannot raise the recorded moisture, so doses_without_effect_max is not applied: no "
    "simulated pump is blocked for doses without effect."
)
def effect_not_watched() -> None: ...


@says(
    "Each simulated dose reaches the node at once and runs in full; it takes nothing from the reservoir, whose "
    "level is the recorded one."
)
def doses_succeed() -> None: ...


@says("What people and programs ran is kept and counts; what the rules ran is left out, and simulated instead.")
def runs_by_hand_kept() -> None: ...


@says("Where a person resolved an alert, the simulated one of its kind is resolved then.")
def alerts_resolved_as_they_were() -> None: ...


@says("A reading that came late counts as if it had come in time; one of unknown age does not count.")
def readings_in_time() -> None: ...


@says("The channels, their calibration, the pump's limits and its flow are those of now.")
def channels_as_now() -> None: ...


@says("The lamp is not simulated.")
def lamp_left_out() -> None: ...
