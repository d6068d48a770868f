#!/usr/bin/env bash
# Pretraining of LLaDA-8B in a longer context. Variables: common.sh
. "$(dirname "$0")/common.sh"
train pretrain training/configs/pretrain-llada-8b.yaml
