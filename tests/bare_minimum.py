"""The least that predicting takes: what predict.py is measured against. Usage: MODEL LIVE BENCHMARKS CSV."""

import sys

import pandas as pd

model = pd.read_pickle(sys.argv[1])
live_features = pd.read_parquet(sys.argv[2])
live_benchmark_models = pd.read_parquet(sys.argv[3])
model(live_features, live_benchmark_models).to_csv(sys.argv[4])
