"""An estimator with .predict, in place of a function."""

from sklearn.linear_model import LinearRegression  # type: ignore[import-untyped]

MODEL = LinearRegression()
