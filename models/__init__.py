"""What predicts: the LLaDA network, its loading, and tokens as text."""
