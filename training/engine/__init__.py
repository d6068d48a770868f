"""The training loop and what any training needs: settings, checkpoints, placement, metrics."""
