"""What is right: statistics and the bundled model's held-out scores."""
