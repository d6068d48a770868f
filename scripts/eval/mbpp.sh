#!/usr/bin/env bash
# MBPP, written programs; LLaDA-8B-Base: 40.0. Other variables: common.sh
. "$(dirname "$0")/common.sh"
# The answers are programs, and they are run on this machine: that is what the flag confirms.
evaluate mbpp "" gen_length=1024,steps=1024,block_length=1024 1 --confirm_run_unsafe_code
