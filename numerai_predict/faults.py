"""Every way a run can fail: its code, whose fault it is, and what to do about it."""

from enum import Enum


class Blame(Enum):
    """Whose fault a failure is: the status in the run report and the exit status of the process."""

    MODEL = ("failed", 1)
    USAGE = ("error", 2)
    RUNTIME = ("error", 3)

    def __init__(self, status: str, exit_status: int) -> None:
        self.status = status
        self.exit_status = exit_status


class Code(Enum):
    """One way to fail: whose fault it is, what it means, and the hint that is given unless a better one is known."""

    USAGE = (Blame.USAGE, "The command line is wrong.", "See predict.py --help.")

    EMPTY_FILE = (Blame.MODEL, "The model file has no bytes.", "Write the pickle again and check its size.")
    NOT_A_PICKLE = (
        Blame.MODEL,
        "The model file is something else than a pickle: text, a web page, an archive, another model format.",
        "Write the predict function with cloudpickle.dump(predict, file) and give that file.",
    )
    UNREADABLE_PICKLE = (
        Blame.MODEL,
        "The bytes of the model file do not form a valid pickle.",
        "Write the pickle again with cloudpickle.dump and copy it in binary mode.",
    )
    TRUNCATED_PICKLE = (
        Blame.MODEL,
        "The pickle ends before it is complete.",
        "Write the pickle again, close the file, and compare its size after every copy or upload.",
    )
    PYTHON_VERSION_MISMATCH = (
        Blame.MODEL,
        "The pickle was written by another Python version.",
        "Choose the image of the Python that wrote the pickle, or write it again with this Python.",
    )
    MISSING_MODULE = (
        Blame.MODEL,
        "The model needs a module that is not installed here.",
        "If the module is your own file, carry it inside the pickle with "
        "cloudpickle.register_pickle_by_value(module); if it is a package, use one that the platform has.",
    )
    MISSING_ATTRIBUTE = (
        Blame.MODEL,
        "The pickle refers to a function or class that does not exist here.",
        "Write the pickle with cloudpickle, which stores functions and classes of a script by value.",
    )
    INCOMPATIBLE_LIBRARY = (
        Blame.MODEL,
        "The pickle was written with a library version that the installed one cannot read.",
        "Install the platform's versions (requirements.txt of this Python), train again and write the pickle again.",
    )
    CUDA_MODEL = (
        Blame.MODEL,
        "The model holds tensors of a GPU, and this machine has none.",
        "Move the model to the CPU before you pickle it: model.to('cpu').",
    )
    LOAD_FAILED = (
        Blame.MODEL,
        "The pickle raised an exception while it was loaded.",
        "Load the pickle in a fresh process on your machine; the traceback shows where it fails.",
    )
    NOT_CALLABLE = (
        Blame.MODEL,
        "The pickle holds an object that cannot be called.",
        "Wrap the model in a function, def predict(live_features, live_benchmark_models), and pickle the function.",
    )
    WRONG_SIGNATURE = (
        Blame.MODEL,
        "The model does not take one or two positional arguments.",
        "Make it predict(live_features) or predict(live_features, live_benchmark_models).",
    )

    MODEL_RAISED = (
        Blame.MODEL,
        "The model raised an exception while it predicted.",
        "The traceback begins with your own code; run the model there on the live data.",
    )
    MISSING_COLUMNS = (
        Blame.MODEL,
        "The model asks for columns that the live data does not have.",
        "Train on the data version that you predict on, or name another one with --dataset and --benchmarks.",
    )
    MISSING_FILE = (
        Blame.MODEL,
        "The model opens a file that does not exist here.",
        "Carry the file's content inside the pickle, as a global or a closure of predict.",
    )
    FILE_DENIED = (
        Blame.MODEL,
        "The model opens a file that it may not open: it may write only to its temporary folder.",
        "Write to tempfile.gettempdir() if the model must write at all, and carry what it reads inside the pickle.",
    )
    DISK_FULL = (
        Blame.MODEL,
        "The model wrote more than fits into its temporary folder, or into shared memory.",
        "Keep what the model computes in memory, and write less. Docker gives processes 64 MB of shared memory: "
        "use threads, or n_jobs=1.",
    )
    NETWORK_USED = (
        Blame.MODEL,
        "The model tried to reach the network, which models may not.",
        "Download what the model needs before you pickle it, and carry it inside the pickle.",
    )
    MODEL_EXITED = (
        Blame.MODEL,
        "The model ended the process instead of returning predictions.",
        "Remove sys.exit, exit, quit and os._exit from the model; return a DataFrame.",
    )
    MODEL_CRASHED = (
        Blame.MODEL,
        "The model's process died by a signal.",
        "Check first that the pickle was written by this Python and with these library versions; if so, a native "
        "library of the model crashed.",
    )
    OUT_OF_MEMORY = (
        Blame.MODEL,
        "The model needed more memory than it may use.",
        "Predict in chunks, use float32, and keep training data out of the pickle.",
    )
    TIMEOUT = (
        Blame.MODEL,
        "The model took longer than it may.",
        "Make the model smaller, or precompute what does not depend on the live data.",
    )
    TOO_MANY_PROCESSES = (
        Blame.MODEL,
        "The model started more processes than it may.",
        "Use no more workers than there are CPUs (n_jobs=1 is fastest on the platform), and let them end.",
    )
    BAD_HANDOVER = (
        Blame.MODEL,
        "The model's process handed over something else than predictions.",
        "Return a plain DataFrame with fewer rows; leave standard input, open file descriptors and pandas alone.",
    )

    RETURNED_NOTHING = (Blame.MODEL, "The model returned None.", "End predict with a return statement.")
    NOT_A_DATAFRAME = (
        Blame.MODEL,
        "The model returned something else than a pandas DataFrame.",
        'Return pd.DataFrame({"prediction": values}, index=live_features.index).',
    )
    NO_PREDICTIONS = (
        Blame.MODEL,
        "The returned DataFrame has no rows or no columns.",
        "Return one row for each live id and one column named prediction.",
    )
    NAN_PREDICTIONS = (
        Blame.MODEL,
        "Some predictions are missing values.",
        "Fill missing inputs before you predict, or the predictions after: predictions.fillna(0.5).",
    )
    PREDICTIONS_NOT_NUMBERS = (
        Blame.MODEL,
        "The first column of the predictions holds other things than numbers.",
        "Make the first column the predictions, as floats; ids belong into the index.",
    )
    PREDICTIONS_OUT_OF_RANGE = (
        Blame.MODEL,
        "Some predictions lie outside [0, 1].",
        "Rank them: predictions.rank(pct=True).",
    )
    MISSING_IDS = (
        Blame.MODEL,
        "The index of the predictions lacks live ids.",
        "Give the predictions the index of the live features: index=live_features.index.",
    )
    DUPLICATE_IDS = (
        Blame.MODEL,
        "Live ids stand more than once in the index of the predictions.",
        "Return each live id once: index=live_features.index.",
    )
    WRONG_COLUMNS = (
        Blame.MODEL,
        "The predictions are not one column named prediction under an index named id.",
        'Return pd.DataFrame({"prediction": values}, index=live_features.index).',
    )
    CONSTANT_PREDICTIONS = (
        Blame.MODEL,
        "All predictions are the same.",
        "Check that the model sees the features it was trained on.",
    )

    MODEL_NOT_FOUND = (
        Blame.RUNTIME,
        "The model file does not exist or cannot be opened.",
        'Check the path; in Docker, mount its folder: -v "$PWD:$PWD".',
    )
    MODEL_NOT_DOWNLOADED = (
        Blame.RUNTIME,
        "The model could not be downloaded.",
        "Check the URL and the network, make a fresh presigned URL, and try again.",
    )
    DATASET_NOT_FOUND = (
        Blame.RUNTIME,
        "A data file does not exist or cannot be opened.",
        'Check the path; in Docker, mount its folder: -v "$PWD:$PWD".',
    )
    DATASET_NOT_DOWNLOADED = (
        Blame.RUNTIME,
        "A dataset could not be downloaded from Numerai.",
        "Try again later, or give local files with --dataset and --benchmarks.",
    )
    UNREADABLE_DATASET = (
        Blame.RUNTIME,
        "A data file is not a whole parquet file with rows.",
        "Download it again, or give another file with --dataset or --benchmarks.",
    )
    OUTPUT_NOT_WRITTEN = (
        Blame.RUNTIME,
        "A file could not be written.",
        "Give a folder that can be written to and has space with --output_dir.",
    )
    UPLOAD_FAILED = (
        Blame.RUNTIME,
        "The predictions could not be uploaded.",
        "The CSV is kept; make a fresh presigned POST and try again.",
    )
    INTERRUPTED = (Blame.RUNTIME, "The run was stopped from outside.", "Start it again.")
    INTERNAL_ERROR = (
        Blame.RUNTIME,
        "The runtime itself failed.",
        "Please report this with the run report (--report).",
    )

    def __init__(self, blame: Blame, meaning: str, hint: str) -> None:
        self.blame = blame
        self.meaning = meaning
        self.hint = hint

    @property
    def label(self) -> str:
        """The code as users and reports see it: `missing_module`."""
        return self.name.lower()


class Fault(RuntimeError):
    """One failure: its code, a sentence that names the cause, a hint that names the remedy, and a traceback if any."""

    def __init__(self, code: Code, message: str, hint: str | None = None, trace: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint or code.hint
        self.trace = trace


class Interrupted(BaseException):
    """The run was stopped by the signal of that name. No Exception, since libraries (logging) swallow those."""
