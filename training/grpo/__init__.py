"""GRPO: policy gradients from answers of the model and their rewards (diffu-GRPO)."""
