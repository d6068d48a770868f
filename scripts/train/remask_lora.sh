#!/usr/bin/env bash
# Adapter and UPS head of LLaDA-8B. Variables: common.sh
. "$(dirname "$0")/common.sh"
train remask-lora training/configs/remask-lora-llada-8b.yaml 2
