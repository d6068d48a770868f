"""Word problems: thirty templates, and a grammar that composes others."""
