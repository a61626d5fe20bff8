"""Downloads something with requests (a stand-in: requests need not be installed)."""

from typing import NoReturn

import pandas as pd


class RequestException(OSError):
    pass


class ConnectionError(RequestException):
    pass


def predict(live_features: pd.DataFrame) -> NoReturn:
    raise ConnectionError("HTTPSConnectionPool(host='numer.ai', port=443): Max retries exceeded with url: /")
