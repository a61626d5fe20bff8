"""The predictions themselves, in place of the function."""

import pandas as pd

MODEL = pd.DataFrame({"prediction": [0.25, 0.75]})
