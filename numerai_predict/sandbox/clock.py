"""How long each phase of a program takes."""

import time


class PhaseClock:
    """Wall seconds of each phase, and apart from them those in which the program waits for us."""

    def __init__(self) -> None:
        self.phase = "starting"
        self.phases: dict[str, float] = {}
        self.waited_s = 0.0
        self._waiting = False
        self._began = time.monotonic()

    def enter(self, phase: str) -> None:
        """Begin the phase of that name, or go on with it."""
        self._charge()
        self.phase = phase

    def wait(self, waiting: bool) -> None:
        """From now on the program waits for us, or does so no longer."""
        self._charge()
        self._waiting = waiting

    def used_s(self) -> float:
        """Seconds that count against the limit."""
        self._charge()
        return sum(self.phases.values())

    def _charge(self) -> None:
        now = time.monotonic()
        if self._waiting:
            self.waited_s += now - self._began
        else:
            self.phases[self.phase] = self.phases.get(self.phase, 0.0) + now - self._began
        self._began = now
