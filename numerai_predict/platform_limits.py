"""What the platform gives a model, and the data of a round: the defaults of the command line."""

DATASET = "v5.3/live.parquet"
BENCHMARKS = "v5.3/live_benchmark_models.parquet"
OUTPUT_DIR = "/tmp"
TIME_LIMIT_S = 600.0  # Ten minutes on 1 CPU with 4 GB.
MEMORY_LIMIT = 4 << 30  # Bytes.
