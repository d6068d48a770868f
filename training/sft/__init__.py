"""Supervised fine-tuning on answers."""
