"""routes.py, with the files of kernels and containers."""

import tempfile
import unittest
from pathlib import Path
from unittest import mock

from numerai_predict.transfer import routes

HEADER = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n"
ETH0 = "eth0\t00000000\t010011AC\t0003\t0\t0\t0\t00000000\t0\t0\t0\n"
LO = "lo\t0000007F\t00000000\t0001\t0\t0\t0\t000000FF\t0\t0\t0\n"
IPV6 = f"{'0' * 32} 00 {'0' * 32} 00 {'0' * 32} ffffffff 00000001 00000000 00200200 "


class HasRouteTest(unittest.TestCase):
    def has_route(self, ipv4: str | None, ipv6: str | None) -> bool:
        with tempfile.TemporaryDirectory() as folder:
            files = Path(folder, "route"), Path(folder, "ipv6_route")
            for path, content in zip(files, (ipv4, ipv6), strict=True):
                if content is not None:
                    path.write_text(content)
            with mock.patch.multiple(routes, IPV4=files[0], IPV6=files[1]):
                return routes.has_route()

    def test_container_without_a_network_has_none(self) -> None:
        self.assertFalse(self.has_route(HEADER, f"{IPV6}      lo\n" * 2))
        self.assertFalse(self.has_route(HEADER, None))

    def test_loopback_alone_is_none(self) -> None:
        self.assertFalse(self.has_route(HEADER + LO, ""))

    def test_network_of_either_kind_is_one(self) -> None:
        self.assertTrue(self.has_route(HEADER + ETH0, None))
        self.assertTrue(self.has_route(HEADER, f"{IPV6}      lo\n{IPV6}    eth0\n"))

    def test_system_that_does_not_say_may_have_one(self) -> None:
        self.assertTrue(self.has_route(None, None))


if __name__ == "__main__":
    unittest.main()
