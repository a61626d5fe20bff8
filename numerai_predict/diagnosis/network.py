"""Attempts to use the network, which a model may not."""

from numerai_predict.diagnosis.raised import Raised
from numerai_predict.faults import Code, Fault


def network(raised: Raised) -> Fault | None:
    """The fault of a model that fails because it has no network."""
    # A broken pipe is a ConnectionError too, and has nothing to do with the network.
    kinds = {
        "gaierror",
        "ConnectionRefusedError",
        "URLError",
        "RequestException",
        "MaxRetryError",
        "NewConnectionError",
    }
    if kinds & set(raised.kinds) or "Network is unreachable" in raised.message:
        return Fault(Code.NETWORK_USED, f"The model tried to reach the network ({raised.said}){raised.where}.")
    return None
