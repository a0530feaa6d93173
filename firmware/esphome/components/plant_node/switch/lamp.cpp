#include "lamp.h"

#include "esphome/components/plant_node/plant_node.h"
#include "esphome/core/log.h"

namespace esphome::plant_node {

static const char *const TAG = "plant_node";

Verdict Lamp::judge_(const Command &command) {
  if (this->node_->is_updating())
    return {0, Reason::UPDATE};
  if (command.duration_ms == 0)
    return {0, Reason::INVALID_DURATION};
  return {command.duration_ms, Reason::NONE};
}

void Lamp::dump_config() {
  LOG_SWITCH("", "Plant lamp", this);
  ESP_LOGCONFIG(TAG, "  Channel: %s", this->channel_);
}

}  // namespace esphome::plant_node
