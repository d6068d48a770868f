#!/usr/bin/env bash
# GRPO of LLaDA-8B (diffu-GRPO). Variables: common.sh
. "$(dirname "$0")/common.sh"
train grpo training/configs/grpo-llada-8b.yaml
