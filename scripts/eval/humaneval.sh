#!/usr/bin/env bash
# HumanEval, written programs; LLaDA-8B-Base: 35.4. Other variables: common.sh
. "$(dirname "$0")/common.sh"
# The answers are programs, and they are run on this machine: that is what the flag confirms.
evaluate humaneval "" gen_length=1024,steps=1024,block_length=1024 1 --confirm_run_unsafe_code
