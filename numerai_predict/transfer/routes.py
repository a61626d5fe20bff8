"""Whether this machine, or this container, is connected to any network."""

from pathlib import Path

IPV4 = Path("/proc/net/route")
IPV6 = Path("/proc/net/ipv6_route")
LOOPBACK = "lo"


def has_route() -> bool:
    """Whether a route leads anywhere but to the machine itself; True where nobody can say (macOS)."""
    try:
        routes = [line.split() for line in IPV4.read_text().splitlines()[1:]]
    except OSError:
        return True
    try:
        ipv6 = [line.split() for line in IPV6.read_text().splitlines()]
    except OSError:  # A kernel without IPv6.
        ipv6 = []
    return any(route[0] != LOOPBACK for route in routes) or any(route[-1] != LOOPBACK for route in ipv6)
