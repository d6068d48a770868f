"""Process reward models (PRM): models that score every step of an answer as right or wrong."""
