#!/usr/bin/env bash
# MMLU, 5 examples, one-token answers; LLaDA-8B-Base: 65.9. Other variables: common.sh
. "$(dirname "$0")/common.sh"
evaluate mmlu 5 cfg=0.0,is_check_greedy=False,mc_num=1 1
