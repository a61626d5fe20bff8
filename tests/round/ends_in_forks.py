"""A library that was not made for forks: it ends each at its beginning."""

import os

os.register_at_fork(after_in_child=lambda: os._exit(1))
