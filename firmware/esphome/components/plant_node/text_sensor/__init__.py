"""Why a pump or lamp last ended, or did not begin."""

import esphome.codegen as cg
import esphome.config_validation as cv
from esphome.components import text_sensor
from esphome.const import ENTITY_CATEGORY_DIAGNOSTIC

from .. import CONF_PLANT_NODE_ID, PlantNode

DEPENDENCIES = ["plant_node"]
CODEOWNERS = ["@plant-automation"]

CONFIG_SCHEMA = text_sensor.text_sensor_schema(
    entity_category=ENTITY_CATEGORY_DIAGNOSTIC, icon="mdi:comment-question-outline"
).extend({cv.GenerateID(CONF_PLANT_NODE_ID): cv.use_id(PlantNode)})


async def to_code(config):
    node = await cg.get_variable(config[CONF_PLANT_NODE_ID])
    cg.add(node.set_reason_sensor(await text_sensor.new_text_sensor(config)))
