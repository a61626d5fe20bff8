"""What the model's process and the runtime have one name for: the data, and the phases in the order of each task."""

LIVE_FEATURES = "live_features"
BENCHMARK_MODELS = "benchmark_models"
DATA = {LIVE_FEATURES: "live features", BENCHMARK_MODELS: "benchmark models"}  # As people read them.

IMPORTING = "importing"
INSPECTING = "inspecting"
READING = "reading"
LOADING = "loading"
PREDICTING = "predicting"
CHECKING = "checking"

# The live features are read before the pickle is loaded, the benchmark models when it is known whether the model takes
# them.
PREDICT_PHASES = (IMPORTING, INSPECTING, READING, LOADING, READING, PREDICTING, CHECKING)
INSPECT_PHASES = (INSPECTING,)
READ_PHASES = (IMPORTING, READING)
