"""Asks for the address of a host."""

import socket

import pandas as pd


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    socket.getaddrinfo("numerai.invalid", 443)
    return live_features
