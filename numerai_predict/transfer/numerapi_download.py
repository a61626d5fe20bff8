"""A program: `python -m numerai_predict.transfer.numerapi_download NAME TARGET UNTIL [ROUND]` downloads one dataset, of
the current round if no other is given, from the API at $NUMERAI_API_URL if that is set.

It gives up at UNTIL, a time of the monotonic clock, and reports on stdout, as JSON, how it went.
"""

import json
import logging
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from numerai_predict.background_writer import never_waiting, wait_for_readers
from numerai_predict.redaction import DiscreetFormatter, hide_queries
from numerai_predict.sandbox import hide
from numerai_predict.transfer import http
from numerai_predict.transfer.retry import RequestFailed, TransientFailure, keep_trying
from numerai_predict.transfer.urls import API_URL_VARIABLE, has_host, is_url

if TYPE_CHECKING:
    import requests

# https://parquet.apache.org/docs/file-format/
PARQUET_MAGIC = b"PAR1"
READER_SECONDS = 1.0


class DatasetDownload:
    """One dataset on its way to `target`; `came` says whether the last try brought a file, of whatever kind."""

    def __init__(self, name: str, target: Path, round_number: int | None) -> None:
        self._name = name
        self._target = target
        self._round_number = round_number
        self.came = False

    def attempt(self) -> None:
        """Download once. Raises TransientFailure, RequestFailed, and OSError if the file cannot be written."""
        self.came = False
        # numerapi resumes what an earlier try left, unsafely: a fresh folder holds nothing to resume.
        with tempfile.TemporaryDirectory(dir=self._target.parent) as folder:
            file = Path(folder) / self._target.name
            self._run_numerapi(file)
            self.came = True
            check_whole(file)
            os.replace(file, self._target)

    def _run_numerapi(self, file: Path) -> None:
        import numerapi
        import requests

        api = numerapi.NumerAPI(show_progress_bars=http.shows_progress())
        try:
            api.download_dataset(self._name, str(file), round_num=self._round_number)
        except requests.RequestException as error:  # Of the body; what else requests raises, `guard_requests` changes.
            raise TransientFailure(f"the request to the storage failed ({http.describe_error(error)})") from None
        except (KeyError, TypeError):
            raise TransientFailure("the answer of the Numerai API makes no sense") from None
        except ValueError as error:
            raise RequestFailed(f"the Numerai API says: {shown(error) or 'an error'}") from None


def use_address() -> None:
    """Make numerapi, which has no setting for it, ask the API at $NUMERAI_API_URL if that is set."""
    import numerapi.base_api

    if url := os.environ.get(API_URL_VARIABLE):
        if not has_host(url):
            raise RequestFailed(f"{API_URL_VARIABLE} is no http(s) URL")
        numerapi.base_api.API_TOURNAMENT_URL = url


def guard_requests() -> None:
    """Give every request of this process a timeout, and make it raise what says whether another try may help:
    numerapi waits for its API without end, tries again for itself, and logs the rest of what goes wrong there.
    """
    import requests

    unguarded = requests.Session.request

    def request(session: "requests.Session", method: str, url: str, **options: Any) -> "requests.Response":
        if not is_url(str(url)):
            raise RequestFailed("the Numerai API gave no address for it")
        options["timeout"] = (http.CONNECT_TIMEOUT_S, http.READ_TIMEOUT_S)
        try:
            response = http.answer_to(lambda: unguarded(session, method, url, **options))
        except (TransientFailure, RequestFailed) as failure:
            asked = "the Numerai API" if method.lower() == "post" else "the storage"
            failure.args = (f"the request to {asked} failed ({failure})",)
            raise
        response.raw.enforce_content_length = True  # urllib3 1.26, unlike 2, takes a body that is cut for a whole one.
        return response

    requests.Session.request = request


def check_whole(file: Path) -> None:
    """Raises TransientFailure unless the file is parquet at its beginning and at its end, and has rows."""
    import pyarrow
    import pyarrow.parquet

    try:
        rows = pyarrow.parquet.read_metadata(file).num_rows
    except (pyarrow.ArrowException, OSError) as error:  # pyarrow has OSError for some damaged footers.
        raise TransientFailure(f"what came is no parquet file ({shown(error)})") from None
    with open(file, "rb") as beginning:
        if beginning.read(len(PARQUET_MAGIC)) != PARQUET_MAGIC:
            raise TransientFailure("what came is no parquet file (it does not begin like one)")
    if not rows:
        raise TransientFailure("what came has no rows")


def shown(error: object) -> str:
    """The first line of a message, at most 200 characters, without queries of URLs."""
    return hide_queries((str(error).strip().splitlines() or [""])[0])[:200]


def outcome(name: str, target: Path, until: float, round_number: int | None = None) -> dict[str, Any]:
    """How the download went: {}, or {"errno": why it cannot be written}, or {"problem": why, "damaged": whether
    something came that is no dataset}.
    """
    download = DatasetDownload(name, target, round_number)
    try:
        use_address()
        guard_requests()
        keep_trying(download.attempt, until - time.monotonic())
    except RequestFailed as failure:
        return {"problem": str(failure), "damaged": download.came}
    except Exception as error:
        if isinstance(error, OSError) and error.errno:
            return {"errno": error.errno}
        return {"problem": f"numerapi raised {type(error).__name__}: {shown(error)}"}
    return {}


def set_up_logging(name: str) -> None:
    """Log to stderr, with the dataset's name, as another download may run beside; what numerapi logs, we log."""
    handler = logging.StreamHandler()
    handler.setFormatter(DiscreetFormatter(about=f"{name}: "))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
    logging.getLogger("numerapi").setLevel(logging.CRITICAL)


def leave_with_parent() -> None:
    """End this process when the one that started it is gone: its end of standard input is then closed."""
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Answer on stdout; whatever numerapi prints goes to stderr."""
    hide([])  # The model, which may run as the same user, starts meanwhile.
    threading.Thread(target=leave_with_parent, daemon=True).start()
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    given = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(never_waiting, given)
    name, target, until, *of_round = sys.argv[1:]
    set_up_logging(name)
    json.dump(outcome(name, Path(target), float(until), int(of_round[0]) if of_round else None), answer)
    answer.flush()
    wait_for_readers((sys.stdout, sys.stderr), READER_SECONDS)
    os._exit(0)  # apache/arrow#34314: the interpreter may abort at exit.


if __name__ == "__main__":
    main()
