"""Nothing was pickled."""

MODEL = None
