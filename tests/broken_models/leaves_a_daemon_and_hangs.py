"""A daemon that nothing stops but SIGKILL, and a model that waits for ever."""

import os
import signal
import time

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    for number in set(signal.Signals) - {signal.SIGKILL, signal.SIGSTOP, signal.SIGCHLD}:
        signal.signal(number, signal.SIG_IGN)
    process = os.fork()
    if process == 0:
        os.setsid()
        if os.fork() == 0:
            os.closerange(0, 1024)
            os.execvpe("sleep", ["sleep", "98767"], {})
        os._exit(0)
    os.waitpid(process, 0)
    while True:
        time.sleep(60)
