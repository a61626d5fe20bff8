"""A program: `python -m numerai_predict.numerapi_download NAME TARGET` downloads one dataset.

It says on stdout, as JSON, how that went.
"""

import json
import logging
import os
import sys
import threading
from typing import Any

from numerai_predict import secrecy

NO_NETWORK = "the Numerai API cannot be reached; is there a network?"


class LastError(logging.Handler):
    """Keeps the last error that numerapi logged: it logs the cause and then raises KeyError('data')."""

    message = ""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record's message."""
        self.message = record.getMessage()


def download(name: str, target: str) -> dict[str, Any]:
    """Download with numerapi and check what came: {"rows": N}, or {"problem": why, "damaged": if it came broken}."""
    import numerapi
    import pyarrow
    import pyarrow.parquet
    import requests

    last_error = LastError(logging.ERROR)
    logging.getLogger("numerapi").addHandler(last_error)
    try:
        api = numerapi.NumerAPI(verbosity="error", show_progress_bars=sys.stderr.isatty())
        api.download_dataset(name, target)
        rows = pyarrow.parquet.read_metadata(target).num_rows
    except pyarrow.ArrowException as error:
        return {"problem": f"what came is no parquet file ({first_line(error)})", "damaged": True}
    except KeyError:
        offline = "Connecting" in last_error.message or not last_error.message
        return {"problem": NO_NETWORK if offline else f"the Numerai API failed ({first_line(last_error.message)})"}
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "an error"
        return {"problem": f"the storage answered with HTTP status {status}"}
    except requests.exceptions.ChunkedEncodingError:
        return {"problem": "the connection ended before the whole file was there"}
    except requests.ConnectionError:
        return {"problem": "the connection to the storage failed; is there a network?"}
    except requests.RequestException as error:
        return {"problem": f"the Numerai API gave no usable address ({type(error).__name__})"}
    except TypeError:
        return {"problem": "the Numerai API gave no address for it"}
    except ValueError as error:
        return {"problem": f"the Numerai API says: {first_line(error)}"}
    return {"rows": rows} if rows else {"problem": "the file has no rows", "damaged": True}


def first_line(text: object) -> str:
    """The first line of a message, at most 200 characters."""
    return (str(text).strip().splitlines() or [""])[0][:200]


def leave_with_parent() -> None:
    """End this process when the one that started it is gone: its end of standard input is then closed."""
    sys.stdin.read()
    os._exit(1)


def main() -> None:
    """Answer on stdout; whatever numerapi prints goes to stderr."""
    secrecy.hide([])  # The model, which may run as the same user, starts meanwhile.
    threading.Thread(target=leave_with_parent, daemon=True).start()
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    json.dump(download(sys.argv[1], sys.argv[2]), answer)
    answer.flush()
    os._exit(0)  # apache/arrow#34314: the interpreter may abort at exit.


if __name__ == "__main__":
    main()
