"""The environment of the model's process: what it may see of ours, and how many threads its libraries may start."""

import math
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

# Everything else may be a secret (AWS_*, NUMERAI_*, …), so variables are let through by name, never kept out.
# PYTHONPATH is missing on purpose: a model that needs it works here and fails on the platform.
ALLOWED_NAMES = frozenset(
    {
        *("PATH", "LANG", "LANGUAGE", "TZ", "TERM", "LD_LIBRARY_PATH"),
        *("DYLD_LIBRARY_PATH", "LD_PRELOAD", "MALLOC_ARENA_MAX", "PYTHONHASHSEED", "PYTHONWARNINGS"),
        *("PYTHONDONTWRITEBYTECODE", "MPLBACKEND", "CUDA_VISIBLE_DEVICES"),
    }
)
ALLOWED_PREFIXES = (
    *("LC_", "OMP_", "KMP_", "GOMP_", "MKL_", "OPENBLAS_", "VECLIB_", "BLIS_", "NUMEXPR_", "NUMBA_", "POLARS_"),
    *("RAYON_", "ARROW_", "JOBLIB_", "LOKY_", "TF_", "XLA_", "JAX_", "KERAS_", "TORCH_", "PYTORCH_"),
)
THREAD_VARIABLES = (
    *("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "BLIS_NUM_THREADS", "VECLIB_MAXIMUM_THREADS"),
    *("NUMEXPR_NUM_THREADS", "NUMEXPR_MAX_THREADS", "NUMBA_NUM_THREADS", "POLARS_MAX_THREADS", "RAYON_NUM_THREADS"),
    *("TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS", "LOKY_MAX_CPU_COUNT"),
)
# Where libraries write by themselves; numba cannot be imported where it finds no place for its cache.
FOLDER_VARIABLES = ("HOME", "TMPDIR", "MPLCONFIGDIR", "NUMBA_CACHE_DIR")
# getpass.getuser() takes the name from there; pwd has to know the same (user_name.py).
USER_VARIABLES = ("USER", "LOGNAME")
# Libraries that would try for seconds to reach a network that the model does not have: hubs, telemetry, and the servers
# in Amazon's and Google's machines that give out credentials.
OFFLINE = {
    **dict.fromkeys(
        ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_HUB_DISABLE_TELEMETRY", "TABPFN_DISABLE_TELEMETRY"), "1"
    ),
    **{"DO_NOT_TRACK": "1", "AWS_EC2_METADATA_DISABLED": "true", "NO_GCE_CHECK": "true"},
}
# What torch.compile traces is then run without being compiled, which computes the same.
WITHOUT_COMPILER = {"TORCH_COMPILE_OVERRIDE_BACKENDS": ">=0:eager"}
COMPILERS = ("g++", "clang++")
CGROUP = Path("/sys/fs/cgroup")


def model_environment(environ: Mapping[str, str], cpus: int, folder: Path, user: str) -> dict[str, str]:
    """What the model's process gets of `environ`: no secrets, thread counts for `cpus` CPUs unless set, and `folder`
    to write to. `user` is the name of the model's user.

    A library that counts the host's cores inside a 1-CPU container is up to 90 times slower (dmlc/xgboost#7653).
    """
    allowed = {
        name: value for name, value in environ.items() if name in ALLOWED_NAMES or name.startswith(ALLOWED_PREFIXES)
    }
    threads = {name: str(cpus) for name in THREAD_VARIABLES}
    # What the model printed before a crash, and where it crashed, must reach the log.
    diagnostics = {"PYTHONUNBUFFERED": "1", "PYTHONFAULTHANDLER": "1"}
    place = {**dict.fromkeys(FOLDER_VARIABLES, str(folder)), **dict.fromkeys(USER_VARIABLES, user)}
    compiling = {} if any(map(shutil.which, COMPILERS)) else WITHOUT_COMPILER
    return {**threads, **diagnostics, **OFFLINE, **compiling, **allowed, **place}


def available_cpus(cgroup: Path = CGROUP) -> int:
    """CPUs that this process may use: its affinity, or the quota of its cgroup (v2 or v1) if that is less."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(affinity, math.ceil(_cgroup_cpus(cgroup))))


def _cgroup_cpus(cgroup: Path) -> float:
    try:
        if (limit := cgroup / "cpu.max").exists():
            quota, period = limit.read_text().split()
        else:
            quota = (cgroup / "cpu/cpu.cfs_quota_us").read_text().strip()
            period = (cgroup / "cpu/cpu.cfs_period_us").read_text().strip()
        unlimited = quota in ("max", "-1")
        return 1e9 if unlimited else int(quota) / int(period)
    except (OSError, ValueError):
        return 1e9
