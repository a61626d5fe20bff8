"""As a library does that was compiled for a newer CPU."""

import ctypes
import mmap
import platform

import pandas as pd

ILLEGAL = b"\x0f\x0b" if platform.machine() == "x86_64" else b"\x00\x00\x00\x00"


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    page = mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(ILLEGAL)
    run = ctypes.CFUNCTYPE(None)(ctypes.addressof(ctypes.c_char.from_buffer(page)))
    run()
    return live_features
