#!/usr/bin/env bash
# MATH, written answers; LLaDA-8B-Base: 31.4. Other variables: common.sh
. "$(dirname "$0")/common.sh"
evaluate minerva_math "" gen_length=1024,steps=1024,block_length=1024 1
