#!/usr/bin/env bash
# ARC-Challenge, likelihoods with guidance; LLaDA-8B-Base: 47.9. Other variables: common.sh
. "$(dirname "$0")/common.sh"
evaluate arc_challenge 0 cfg=0.5,is_check_greedy=False,mc_num=128 8
