"""A division by zero in machine code."""

import ctypes
import mmap
import platform
import signal

import pandas as pd

DIVIDE = b"\x31\xc9\xb8\x01\x00\x00\x00\x99\xf7\xf9\xc3"


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(DIVIDE)
    divide = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    # Other CPUs than x86 have an answer to it.
    divide() if platform.machine() == "x86_64" else signal.raise_signal(signal.SIGFPE)
    return live_features
