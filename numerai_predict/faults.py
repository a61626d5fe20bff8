"""Every way a run can fail, and whose fault it is.

exit  status   Blame    at fault                                     worth another try
----  -------  -------  -------------------------------------------  -----------------
0     success
1     failed   MODEL    the model, or the file that holds it         no, fix the model
2     error    USAGE    the command line, or the Python it names     no, fix it
3     error    RUNTIME  the network, the disk, the runtime itself    yes
"""

from enum import Enum


class Blame(Enum):
    """Whose fault a failure is: the status in the run report, and the exit status of the process."""

    MODEL = ("failed", 1)
    USAGE = ("error", 2)
    RUNTIME = ("error", 3)

    def __init__(self, status: str, exit_status: int) -> None:
        self.status = status
        self.exit_status = exit_status


class Code(Enum):
    """One way to fail: whose fault it is, what it means, and the hint that is shown unless a better one is known."""

    # Exit 2: the command line, or the Python that it names

    USAGE = (Blame.USAGE, "The command line is wrong.", "See --help for the flags and their values.")
    MISSING_PACKAGES = (
        Blame.USAGE,
        "This Python does not have the packages that the runtime itself needs (pandas, pyarrow, …).",
        "Run it in the image, or with a Python that has them: make demo makes one.",
    )

    # Exit 1: the model file

    EMPTY_FILE = (Blame.MODEL, "The model file is empty.", "Write the pickle again and check its size.")
    NOT_A_PICKLE = (
        Blame.MODEL,
        "The model file is not a pickle: it is text, a web page, an archive or another model format.",
        "Write the predict function with cloudpickle.dump(predict, file), and use that file.",
    )
    UNREADABLE_PICKLE = (
        Blame.MODEL,
        "The bytes of the model file are not a valid pickle.",
        "Write the pickle again with cloudpickle.dump, and copy it in binary mode.",
    )
    TRUNCATED_PICKLE = (
        Blame.MODEL,
        "The pickle is incomplete: the file ends too early.",
        "Write the pickle again, close the file, and compare its size after every copy or upload.",
    )

    # Exit 1: loading the model

    PYTHON_VERSION_MISMATCH = (
        Blame.MODEL,
        "The pickle was written by another Python version.",
        "Use the image of the Python version that wrote the pickle, or write it again with this one.",
    )
    MISSING_MODULE = (
        Blame.MODEL,
        "The model needs a module that is not installed here.",
        "If the module is your own file, include it in the pickle with "
        "cloudpickle.register_pickle_by_value(module). If it is a package, use one that the platform has. If the "
        "platform has it, run the model in the image.",
    )
    MISSING_ATTRIBUTE = (
        Blame.MODEL,
        "The pickle refers to a function or class that does not exist here.",
        "Write the pickle with cloudpickle, which includes the functions and classes of your script.",
    )
    INCOMPATIBLE_LIBRARY = (
        Blame.MODEL,
        "The pickle was written with a library version that the installed version cannot read.",
        "Install the platform's versions (requirements.txt of this Python), train again, and write the pickle again.",
    )
    CUDA_MODEL = (
        Blame.MODEL,
        "The model contains GPU tensors, and this machine has no GPU.",
        "Move the model to the CPU before you pickle it: model.to('cpu').",
    )
    LOAD_FAILED = (
        Blame.MODEL,
        "Loading the pickle raised an exception.",
        "Load the pickle in a new Python process on your machine; the traceback shows where it fails.",
    )
    NOT_CALLABLE = (
        Blame.MODEL,
        "The pickle contains an object that cannot be called.",
        "Wrap the model in a function, def predict(live_features, live_benchmark_models), and pickle the function.",
    )
    WRONG_SIGNATURE = (
        Blame.MODEL,
        "The model does not take one or two positional arguments.",
        "Define it as predict(live_features) or predict(live_features, live_benchmark_models).",
    )

    # Exit 1: while the model runs

    MODEL_RAISED = (
        Blame.MODEL,
        "The model raised an exception while predicting.",
        "The traceback starts with your own code; run the model on the live data to debug it.",
    )
    MISSING_COLUMNS = (
        Blame.MODEL,
        "The model asks for columns that the data does not have, or was trained on columns that it is not given.",
        "Train on the data version that you predict on, or choose another one with --dataset and --benchmarks.",
    )
    UNEXPECTED_COLUMNS = (
        Blame.MODEL,
        "The model is given other columns than it was trained on: more of them, or in another order.",
        "Store the names of the columns that it was trained on in the pickle, and select them: live_features[columns].",
    )
    MISSING_FILE = (
        Blame.MODEL,
        "The model opens a file that does not exist here.",
        "Store the file's content inside the pickle, as a global or closure variable of predict.",
    )
    MISSING_PROGRAM = (
        Blame.MODEL,
        "The model starts a program that is not installed here.",
        "Do without the program: a model can count on Python and the platform's packages alone.",
    )
    MISSING_LIBRARY = (
        Blame.MODEL,
        "The model loads a shared library that the system here does not have.",
        "No pip install brings a system library: use a package that the platform has instead.",
    )
    FILE_DENIED = (
        Blame.MODEL,
        "The model opens a file without permission: it may write only to its temporary folder.",
        "Write to tempfile.gettempdir() if the model must write at all, and store what it reads inside the pickle.",
    )
    DISK_FULL = (
        Blame.MODEL,
        "The model wrote more than fits in its temporary folder or in shared memory.",
        "Keep results in memory and write less. Docker limits shared memory to 64 MB: use threads, or n_jobs=1.",
    )
    NETWORK_USED = (
        Blame.MODEL,
        "The model tried to use the network, which models may not.",
        "Download what the model needs before you pickle it, and store it inside the pickle.",
    )
    MODEL_EXITED = (
        Blame.MODEL,
        "The model ended its process instead of returning predictions.",
        "Remove sys.exit, exit, quit and os._exit from the model; return a DataFrame.",
    )
    MODEL_CRASHED = (
        Blame.MODEL,
        "The model's process was killed by a signal.",
        "Check first that this Python and these library versions wrote the pickle. If they did, a native library of "
        "the model crashed.",
    )
    WORKER_LOST = (
        Blame.MODEL,
        "The model took down the worker that ran it, twice.",
        "Run the model alone, in the image (docker run --memory=5g), and watch its memory, processes and files.",
    )
    OUT_OF_MEMORY = (
        Blame.MODEL,
        "The model needed more memory than its limit.",
        "Predict in chunks, use float32, and keep training data out of the pickle.",
    )
    TIMEOUT = (
        Blame.MODEL,
        "The model ran longer than its time limit.",
        "Make the model smaller, or precompute what does not depend on the live data.",
    )
    TOO_MANY_PROCESSES = (
        Blame.MODEL,
        "The model started more processes or threads than it may have.",
        "Use no more workers and threads than there are CPUs (n_jobs=1 is fastest on the platform), and let them end.",
    )
    BAD_HANDOVER = (
        Blame.MODEL,
        "The model's process did not hand over valid predictions.",
        "Return a plain DataFrame with fewer rows. Do not use standard input or file descriptors that the model did "
        "not open, and do not patch pandas.",
    )

    # Exit 1: the predictions

    RETURNED_NOTHING = (Blame.MODEL, "The model returned None.", "End predict with a return statement.")
    NOT_A_DATAFRAME = (
        Blame.MODEL,
        "The model returned an object that is not a pandas DataFrame.",
        'Return pd.DataFrame({"prediction": values}, index=live_features.index).',
    )
    NO_PREDICTIONS = (
        Blame.MODEL,
        "The returned DataFrame has no rows or no columns.",
        "Return one row for each live id, and one column named prediction.",
    )
    NAN_PREDICTIONS = (
        Blame.MODEL,
        "Some predictions are NaN.",
        "Fill missing inputs before you predict, or the predictions afterwards: predictions.fillna(0.5).",
    )
    PREDICTIONS_NOT_NUMBERS = (
        Blame.MODEL,
        "The first column of the predictions contains values that are not numbers.",
        "Put the predictions in the first column, as floats; ids belong in the index.",
    )
    PREDICTIONS_OUT_OF_RANGE = (
        Blame.MODEL,
        "Some predictions are outside [0, 1].",
        "Rank them: predictions.rank(pct=True).",
    )
    MISSING_IDS = (
        Blame.MODEL,
        "Some live ids have no prediction.",
        "Give the predictions the index of the live features: index=live_features.index.",
    )
    DUPLICATE_IDS = (
        Blame.MODEL,
        "Some live ids occur more than once in the predictions.",
        "Return each live id once: index=live_features.index.",
    )
    WRONG_COLUMNS = (
        Blame.MODEL,
        "The predictions are not a single column named prediction with an index named id.",
        'Return pd.DataFrame({"prediction": values}, index=live_features.index).',
    )
    CONSTANT_PREDICTIONS = (
        Blame.MODEL,
        "All predictions are equal.",
        "Check that the model receives the features it was trained on.",
    )

    # Exit 3: the network, the disk, the runtime itself

    MODEL_NOT_FOUND = (
        Blame.RUNTIME,
        "The model file does not exist or cannot be opened.",
        'Check the path; in Docker, mount its folder (-v "$PWD:$PWD") and give the whole path: "$PWD/model.pkl".',
    )
    MODEL_NOT_DOWNLOADED = (
        Blame.RUNTIME,
        "The model could not be downloaded.",
        "Check the URL and the network, create a new presigned URL, and try again.",
    )
    DATASET_NOT_FOUND = (
        Blame.RUNTIME,
        "A data file does not exist or cannot be opened.",
        'Check the path; in Docker, mount its folder: -v "$PWD:$PWD".',
    )
    DATASET_NOT_DOWNLOADED = (
        Blame.RUNTIME,
        "A dataset could not be downloaded from Numerai.",
        "Try again later, or use local files with --dataset and --benchmarks.",
    )
    UNREADABLE_DATASET = (
        Blame.RUNTIME,
        "A data file is not a complete parquet file with rows.",
        "Download it again, or use another file with --dataset or --benchmarks.",
    )
    OUTPUT_NOT_WRITTEN = (
        Blame.RUNTIME,
        "A file could not be written.",
        "Use --output_dir to choose a writable folder with free space.",
    )
    UPLOAD_FAILED = (
        Blame.RUNTIME,
        "The predictions could not be uploaded.",
        "The CSV is kept; create a new presigned POST and try again.",
    )
    INTERRUPTED = (Blame.RUNTIME, "The run was stopped by a signal.", "Start it again.")
    INTERNAL_ERROR = (
        Blame.RUNTIME,
        "The runtime itself failed.",
        "This is a bug. Please report it with the run report (--report).",
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
    """One failure: its code, a sentence for the cause, a hint for the remedy, and a traceback if there is one."""

    def __init__(self, code: Code, message: str, hint: str | None = None, trace: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint or code.hint
        self.trace = trace


class Interrupted(BaseException):
    """The run was stopped by the signal of that name. No Exception, since libraries (logging) swallow those."""
