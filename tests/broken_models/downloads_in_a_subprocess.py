"""Has another Python download something, and shows what that said."""

import subprocess
import sys
import urllib.error

import pandas as pd

PROGRAM = "import urllib.request as r; r.urlopen('http://127.0.0.1:9/', timeout=10)"


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    done = subprocess.run([sys.executable, "-c", PROGRAM], stderr=subprocess.PIPE, text=True)
    raise urllib.error.URLError(done.stderr.splitlines()[-1])
