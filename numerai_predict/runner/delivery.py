"""Where the predictions go: to the output folder, and to S3 if they are asked for there."""

import logging
import os
from pathlib import Path
from typing import BinaryIO

from numerai_predict.container import outlives_container
from numerai_predict.faults import Code, Fault
from numerai_predict.files import copy_whole
from numerai_predict.redaction import without_query
from numerai_predict.report import RunReport, SavedPart
from numerai_predict.runner.request import RunRequest
from numerai_predict.sandbox import undisturbed

_log = logging.getLogger(__name__)


def deliver(csv: BinaryIO, request: RunRequest, report: RunReport) -> None:
    """Write the predictions to the output folder, then upload them if asked to, also if they could not be written.
    Raises Fault for what did not succeed.
    """
    path = request.output_folder / f"live_predictions-{os.urandom(6).hex()}.csv"
    unsaved = save(csv, path, report)
    unsent = upload(csv, path.name, request, report)
    if report.delivery.saved and not report.delivery.uploaded_to:
        note_what_goes_with_the_container(path, report)
    if unsaved and unsent:
        raise Fault(unsent.code, f"{unsent.message} {unsaved.message}", unsaved.hint)
    if unsaved:
        besides = " The predictions were uploaded all the same." if report.delivery.uploaded_to else ""
        raise Fault(unsaved.code, f"{unsaved.message}{besides}", unsaved.hint)
    if unsent:
        raise Fault(unsent.code, f"{unsent.message} {whereabouts(report)}", unsent.hint)


def save(csv: BinaryIO, path: Path, report: RunReport) -> Fault | None:
    """Write the file; returns why that is not possible, if so."""
    try:
        with undisturbed():
            size = copy_whole(csv, path)
            report.delivery.saved = SavedPart(str(path), size)
    except OSError as error:
        unsaved = Fault(Code.OUTPUT_NOT_WRITTEN, f"{path} cannot be written: {error.strerror or error}.")
        _log.error(unsaved.message)
        return unsaved
    _log.info("Saved the predictions to %s", path)
    return None


def note_what_goes_with_the_container(path: Path, report: RunReport) -> None:
    """Say so where the predictions are in a container alone, and how to keep the next ones."""
    if outlives_container(path.parent):
        return
    keep = 'mount a folder, and have them written there: docker run -v "$PWD:$PWD" … --output_dir "$PWD"'
    notice = f"{path} is inside the container, and is removed with it. To keep predictions, {keep}."
    _log.warning(notice)
    if report.predictions:
        report.predictions.notices.append(notice)


def upload(csv: BinaryIO, file_name: str, request: RunRequest, report: RunReport) -> Fault | None:
    """Post the predictions if asked to; returns why they did not arrive, if so."""
    if request.post_url is None or request.post_data is None:
        return None
    from numerai_predict.transfer import upload_predictions

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
