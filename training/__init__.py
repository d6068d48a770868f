"""How it learns: noise, objectives, data, the trainer, and the bundled model."""
