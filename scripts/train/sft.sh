#!/usr/bin/env bash
# SFT of LLaDA-8B. Variables: common.sh
. "$(dirname "$0")/common.sh"
train sft training/configs/sft-llada-8b.yaml
