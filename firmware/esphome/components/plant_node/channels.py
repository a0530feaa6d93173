"""What a channel may be called and may measure, in the words of docs/protocol.md."""

import re

import esphome.config_validation as cv

# kind -> the units that the backend takes, the usual one first.
SENSOR_KINDS = {
    "soil_moisture": ("%", "V", "raw"),
    "air_temperature": ("°C",),
    "air_humidity": ("%",),
    "illuminance": ("lx",),
    "reservoir_level": ("%", "V", "raw"),
    "soil_temperature": ("°C",),
    "pressure": ("hPa",),
    "voltage": ("V",),
    "battery": ("%",),
    "signal_strength": ("dBm",),
}
RESERVOIR = "reservoir_level"
MOST_SENSORS = 32
MOST_ACTUATORS = 8

_KEY = re.compile(r"[a-z][a-z0-9_]{0,31}")


def channel_key(value):
    """A key of the protocol."""
    value = cv.string_strict(value)
    if not _KEY.fullmatch(value):
        raise cv.Invalid(
            f"'{value}' is no channel: small letters, digits and _, at most 32, a letter first, such as soil_1"
        )
    return value


def unit_of(config):
    """Give a sensor the unit of its kind, or refuse one that its kind does not have."""
    units = SENSOR_KINDS[config["kind"]]
    unit = config.setdefault("unit", units[0])
    if unit not in units:
        raise cv.Invalid(
            f"A channel of kind {config['kind']} is sent in {' or '.join(units)}, not in {unit}", path=["unit"]
        )
    return config


def all_different(keys):
    """Refuse a key that names two channels; `keys` are (key, path in the configuration)."""
    seen = {}
    for key, where in keys:
        if key in seen:
            raise cv.Invalid(f"The channel '{key}' is there twice: as {seen[key]} and as {where}")
        seen[key] = where
