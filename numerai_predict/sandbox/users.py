"""Unprivileged users for models, one for each: no two that run at a time, in this process or another, have the same."""

import random
import socket

USER_IDS = range(20_000, 60_000)


class UserLease:
    """The number of a user that nobody else on this machine leases, until `release`. Raises OSError if all are taken.

    A name in the abstract namespace is taken by one socket only, and free again when its process dies:
    https://man7.org/linux/man-pages/man7/unix.7.html.
    """

    def __init__(self) -> None:
        self._claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        first = random.randrange(len(USER_IDS))
        for user in (*USER_IDS[first:], *USER_IDS[:first]):
            try:
                self._claim.bind(f"\0numerai-predict-user-{user}")
            except OSError:
                continue
            self.user = user
            return
        self._claim.close()
        raise OSError(f"all users from {USER_IDS[0]} to {USER_IDS[-1]} are taken")

    def release(self) -> None:
        """Let others have the user."""
        self._claim.close()
