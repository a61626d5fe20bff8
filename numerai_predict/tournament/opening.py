"""Waits for the round that opens today."""

from collections.abc import Callable
from datetime import datetime, timedelta

from numerai_predict.api import ApiUnreachable, NumeraiApi, OpenRound, Pipeline
from numerai_predict.tournament.clock import Clock

# Between two looks.
POLL_S = 15.0
# A round is open for an hour from when its data is ready: so long after that there is none to wait for.
OPEN_S = 3600.0


def wait_for_round(api: NumeraiApi, clock: Clock, say: Callable[[str], None]) -> OpenRound | None:
    """The round, as soon as it is open; None if none is, and none is expected any more today.

    It is waited for until it opens, or until OPEN_S after the data was ready or is expected (99 of 100 cases); where
    nothing is expected, not at all. `say` gets a line about what is waited for whenever that changes: openTime,
    closeStakingTime and the pipeline's estimate. Raises ApiRefused, and ApiUnreachable when the wait is over.
    """
    wait = _Wait(api, clock, say)
    while not wait.is_over:
        if (found := wait.look()) is not None:
            return found
        wait.pause()
    if wait.unanswered is not None:
        raise wait.unanswered
    return None


class _Wait:
    """What is known of the round that is waited for. `unanswered` is why the last look failed; None: it did not."""

    def __init__(self, api: NumeraiApi, clock: Clock, say: Callable[[str], None]) -> None:
        self._api = api
        self._clock = clock
        self._say = say
        self._said = ""
        self._until: datetime | None = clock.now() + timedelta(seconds=OPEN_S)
        self._has_answer = False
        self._opening: datetime | None = None
        self.unanswered: ApiUnreachable | None = None

    @property
    def is_over(self) -> bool:
        """Whether there is nothing to wait for (any more)."""
        return self._until is None or self._clock.now() >= self._until

    def look(self) -> OpenRound | None:
        """The round, if it is open; and find out how long to wait for it."""
        try:
            current = self._api.current_round()
            if current is not None and current.opening <= self._clock.now() < current.deadline:
                self._announce(f"Round {current.number} opened at {_times(current)}.")
                return current
            self._plan(current)
            self.unanswered = None
        except ApiUnreachable as error:
            if self.unanswered is None:  # Once, and not with every look.
                self._announce(f"Numerai does not answer, and is asked again: {error}")
            self.unanswered = error
        return None

    def pause(self) -> None:
        """Until the next look; none when it is over."""
        if self.is_over:
            return
        now = self._clock.now()
        left = (self._opening - now).total_seconds() if self._opening else 0.0
        self._clock.sleep(min(POLL_S, left) if left > 0 else POLL_S)

    def _plan(self, current: OpenRound | None) -> None:
        """What is expected today. When nothing is known any more, what was expected before still is."""
        now = self._clock.now()
        announced = current if current and now < current.opening and current.opening.date() == now.date() else None
        self._opening = announced.opening if announced else None
        pipeline = self._api.pipeline(f"{now:%Y-%m-%d}")
        expected = pipeline.ready or pipeline.p99 or pipeline.p90
        moments = [moment for moment in (self._opening, expected) if moment is not None]
        if moments:
            self._until = max(moments) + timedelta(seconds=OPEN_S)
        elif not self._has_answer:
            self._until = None
        self._has_answer = True
        if moments and not self.is_over:
            self._announce(" ".join([*_about_round(announced), *_about_data(pipeline)]))

    def _announce(self, line: str) -> None:
        if line != self._said:
            self._said = line
            self._say(line)


def _about_round(announced: OpenRound | None) -> list[str]:
    if announced is None:
        return ["No round is open yet."]
    return [f"Round {announced.number} opens at {_times(announced)}."]


def _times(round_: OpenRound) -> str:
    is_same_day = round_.opening.date() == round_.deadline.date()
    day = "" if is_same_day else f"{round_.deadline:%A}, "
    return f"{_shown(round_.opening)} and takes submissions until {day}{_shown(round_.deadline)} UTC"


def _about_data(pipeline: Pipeline) -> list[str]:
    if pipeline.ready:
        return [f"Its live data has been ready since {_shown(pipeline.ready)} UTC."]
    expected = [f"{_shown(pipeline.p90)} UTC (in 90 of 100 cases)"] if pipeline.p90 else []
    expected += [f"{_shown(pipeline.p99)} UTC (in 99)"] if pipeline.p99 else []
    return [f"Its live data is expected by {', by '.join(expected)}."] if expected else []


def _shown(time: datetime) -> str:
    return f"{time:%H:%M}"
