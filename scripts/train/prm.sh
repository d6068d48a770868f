#!/usr/bin/env bash
# A process reward model of the bundled model, from `python -m training rollouts`. Variables: common.sh
. "$(dirname "$0")/common.sh"
train prm training/configs/prm-tiny.yaml
