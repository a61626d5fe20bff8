"""Which worker of how many this process is, as the engine that started it says."""

import re
from collections.abc import Mapping

from numerai_predict.faults import Code, Fault

# https://docs.aws.amazon.com/batch/latest/userguide/job_env_vars.html
BATCH_INDEX, BATCH_SIZE, BATCH_JOB = "AWS_BATCH_JOB_ARRAY_INDEX", "AWS_BATCH_JOB_ARRAY_SIZE", "AWS_BATCH_JOB_ID"
# https://slurm.schedmd.com/job_array.html
SLURM_INDEX, SLURM_FIRST, SLURM_SIZE = "SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_COUNT"
# https://kubernetes.io/docs/concepts/workloads/controllers/job/#completion-mode
KUBERNETES_INDEX = "JOB_COMPLETION_INDEX"


def array_index(environ: Mapping[str, str]) -> int | None:
    """The worker's index, from 0 on; None if no engine gave it one. Raises Fault for what is no number."""
    if SLURM_INDEX in environ:  # Arrays begin where the user says: --array=1-8.
        return _number(environ, SLURM_INDEX) - (_number(environ, SLURM_FIRST) if SLURM_FIRST in environ else 0)
    for name in (BATCH_INDEX, KUBERNETES_INDEX):
        if name in environ:
            return _number(environ, name)
    # The job id of an array's child is PARENT:INDEX; moto's server gives no more than that.
    child = re.search(r":(\d{1,9})$", environ.get(BATCH_JOB, ""))
    return int(child[1]) if child else None


def array_size(environ: Mapping[str, str]) -> int | None:
    """How many workers the engine started; None if it does not say, as Kubernetes does not. Raises Fault."""
    return next((_number(environ, name) for name in (SLURM_SIZE, BATCH_SIZE) if name in environ), None)


def _number(environ: Mapping[str, str], name: str) -> int:
    if not re.fullmatch(r"\d{1,9}", environ[name], re.ASCII):
        raise Fault(Code.USAGE, f"{name} is {environ[name]!r}, not a number")
    return int(environ[name])
