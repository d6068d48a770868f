"""Policy gradients from rewarded answers (diffu-GRPO)."""
