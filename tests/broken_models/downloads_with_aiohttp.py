"""A client whose look-ups run in a thread."""

import asyncio
from typing import Any

import pandas as pd


async def download() -> Any:
    import aiohttp

    async with aiohttp.ClientSession() as session, session.get("https://example.com/weights.json") as answer:
        return await answer.json()


def predict(live_features: pd.DataFrame) -> pd.DataFrame:
    return live_features.iloc[:, :1] * asyncio.run(download())["a"]
