"""A dictionary with the model in it."""

MODEL = {"model": None, "features": ["feature_a"]}
