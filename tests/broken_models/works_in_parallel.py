"""No sin: threads, processes of every kind and local sockets, as libraries use them."""

import asyncio
import multiprocessing
import os
import signal
import socket
import struct
import sys
import tempfile
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing.shared_memory import SharedMemory

import joblib  # type: ignore[import-untyped]
import pandas as pd

NUMBERS = [1.5, -2.5, 3.5]
WANTED = [1.5, 2.5, 3.5]


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    predictions = live_features.filter(like="feature_").sum(axis=1).rank(pct=True).to_frame("prediction")
    for way in (threads, joblib_workers, process_pools, manager, shared_memory, pairs, servers, subprocesses, itself):
        assert way() == WANTED, way.__name__
        print(way.__name__, "works")
    return predictions


def threads() -> list[float]:
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(abs, NUMBERS))


def joblib_workers() -> list[float]:
    for backend in ("loky", "threading", "multiprocessing"):
        with joblib.parallel_backend(backend, n_jobs=2):
            found: list[float] = joblib.Parallel()(joblib.delayed(abs)(number) for number in NUMBERS)
        assert found == WANTED, backend
    return found


def process_pools() -> list[float]:
    for method in multiprocessing.get_all_start_methods():
        context = multiprocessing.get_context(method)
        with context.Pool(2) as pool:
            assert pool.map(abs, NUMBERS) == WANTED, method
        with ProcessPoolExecutor(2, mp_context=context) as executor:
            assert list(executor.map(abs, NUMBERS)) == WANTED, method
    return WANTED


def manager() -> list[float]:
    with multiprocessing.Manager() as shared:
        numbers = shared.list()
        for number in NUMBERS:
            numbers.append(abs(number))
        return list(numbers)


def shared_memory() -> list[float]:
    lock, array = multiprocessing.Lock(), multiprocessing.Array("d", NUMBERS)
    block = SharedMemory(create=True, size=8)
    with multiprocessing.get_context("fork").Pool(1), lock, array.get_lock():
        values = [abs(number) for number in array[:]]
        struct.pack_into("d", block.buf, 0, values[0])  # type: ignore[arg-type, unused-ignore]
    block.close()
    block.unlink()
    return values


def pairs() -> list[float]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.sendall(b"x")
        return WANTED if theirs.recv(1) == b"x" else []


def servers() -> list[float]:
    with tempfile.TemporaryDirectory() as folder, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{folder}/server")
        listener.listen()
        thread = threading.Thread(target=lambda: listener.accept()[0].sendall(b"x"))
        thread.start()
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(f"{folder}/server")
            answer = client.recv(1)
        thread.join()
    return WANTED if answer == b"x" else []


def subprocesses() -> list[float]:
    async def run() -> bytes:
        command = (sys.executable, "-c", "print(*map(abs, [1.5, -2.5, 3.5]))")
        process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
        return (await process.communicate())[0]

    return [float(number) for number in asyncio.run(run()).split()]


def itself() -> list[float]:
    """What a model may do to its own processes: wait for them, stop them, lower their priority, end them."""
    for wanted in (signal.SIGTERM, signal.SIGKILL):
        process = os.fork()
        if process == 0:
            threading.Event().wait(60)
            os._exit(0)
        os.setpriority(os.PRIO_PROCESS, process, 19)
        os.kill(process, wanted)
        assert os.WTERMSIG(os.waitpid(process, 0)[1]) == wanted
    os.sched_setaffinity(0, os.sched_getaffinity(0))
    return WANTED
