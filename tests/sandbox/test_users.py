"""users.py: no two leases that are held at a time are of one user, in one process or in two."""

import subprocess
import sys
import unittest
from unittest import mock

from numerai_predict.sandbox import users
from numerai_predict.sandbox.users import UserLease
from tests.harness import ROOT

FEW = range(3_000, 3_003)  # Of no model that may run meanwhile.
LEASE = """
from numerai_predict.sandbox import users
users.USER_IDS = range(3_000, 3_003)
lease = users.UserLease()
print(lease.user, flush=True)
input()
"""


class UserLeaseTest(unittest.TestCase):
    def setUp(self) -> None:
        patch = mock.patch.object(users, "USER_IDS", FEW)
        patch.start()
        self.addCleanup(patch.stop)

    def lease(self) -> UserLease:
        lease = UserLease()
        self.addCleanup(lease.release)
        return lease

    def test_leases_that_are_held_at_a_time_are_of_different_users(self) -> None:
        self.assertEqual(set(FEW), {self.lease().user for _ in FEW})

    def test_lease_when_all_users_are_taken_is_an_error(self) -> None:
        for _ in FEW:
            self.lease()
        with self.assertRaisesRegex(OSError, "all users from 3000 to 3002 are taken"):
            self.lease()

    def test_user_of_a_lease_that_is_released_can_be_leased_again(self) -> None:
        leases = [self.lease() for _ in FEW]
        leases[1].release()
        self.assertEqual(leases[1].user, self.lease().user)

    def test_user_of_another_process_is_taken_for_as_long_as_that_lives(self) -> None:
        argv = [sys.executable, "-c", LEASE]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
        with subprocess.Popen(argv, cwd=ROOT, text=True, **pipes) as other:  # type: ignore[call-overload]
            taken = int(other.stdout.readline())
            ours = [self.lease() for _ in FEW[1:]]
            self.assertEqual(set(FEW) - {taken}, {lease.user for lease in ours})
            other.kill()
        self.assertEqual(taken, self.lease().user)


if __name__ == "__main__":
    unittest.main()
