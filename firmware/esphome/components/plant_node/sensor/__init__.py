"""How the node itself is: readings that wait, readings that were dropped, and its longest loop."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import sensor
from esphome.const import CONF_TYPE, ENTITY_CATEGORY_DIAGNOSTIC, STATE_CLASS_MEASUREMENT, STATE_CLASS_TOTAL_INCREASING

from .. import CONF_PLANT_NODE_ID, PlantNode

DEPENDENCIES = ["plant_node"]
CODEOWNERS = ["@plant-automation"]


def _schema(**more):
    return sensor.sensor_schema(entity_category=ENTITY_CATEGORY_DIAGNOSTIC, **more).extend(
        {cv.GenerateID(CONF_PLANT_NODE_ID): cv.use_id(PlantNode)}
    )


CONFIG_SCHEMA = cv.typed_schema(
    {
        "waiting": _schema(accuracy_decimals=0, state_class=STATE_CLASS_MEASUREMENT, icon="mdi:tray-full"),
        "dropped": _schema(accuracy_decimals=0, state_class=STATE_CLASS_TOTAL_INCREASING, icon="mdi:tray-remove"),
        "loop_time": _schema(
            unit_of_measurement="ms", accuracy_decimals=2, state_class=STATE_CLASS_MEASUREMENT, icon="mdi:timer-outline"
        ),
    },
    key=CONF_TYPE,
)


async def to_code(config):
    node = await cg.get_variable(config[CONF_PLANT_NODE_ID])
    var = await sensor.new_sensor(config)
    cg.add(getattr(node, f"set_{config[CONF_TYPE]}_sensor")(var))
