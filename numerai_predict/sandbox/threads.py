"""Threads that are there before a model's process, whose system call filter protects no later ones (seccomp.py)."""

from concurrent.futures import ThreadPoolExecutor


def started_pool(name: str) -> ThreadPoolExecutor:
    """A pool of one thread that has started."""
    pool = ThreadPoolExecutor(1, thread_name_prefix=name)
    pool.submit(_do_nothing).result()  # A pool starts its thread with the first call.
    return pool


def _do_nothing() -> None:
    pass
