#!/usr/bin/env bash
# GSM8K, written answers; LLaDA-8B-Base: 70.3. Other variables: common.sh
. "$(dirname "$0")/common.sh"
evaluate gsm8k "" gen_length=1024,steps=1024,block_length=1024 1
