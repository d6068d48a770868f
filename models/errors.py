"""What every reader of model files raises."""


class ModelError(ValueError):
    """A model that cannot be loaded; the message names file or weight, and what is wanted."""
