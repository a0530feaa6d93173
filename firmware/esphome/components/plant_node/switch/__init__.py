"""Pumps and lamps."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome import pins
from esphome.components import output, switch
from esphome.const import (
    CONF_CHANNEL,
    CONF_IGNORE_STRAPPING_WARNING,
    CONF_NUMBER,
    CONF_OUTPUT,
    CONF_PIN,
    CONF_RESTORE_MODE,
    CONF_TYPE,
)
from esphome.core import CORE, CoroPriority, coroutine_with_priority

from .. import CONF_PLANT_NODE_ID, PlantNode, plant_node_ns
from ..channels import channel_key

DEPENDENCIES = ["plant_node"]
CODEOWNERS = ["@plant-automation"]

CONF_FLOW = "flow_ml_per_min"
CONF_MANUAL_RUN = "manual_run"
CONF_MAX_DAY = "max_day"
CONF_MAX_RUN = "max_run"
CONF_MIN_OFF = "min_off"

Pump = plant_node_ns.class_("Pump", switch.Switch, cg.Component)
Lamp = plant_node_ns.class_("Lamp", switch.Switch, cg.Component)

# Pins that a chip drives or reads while it boots: a pump there may run before any program does.
BOOT_PINS = {
    "esp8266": {0, 1, 2, 3, 15, 16},
    "ESP32": {0, 1, 2, 3, 5, 12, 14, 15},
    "ESP32C3": {2, 8, 9, 20, 21},
    "ESP32C6": {4, 5, 8, 9, 15, 16, 17},
    "ESP32S2": {0, 43, 44, 45, 46},
    "ESP32S3": {0, 3, 43, 44, 45, 46},
}


def _pump_pin(value):
    if CORE.is_host:
        return pins.gpio_output_pin_schema(value)
    pin = pins.internal_gpio_output_pin_schema(value)
    chip = "esp8266"
    if CORE.is_esp32:
        from esphome.components.esp32 import get_esp32_variant

        chip = get_esp32_variant()
    if pin[CONF_NUMBER] in BOOT_PINS.get(chip, ()) and not pin.get(CONF_IGNORE_STRAPPING_WARNING):
        way_out = (
            "; or, where your board has a pull-down and you have watched it boot, say 'ignore_strapping_warning: true'"
        )
        raise cv.Invalid(
            f"GPIO{pin[CONF_NUMBER]} is used while the chip boots: a pump on it may run then. Take another pin"
            + (way_out if CORE.is_esp32 else "")
        )
    return pin


def _duration(least, most):
    return cv.All(cv.positive_time_period_milliseconds, cv.Range(min=cv.TimePeriod(**least), max=cv.TimePeriod(**most)))


def _limits_agree(config):
    if config[CONF_MAX_DAY].total_milliseconds < config[CONF_MAX_RUN].total_milliseconds:
        raise cv.Invalid(
            "The pump may run for longer at once (max_run) than in a whole day (max_day)", path=[CONF_MAX_DAY]
        )
    if config[CONF_MANUAL_RUN].total_milliseconds > config[CONF_MAX_RUN].total_milliseconds:
        config[CONF_MANUAL_RUN] = config[CONF_MAX_RUN]
    return config


def _always_off(value):
    if value != "ALWAYS_OFF":
        raise cv.Invalid("A pump or lamp is always off when its node starts; leave this out")
    return cv.enum(switch.RESTORE_MODES, upper=True)(value)


_COMMON = cv.Schema(
    {
        cv.GenerateID(CONF_PLANT_NODE_ID): cv.use_id(PlantNode),
        cv.Required(CONF_CHANNEL): channel_key,
        cv.Optional(CONF_RESTORE_MODE, default="ALWAYS_OFF"): _always_off,
    }
).extend(cv.COMPONENT_SCHEMA)


def _schema(class_, **more):
    return switch.switch_schema(class_, block_inverted=True, **more).extend(_COMMON)


CONFIG_SCHEMA = cv.typed_schema(
    {
        "pump": cv.All(
            _schema(Pump, icon="mdi:water-pump").extend(
                {
                    cv.Required(CONF_PIN): _pump_pin,
                    cv.Optional(CONF_MAX_RUN, default="30s"): _duration({"milliseconds": 100}, {"hours": 1}),
                    cv.Optional(CONF_MIN_OFF, default="60s"): _duration({"milliseconds": 0}, {"days": 7}),
                    cv.Optional(CONF_MAX_DAY, default="5min"): _duration({"milliseconds": 100}, {"hours": 24}),
                    cv.Optional(CONF_MANUAL_RUN, default="10s"): _duration({"milliseconds": 100}, {"hours": 1}),
                    cv.Optional(CONF_FLOW): cv.int_range(min=1, max=1_000_000),
                }
            ),
            _limits_agree,
        ),
        "lamp": _schema(Lamp, icon="mdi:lightbulb").extend({cv.Required(CONF_OUTPUT): cv.use_id(output.BinaryOutput)}),
    },
    key=CONF_TYPE,
)


# Before safe mode's early return, which sets up no switch: an ESP32 that crashed in mid-run still drives its pin.
@coroutine_with_priority(CoroPriority.PREFERENCES)
async def to_code(config):
    is_pump = config[CONF_TYPE] == "pump"
    if is_pump:
        pin = await cg.gpio_pin_expression(config[CONF_PIN])
        cg.add(pin.digital_write(False))
        cg.add(pin.setup())
    node = await cg.get_variable(config[CONF_PLANT_NODE_ID])
    channel = config[CONF_CHANNEL]
    if is_pump:
        var = await switch.new_switch(config, node, channel, pin)
        cg.add(var.set_limits(config[CONF_MAX_RUN], config[CONF_MIN_OFF], config[CONF_MAX_DAY]))
        cg.add(var.set_manual_run(config[CONF_MANUAL_RUN]))
        if CONF_FLOW in config:
            cg.add(var.set_flow(config[CONF_FLOW]))
    else:
        var = await switch.new_switch(config, node, channel, await cg.get_variable(config[CONF_OUTPUT]))
    await cg.register_component(var, config)
    cg.add(node.add_actuator(var))
