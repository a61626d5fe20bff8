"""Attempts to use the network, which a model may not: whatever the client library makes of the refusal."""

import re

from numerai_predict.child import Answer
from numerai_predict.diagnosis.raised import Raised
from numerai_predict.excerpt import excerpt
from numerai_predict.faults import Code, Fault

# A broken pipe is a ConnectionError too, and has nothing to do with the network.
_KINDS = frozenset(
    {
        *("gaierror", "ConnectionRefusedError", "URLError", "RequestException", "MaxRetryError", "NewConnectionError"),
        *("ClientConnectorError", "ConnectError", "EndpointConnectionError", "ConnectTimeoutError", "TransportError"),
        *("ServerNotFoundError", "LocalEntryNotFoundError", "OfflineModeIsEnabled"),
    }
)
# Raised before anything is tried: libraries look for keys in files and variables that a model does not have.
_CREDENTIALS = frozenset(
    {
        *("NoCredentialsError", "PartialCredentialsError", "CredentialRetrievalError", "NoRegionError"),
        *("ProfileNotFound", "DefaultCredentialsError"),
    }
)
# Of Python's look-ups, curl, reqwest (polars), grpc, psycopg2, Gloo and download functions.
_WORDS = re.compile(
    r"no internet (access|connection)|network is unreachable|ENETUNREACH|could(n't| not) resolve host"
    r"|failure in name resolution|name or service not known|nodename nor servname|getaddrinfo failed|DNS resolution"
    r"|DNS server|DNS error|could not translate host name|failed to lookup address|address lookup failed"
    r"|failed to resolve '|failed to connect to |couldn't connect to (server|')|error sending request"
    r"|URL fetch failure|offline mode is enabled|outgoing traffic has been disabled",
    re.IGNORECASE,
)
_CAUSE_SHOWN = 200
_NO_SERVERS = "Servers on loopback do not work either (torch.distributed, dask, ray): use threads or joblib."
HINT_BESIDE = (
    "The traceback starts with your own code. A model has no network, so the same code may succeed on your machine: "
    "if it needs what it tried to reach, download that before you pickle it."
)


def network(raised: Raised) -> Fault | None:
    """The fault of a model that fails because it has no network."""
    if _CREDENTIALS & set(raised.kinds):
        message = "The model uses a service in the network, and has neither credentials nor internet access ({}){}."
        return Fault(Code.NETWORK_USED, message.format(raised.said, raised.where))
    if raised.says(r"[Ii]nstall \S{1,30} to access "):
        message = f"The model reads from the network through a package that is not installed here ({raised.said})"
        hint = f"{Code.NETWORK_USED.hint} The package alone would not help: a model has no network."
        return Fault(Code.MISSING_MODULE, f"{message}{raised.where}.", hint)
    cause = _earlier_attempt(raised)
    if not (_KINDS & set(raised.kinds) or raised.says(_WORDS) or raised.tried or cause):
        return None
    said = f"{raised.said}, after {cause}" if cause else raised.said
    target = ", ".join(host for host in raised.tried if f"tried to reach {host}" not in said) or "the network"
    why = "" if "no internet access" in said else ", and a model has no internet access"
    remedy = _NO_SERVERS if raised.says(r"server socket|failed to bind") else None
    return Fault(Code.NETWORK_USED, f"The model tried to reach {target}{why} ({said}){raised.where}.", remedy)


def missing_download(raised: Raised, hosts: list[str]) -> Fault:
    """The fault of a model that swallowed a failed download, and then missed a file: most likely what it would be."""
    tried = f"The model tried to reach {', '.join(hosts)}, and a model has no internet access"
    return Fault(Code.NETWORK_USED, f"{tried}; then it opened a file that is not here ({raised.said}){raised.where}.")


def attempt_beside(answer: Answer, log: str) -> str:
    """What a model tried to reach before it raised something else, to be added to that; empty if it tried nothing.
    Native code is not seen to try, but its failure may stand in the log.
    """
    why = "and a model has no internet access"
    if answer.hosts:
        return f"; before that it tried to reach {', '.join(answer.hosts)}, {why}"
    if found := _WORDS.search(excerpt(log)):
        return f'; before that it printed "{found[0]}", {why}'
    return ""


def _earlier_attempt(raised: Raised) -> str:
    """The exception behind this one that is about the network; empty if none is, or this one is itself."""
    if _KINDS & set(raised.kinds) or raised.says(_WORDS):
        return ""
    for each in raised.earlier:
        if each.kind in _KINDS or _WORDS.search(excerpt(each.message)):
            message = " ".join(each.message[: 5 * _CAUSE_SHOWN].split())
            shown = message if len(message) <= _CAUSE_SHOWN else message[:_CAUSE_SHOWN] + " …"
            return f"{each.kind}: {shown}"
    return ""
