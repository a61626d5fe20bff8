"""The findings of a pickle without problems; tests change what they are about."""

from numerai_predict.inspection import THIS_PYTHON, Findings

GOOD = Findings(
    file_name="model.pkl",
    file_bytes=12_345,
    protocol=5,
    python=[THIS_PYTHON],
    writer="cloudpickle 3",
    kind="function",
    name="predict",
    parameters=["live_features", "benchmarks=…"],
    takes=2,
    is_callable=True,
    modules=[],
    differences=[],
    main_names=[],
    late_names=[],
    nested_names=[],
    own_names=[],
    types=[],
    other="",
    complete=True,
    error_kind="",
    error="",
)
