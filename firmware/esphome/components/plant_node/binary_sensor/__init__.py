"""Whether the backend answers."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import binary_sensor
from esphome.const import DEVICE_CLASS_CONNECTIVITY, ENTITY_CATEGORY_DIAGNOSTIC

from .. import CONF_PLANT_NODE_ID, PlantNode

DEPENDENCIES = ["plant_node"]
CODEOWNERS = ["@plant-automation"]

CONFIG_SCHEMA = binary_sensor.binary_sensor_schema(
    device_class=DEVICE_CLASS_CONNECTIVITY, entity_category=ENTITY_CATEGORY_DIAGNOSTIC
).extend({cv.GenerateID(CONF_PLANT_NODE_ID): cv.use_id(PlantNode)})


async def to_code(config):
    node = await cg.get_variable(config[CONF_PLANT_NODE_ID])
    cg.add(node.set_connected_sensor(await binary_sensor.new_binary_sensor(config)))
