"""The machinery that `predict.py` stands on."""
