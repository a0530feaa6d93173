"""Pins for tests: what they do is written into the file PLANT_TRACE, since the host's own pins do nothing."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome import pins
from esphome.const import CONF_ID, CONF_INPUT, CONF_NUMBER, CONF_OUTPUT

trace_pin_ns = cg.esphome_ns.namespace("trace_pin")
TracePins = trace_pin_ns.class_("TracePins")
TracePin = trace_pin_ns.class_("TracePin", cg.GPIOPin)

CONF_TRACE_PIN = "trace_pin"
CONFIG_SCHEMA = cv.Schema({cv.Required(CONF_ID): cv.declare_id(TracePins)})

PIN_SCHEMA = pins.gpio_base_schema(TracePin, cv.string_strict, modes=[CONF_INPUT, CONF_OUTPUT]).extend(
    {cv.Required(CONF_TRACE_PIN): cv.use_id(TracePins)}
)


@pins.PIN_SCHEMA_REGISTRY.register(CONF_TRACE_PIN, PIN_SCHEMA)
async def pin_to_code(config):
    return cg.new_Pvariable(config[CONF_ID], config[CONF_NUMBER])


async def to_code(config):
    cg.new_Pvariable(config[CONF_ID])
