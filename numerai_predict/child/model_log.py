"""What the model logs appears on standard error, as on the platform; also where the model sets up logging itself."""

import contextlib
import functools
import logging
import os
from collections.abc import Callable, Iterator
from typing import Any

# With the logger's name, which tells these lines from the runtime's own.
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
# What they log as DEBUG when they are imported or compile: hundreds of lines, between which nobody finds the model's.
TALKATIVE = frozenset({"asyncio", "graphviz", "h5py", "matplotlib", "numba", "PIL"})


def show_log(level: int) -> None:
    """Show what is logged from that level on, each record once: where a handler of the model's prints it, that is it.

    logging.basicConfig has its effect, as if there were no handler yet.
    """
    root = logging.getLogger()
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter(FORMAT))
    # A filter runs before the handler's lock is taken, so it may ask logging for loggers.
    handler.addFilter(lambda record: not _is_chatter(record) and not _is_printed_besides(handler, record))
    root.addHandler(handler)
    root.setLevel(level)
    logging.basicConfig = _without_counting(handler, logging.basicConfig)


def _without_counting(handler: logging.Handler, configure: Callable[..., None]) -> Callable[..., None]:
    """logging.basicConfig, which does nothing where the root logger has a handler, as if it had not this one."""

    @functools.wraps(configure)
    def configure_beside(**options: object) -> None:
        try:
            with _aside(handler):
                configure(**options)
        except Exception as error:
            # Where there is a handler, as on the platform, it does nothing and cannot fail, unless forced.
            if options.get("force"):
                raise
            kind = type(error).__name__
            logging.getLogger().warning(
                "logging.basicConfig failed; on the platform it does nothing: %s: %s", kind, error
            )

    return configure_beside


@contextlib.contextmanager
def _aside(handler: logging.Handler) -> Iterator[None]:
    root = logging.getLogger()
    root.removeHandler(handler)
    try:
        yield
    finally:
        root.addHandler(handler)


def _is_chatter(record: logging.LogRecord) -> bool:
    return record.levelno < logging.INFO and record.name.partition(".")[0] in TALKATIVE


def _is_printed_besides(ours: logging.Handler, record: logging.LogRecord) -> bool:
    handlers = _handlers_of(logging.getLogger(record.name))
    return any(each is not ours and each.level <= record.levelno and _prints(each) for each in handlers)


def _handlers_of(logger: logging.Logger | None) -> Iterator[logging.Handler]:
    """Those that a record of the logger has come to, if it came as far as the root logger."""
    while logger is not None:
        yield from logger.handlers
        logger = logger.parent


def _prints(handler: logging.Handler) -> bool:
    """Whether it writes to standard output or error, under whatever name it has opened them."""
    try:
        # rich has a console instead of a stream.
        stream: Any = handler.console.file if hasattr(handler, "console") else getattr(handler, "stream", None)
        target = os.fstat(stream.fileno())
        return any(os.path.samestat(target, os.fstat(standard)) for standard in (1, 2))
    except Exception:  # It may be anything of the model's, and be closed.
        return False
