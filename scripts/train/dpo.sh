#!/usr/bin/env bash
# DPO of LLaDA-8B (VRPO). Variables: common.sh
. "$(dirname "$0")/common.sh"
train dpo training/configs/dpo-llada-8b.yaml
