"""The phases of the model's process, by the names that it announces, and in the order of each task."""

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
