"""How likely a model finds an answer."""
