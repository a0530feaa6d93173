#pragma once
#include "esphome/components/output/binary_output.h"
#include "esphome/components/plant_node/actuator.h"

namespace esphome::plant_node {

/// A lamp on any output. It may be told to stay on, until it is told otherwise or the link is lost.
class Lamp final : public Actuator {
 public:
  Lamp(PlantNode *node, const char *channel, output::BinaryOutput *output) : Actuator(node, channel), output_(output) {}

  const char *kind() const override { return "lamp"; }
  void dump_config() override;

 protected:
  void setup_output_() override { output_->turn_off(); }
  void drive_(bool is_on) override { output_->set_state(is_on); }
  Verdict judge_(const Command &command) override;

  output::BinaryOutput *output_;
};

}  // namespace esphome::plant_node
