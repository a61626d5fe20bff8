"""What is asked of a run."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, urlsplit

from numerai_predict.faults import Code, Fault
from numerai_predict.files import other_than_file
from numerai_predict.platform_limits import BENCHMARKS, DATASET, MEMORY_LIMIT, OUTPUT_DIR, TIME_LIMIT_S
from numerai_predict.sandbox import Limits
from numerai_predict.transfer import is_url


@dataclass(frozen=True)
class RunRequest:
    """One run of a model: a pickle file or an http(s) URL of one, on which data, under which limits, and where the
    predictions go. The defaults are the platform's.

    Live features and benchmark models are local files (a Path always is), or names of Numerai's datasets. `time_limit`
    is wall seconds, `memory_limit` bytes of the model's whole process tree; 0 is none. `strict` makes the platform's
    acceptance rules failures instead of warnings. Raises Fault for what cannot be.
    """

    model: str | Path
    dataset: str | Path = DATASET
    benchmarks: str | Path = BENCHMARKS
    output_dir: str | Path = OUTPUT_DIR
    post_url: str | None = None
    post_data: Mapping[str, str] | None = None
    time_limit: float = TIME_LIMIT_S
    memory_limit: int = MEMORY_LIMIT
    strict: bool = False

    def __post_init__(self) -> None:
        if (self.post_url is None) != (self.post_data is None):
            raise Fault(Code.USAGE, "--post_url and --post_data need each other")
        if not os.path.isdir(self.output_dir):
            raise Fault(Code.USAGE, f"argument --output_dir: {self.output_dir} is not an existing folder")
        for flag, source in (("--model", self.model), ("--dataset", self.dataset), ("--benchmarks", self.benchmarks)):
            if not is_url(str(source)) and (kind := other_than_file(source)):
                raise Fault(Code.USAGE, f"argument {flag}: {source} is {kind}, not a file")

    @property
    def output_folder(self) -> Path:
        """`output_dir` as a path."""
        return Path(self.output_dir)

    @property
    def limits(self) -> Limits:
        """What the model may use."""
        return Limits(wall_s=self.time_limit or None, memory_bytes=self.memory_limit or None)

    @property
    def secrets(self) -> list[str]:
        """What may be shown to nobody: the values in the queries of the URLs, and those of the form but its key."""
        urls = [url for url in (str(self.model), self.post_url or "") if is_url(url)]
        pairs = [pair for url in urls for pair in parse_qsl(urlsplit(url).query)]
        return [value for name, value in [*pairs, *(self.post_data or {}).items()] if name != "key"]
