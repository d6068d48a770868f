#!/usr/bin/env bash
# The UPS head of LLaDA-8B; the backbone is frozen. Variables: common.sh
. "$(dirname "$0")/common.sh"
train remask-sft training/configs/remask-sft-llada-8b.yaml 1
