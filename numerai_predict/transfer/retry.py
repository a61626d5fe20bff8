"""Tries again for as long as that may help, with pauses that grow, inside a deadline."""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, wait
from typing import TYPE_CHECKING, TypeVar, cast

if TYPE_CHECKING:
    import tenacity

from numerai_predict.transfer.routes import has_route

T = TypeVar("T")

RETRIES = 20
DELAY_BASE_S = 0.5
DELAY_MAX_S = 30.0
# A machine that has just started gets its network within seconds; a container that has none gets none.
UNCONNECTED_S = 8.0
# Between SIGTERM and SIGKILL Docker leaves ten seconds; the report is still to be written in them.
GRACE_S = 3.0

_log = logging.getLogger(__name__)


class RequestFailed(RuntimeError):
    """A request that is not worth another try, or was tried often enough; its message may be shown."""


class TransientFailure(Exception):
    """A try that failed, after which another may succeed; `wait_s` is how long the server asks to wait before that,
    `unreached` whether the request got no further than this machine, `unsent` whether no connection was made, so that
    no server can have got any of it.
    """

    def __init__(self, problem: str, wait_s: float = 0.0, unreached: bool = False, unsent: bool = False) -> None:
        super().__init__(problem)
        self.wait_s = wait_s
        self.unreached = unreached
        self.unsent = unsent


def keep_trying(attempt: Callable[[], T], deadline_s: float) -> T:
    """Call `attempt` until it raises no TransientFailure, and return what it returns; at most RETRIES times, and for
    `deadline_s` seconds; UNCONNECTED_S where there is no network at all. The log gets one line for each cause.

    The pauses double from DELAY_BASE_S to DELAY_MAX_S and are then shortened at random, so that thousands of runs do
    not come back at once (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/); a server that
    asks for a longer one gets it. What else `attempt` raises is raised here. Raises RequestFailed when it gives up.
    """
    import tenacity

    began = time.monotonic()
    announced: set[str] = set()

    def announce(state: "tenacity.RetryCallState") -> None:
        if (problem := str(_failure(state))) not in announced:
            announced.add(problem)
            _log.warning("Try %d failed: %s; next in %.1f s", state.attempt_number, problem, state.upcoming_sleep)

    usual = tenacity.stop_after_attempt(RETRIES) | tenacity.stop_before_delay(deadline_s)
    growing = tenacity.wait_random_exponential(DELAY_BASE_S, DELAY_MAX_S)
    policy = tenacity.Retrying(
        sleep=time.sleep,
        wait=lambda state: max(DELAY_BASE_S / 2, growing(state), _failure(state).wait_s),
        stop=lambda state: usual(state) or _is_unconnected(state),
        retry=tenacity.retry_if_exception_type(TransientFailure),
        before_sleep=announce,
        retry_error_callback=_give_up,
    )
    return policy(lambda: in_time(attempt, began + deadline_s - time.monotonic()))


def in_time(work: Callable[[], T], seconds: float) -> T:
    """What `work` returns or raises; TransientFailure if that takes too long, and then it is left to itself.

    It has a thread of its own, since neither a DNS lookup nor a peer that trickles heeds a timeout, or a signal. If
    the handler of a signal raises meanwhile, it still gets GRACE_S seconds to end.
    """
    done = in_background(work)
    try:
        wait([done], seconds)
    except BaseException:
        wait([done], GRACE_S)
        raise
    if not done.done():
        raise TransientFailure("it was not complete when the time was up")
    return done.result()


def in_background(work: Callable[[], T]) -> "Future[T]":
    """What `work` will return or raise, in a thread that no exit of the process waits for."""
    done: Future[T] = Future()

    def fulfil() -> None:
        try:
            done.set_result(work())
        except BaseException as error:
            done.set_exception(error)

    threading.Thread(target=fulfil, daemon=True).start()
    return done


def _failure(state: "tenacity.RetryCallState") -> TransientFailure:
    return cast(TransientFailure, cast("Future[object]", state.outcome).exception())


def _is_unconnected(state: "tenacity.RetryCallState") -> bool:
    """Whether it is known by now that this machine has no network."""
    passed_s = (state.seconds_since_start or 0.0) + state.upcoming_sleep
    return _failure(state).unreached and passed_s > UNCONNECTED_S and not has_route()


def _give_up(state: "tenacity.RetryCallState") -> None:
    failure = _failure(state)
    count = "1 try" if state.attempt_number == 1 else f"{state.attempt_number} tries"
    asked = f", as the server asks to wait {failure.wait_s:,.0f}" if failure.wait_s else ""
    unconnected = ", as no network is connected here" if _is_unconnected(state) else ""
    given_up = f"given up after {count} in {state.seconds_since_start:,.0f} seconds"
    raise RequestFailed(f"{failure}; {given_up}{asked}{unconnected}")
