"""Where the predictions go: to the output folder, and to S3 if they are asked for there."""

import logging
import os
import secrets
from pathlib import Path

from numerai_predict.faults import Code, Fault
from numerai_predict.redaction import without_query
from numerai_predict.report import RunReport, SavedPart
from numerai_predict.runner.request import RunRequest
from numerai_predict.sandbox import undisturbed
from numerai_predict.transfer import upload_predictions

_log = logging.getLogger(__name__)


def deliver(csv: bytes, request: RunRequest, report: RunReport) -> None:
    """Write the predictions to the output folder, then upload them if asked to, also if they could not be written.
    Raises Fault for what did not succeed.
    """
    path = request.output_dir / f"live_predictions-{secrets.token_hex(6)}.csv"
    unwritten = save(csv, path, report)
    unsent = upload(csv, path.name, request, report)
    if unwritten and unsent:
        raise Fault(unsent.code, f"{unsent.message} {unwritten}.", Code.OUTPUT_NOT_WRITTEN.hint)
    if unwritten:
        besides = "; the predictions were uploaded all the same" if report.delivery.uploaded_to else ""
        raise Fault(Code.OUTPUT_NOT_WRITTEN, f"{unwritten}{besides}.")
    if unsent:
        raise Fault(unsent.code, f"{unsent.message} {whereabouts(report)}", unsent.hint)


def save(csv: bytes, path: Path, report: RunReport) -> str:
    """Write the file; returns why that is not possible, if so."""
    try:
        with undisturbed():
            write_whole(csv, path)
            report.delivery.saved = SavedPart(str(path), len(csv))
    except OSError as error:
        unwritten = f"{path} cannot be written: {error.strerror or error}"
        _log.error(unwritten)
        return unwritten
    _log.info("Saved the predictions to %s", path)
    return ""


def upload(csv: bytes, file_name: str, request: RunRequest, report: RunReport) -> Fault | None:
    """Post the predictions if asked to; returns why they did not arrive, if so."""
    if request.post_url is None or request.post_data is None:
        return None
    shown = without_query(request.post_url)

    def note_arrival() -> None:
        report.delivery.uploaded_to = shown

    try:
        upload_predictions(csv, request.post_url, request.post_data, file_name, note_arrival)
    except Fault as fault:
        return fault
    return None


def whereabouts(report: RunReport) -> str:
    """The sentence that says where the predictions of a run are that did not succeed; empty if there are none."""
    if report.delivery.saved is None:
        return ""
    besides = ", and were uploaded" if report.delivery.uploaded_to else ""
    return f"The predictions are kept in {report.delivery.saved.path}{besides}."


def write_whole(content: bytes, path: Path) -> None:
    """Write a new file, or none: part of one, on a full disk, could be taken for the whole. Raises OSError."""
    part = path.with_name(f".{path.name}")
    try:
        with open(part, "xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        part.unlink(missing_ok=True)
        raise
