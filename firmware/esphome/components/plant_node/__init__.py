"""A node of Plant Automation: sends what it measures, and guards its pumps by itself."""

import logging
from urllib.parse import urlsplit

import esphome.codegen as cg
import esphome.config_validation as cv
import esphome.final_validate as fv
from esphome import automation
from esphome.components import binary_sensor, http_request, sensor, socket
from esphome.const import (
    CONF_BINARY_SENSOR,
    CONF_CHANNEL,
    CONF_DEVICE_ID,
    CONF_ID,
    CONF_SENSOR,
    CONF_SENSORS,
    CONF_URL,
)
from esphome.core import CORE, CoroPriority, coroutine_with_priority

from .channels import MOST_ACTUATORS, MOST_SENSORS, RESERVOIR, SENSOR_KINDS, all_different, channel_key, unit_of

CODEOWNERS = ["@plant-automation"]
DEPENDENCIES = ["network"]
AUTO_LOAD = ["socket", "sensor", "switch", "output"]

_LOGGER = logging.getLogger(__name__)

VERSION = "0.1.0"

CONF_BUFFER = "buffer"
CONF_DEVICE_SECRET = "device_secret"
CONF_EMPTY_AT = "empty_at"
CONF_HTTP_REQUEST_ID = "http_request_id"
CONF_KIND = "kind"
CONF_LINK_TIMEOUT = "link_timeout"
CONF_ON_SENT = "on_sent"
CONF_PLANT_NODE_ID = "plant_node_id"
CONF_POLL_INTERVAL = "poll_interval"
CONF_SEND_INTERVAL = "send_interval"
CONF_SENT_FROM = "sent_from"
CONF_STALE_AFTER = "stale_after"
CONF_UNIT = "unit"

plant_node_ns = cg.esphome_ns.namespace("plant_node")
PlantNode = plant_node_ns.class_("PlantNode", cg.Component)

BATCH = 16
MOST_ACKS = 8
# The largest answers: eight commands; two tokens; the beginning of a problem document.
ANSWER_BYTES = 2048


def _url(value):
    value = cv.string_strict(value)
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError as error:
        raise cv.Invalid(f"'{value}' is no address of a backend: {error}") from error
    # What urlsplit leaves out or takes as it is would break the request's first line.
    is_plain = value.isascii() and value.isprintable() and " " not in value
    if parts.scheme not in ("http", "https") or not parts.hostname or not is_plain:
        raise cv.Invalid(
            f"'{value}' is no address of a backend; give http://… or https://…, such as http://192.168.1.10:8000"
        )
    if parts.username is not None or parts.query or parts.fragment:
        raise cv.Invalid("The address holds a user, a query or a fragment; give no more than http://HOST:PORT/PATH")
    if ":" in parts.hostname:
        raise cv.Invalid("IPv6 addresses are not supported; give an IPv4 address or a name")
    if len(parts.hostname) > 100 or len(parts.path) > 100 or port == 0:
        raise cv.Invalid("The address is too long, or its port is 0")
    return parts.scheme + value[len(parts.scheme) :].rstrip("/")


def _one_line(value):
    value = cv.string_strict(value)
    if not value or len(value) > 100 or not value.isascii() or not value.isprintable():
        raise cv.Invalid("Give what the dashboard showed when you added the device: one line, letters and digits")
    return value


def _channel_source(config):
    if (CONF_SENSOR in config) == (CONF_BINARY_SENSOR in config):
        raise cv.Invalid(f"A channel takes its values from one '{CONF_SENSOR}:' or one '{CONF_BINARY_SENSOR}:'")
    if CONF_BINARY_SENSOR in config and (config[CONF_KIND] != RESERVOIR or config[CONF_UNIT] != "%"):
        raise cv.Invalid(f"A binary sensor can only be a channel of kind {RESERVOIR}: on means that there is water")
    if CONF_SENT_FROM in config and CONF_SENSOR not in config:
        raise cv.Invalid("Only a sensor can have a calmer copy of itself", path=[CONF_SENT_FROM])
    guards = config[CONF_KIND] == RESERVOIR and config[CONF_UNIT] == "%"
    for word in (CONF_EMPTY_AT, CONF_STALE_AFTER):
        if word in config and not guards:
            raise cv.Invalid(f"Only a {RESERVOIR} in % can be empty or stale", path=[word])
    if guards:
        config.setdefault(CONF_EMPTY_AT, 0.05)
        config.setdefault(CONF_STALE_AFTER, cv.positive_time_period_milliseconds("5min"))
    return config


CHANNEL_SCHEMA = cv.All(
    cv.Schema(
        {
            cv.Optional(CONF_SENSOR): cv.use_id(sensor.Sensor),
            cv.Optional(CONF_BINARY_SENSOR): cv.use_id(binary_sensor.BinarySensor),
            cv.Optional(CONF_SENT_FROM): cv.use_id(sensor.Sensor),
            cv.Required(CONF_CHANNEL): channel_key,
            cv.Required(CONF_KIND): cv.one_of(*SENSOR_KINDS, lower=True),
            cv.Optional(CONF_UNIT): cv.string_strict,
            cv.Optional(CONF_EMPTY_AT): cv.percentage,
            cv.Optional(CONF_STALE_AFTER): cv.All(
                cv.positive_time_period_milliseconds, cv.Range(max=cv.TimePeriod(hours=24))
            ),
        }
    ),
    unit_of,
    _channel_source,
)


def _needs_http_request(config):
    is_https = config[CONF_URL].startswith("https://")
    if is_https and CONF_HTTP_REQUEST_ID not in config:
        raise cv.Invalid("https:// needs an 'http_request:' block beside 'plant_node:'", path=[CONF_URL])
    if CONF_POLL_INTERVAL in config and not is_https:
        raise cv.Invalid("On http:// commands come at once; only https:// needs this", path=[CONF_POLL_INTERVAL])
    return config


CONFIG_SCHEMA = cv.All(
    cv.Schema(
        {
            cv.GenerateID(): cv.declare_id(PlantNode),
            cv.Required(CONF_URL): _url,
            cv.OnlyWith(CONF_HTTP_REQUEST_ID, "http_request"): cv.use_id(http_request.HttpRequestComponent),
            cv.Required(CONF_DEVICE_ID): _one_line,
            cv.Required(CONF_DEVICE_SECRET): cv.sensitive(_one_line),
            cv.Optional(CONF_SEND_INTERVAL, default="10s"): cv.All(
                cv.positive_time_period_milliseconds,
                cv.Range(min=cv.TimePeriod(milliseconds=100), max=cv.TimePeriod(hours=24)),
            ),
            cv.Optional(CONF_LINK_TIMEOUT, default="2min"): cv.All(
                cv.positive_time_period_milliseconds,
                cv.Range(min=cv.TimePeriod(seconds=2), max=cv.TimePeriod(hours=1)),
            ),
            cv.Optional(CONF_POLL_INTERVAL): cv.All(
                cv.positive_time_period_milliseconds,
                cv.Range(min=cv.TimePeriod(seconds=1), max=cv.TimePeriod(minutes=10)),
            ),
            cv.SplitDefault(CONF_BUFFER, esp8266=256, esp32=2048, host=4096): cv.int_range(min=BATCH, max=16384),
            cv.Optional(CONF_SENSORS, default=[]): cv.All(
                cv.ensure_list(CHANNEL_SCHEMA), cv.Length(max=MOST_SENSORS, msg=f"At most {MOST_SENSORS} channels")
            ),
            cv.Optional(CONF_ON_SENT): automation.validate_automation({}),
        }
    ).extend(cv.COMPONENT_SCHEMA),
    cv.only_on(["esp32", "esp8266", "host"]),
    _needs_http_request,
    socket.consume_sockets(2, "plant_node"),
)


def _switches(full):
    return [each for each in full.get("switch", []) if each.get("platform") == "plant_node"]


def _final_validate(config):
    full = fv.full_config.get()
    keys = [(each[CONF_CHANNEL], f"a sensor of kind {each[CONF_KIND]}") for each in config[CONF_SENSORS]]
    keys += [(each[CONF_CHANNEL], f"a {each['type']}") for each in _switches(full)]
    all_different(keys)
    actuators = _switches(full)
    most = 3 if CORE.is_esp8266 else MOST_ACTUATORS
    if len(actuators) > most:
        raise cv.Invalid(f"At most {most} pumps and lamps on this chip")
    if actuators and CORE.is_esp8266 and not full.get("esp8266", {}).get("restore_from_flash"):
        raise cv.Invalid("A pump's past runs must survive a power cut: add 'restore_from_flash: true' to 'esp8266:'")
    if actuators and "deep_sleep" in full:
        raise cv.Invalid("A node that sleeps watches no pump and no lamp: give them to a node that is always on")
    if any(each["type"] == "pump" for each in actuators):
        for each in config[CONF_SENSORS]:
            if each[CONF_KIND] == RESERVOIR and CONF_EMPTY_AT not in each:
                _LOGGER.warning(
                    "The reservoir '%s' is sent in %s: this node's pumps do not look at it, only the backend does. "
                    "In %% it would stop them by itself",
                    each[CONF_CHANNEL],
                    each[CONF_UNIT],
                )
    if not config[CONF_URL].startswith("https://"):
        return config
    timeout = full["http_request"].get("timeout")
    # The name, the connection, TLS, the head and twice for the body; and then another one.
    if timeout is not None and timeout.total_milliseconds * 12 > config[CONF_LINK_TIMEOUT].total_milliseconds:
        raise cv.Invalid(
            "A request may take six times its own timeout, and two of them longer than the link's: make 'timeout:' of "
            "'http_request:' smaller, or 'link_timeout:' larger"
        )
    return config


FINAL_VALIDATE_SCHEMA = _final_validate


def _body_bytes(config):
    """The largest body that this node sends; each part is at its largest."""
    sensors, actuators = config[CONF_SENSORS], _switches(CORE.config)
    longest = max([len(each[CONF_CHANNEL]) for each in sensors], default=0)
    manifest = 400 + 80 * len(sensors) + 200 * len(actuators)
    manifest += sum(len(each[CONF_CHANNEL]) for each in [*sensors, *actuators])
    readings = 150 + BATCH * (70 + longest)
    acks = 20 + MOST_ACKS * 150
    return max(manifest, readings, acks)


@coroutine_with_priority(CoroPriority.WEB)
async def to_code(config):
    socket.require_ipv4_resolve()
    var = cg.new_Pvariable(config[CONF_ID])
    await cg.register_component(var, config)
    cg.add_define("PLANT_NODE_BUFFER", config[CONF_BUFFER])
    cg.add_define("PLANT_NODE_SENSORS", max(1, len(config[CONF_SENSORS])))
    cg.add_define("PLANT_NODE_ACTUATORS", max(1, len(_switches(CORE.config))))

    url, parts = config[CONF_URL], urlsplit(config[CONF_URL])
    body = _body_bytes(config)
    if parts.scheme == "https":
        cg.add_define("USE_PLANT_NODE_HTTP_REQUEST")
        kind = "HttpRequestExchange"
        where = [await cg.get_variable(config[CONF_HTTP_REQUEST_ID]), cg.safe_exp(url)]
    else:
        kind = "SocketExchange"
        agent = f"plant-node/{VERSION}"
        where = [cg.safe_exp(each) for each in (parts.hostname, parts.port or 80, parts.path, agent)]
    arguments = ", ".join(map(str, where))
    api = cg.RawExpression(f"new plant_node::{kind}<{body}, {ANSWER_BYTES}>({arguments})")
    poll = cg.RawExpression(f"new plant_node::{kind}<0, {ANSWER_BYTES}>({arguments})")
    cg.add(var.set_exchanges(api, poll))
    cg.add(var.set_credentials(config[CONF_DEVICE_ID], config[CONF_DEVICE_SECRET]))
    cg.add(var.set_version(VERSION))
    cg.add(var.set_send_interval(config[CONF_SEND_INTERVAL]))
    cg.add(var.set_link_timeout(config[CONF_LINK_TIMEOUT]))
    if CONF_POLL_INTERVAL in config:
        cg.add(var.set_poll_interval(config[CONF_POLL_INTERVAL]))
    for each in config[CONF_SENSORS]:
        key, kind = each[CONF_CHANNEL], each[CONF_KIND]
        if CONF_SENSOR in each:
            measured = await cg.get_variable(each[CONF_SENSOR])
            sent_from = await cg.get_variable(each.get(CONF_SENT_FROM, each[CONF_SENSOR]))
            cg.add(var.add_sensor(measured, sent_from, key, kind, each[CONF_UNIT]))
        else:
            cg.add(var.add_contact(await cg.get_variable(each[CONF_BINARY_SENSOR]), key, kind))
        if CONF_EMPTY_AT in each:
            cg.add(var.set_reservoir(key, each[CONF_EMPTY_AT] * 100, each[CONF_STALE_AFTER]))
    await automation.build_callback_automations(
        var, config, (automation.CallbackAutomation(CONF_ON_SENT, "add_on_sent_callback"),)
    )
    if "ota" in CORE.config:
        from esphome.components import ota

        ota.request_ota_state_listeners()
