"""A FastAPI path that sends a resident's choice, called by FastAPI's own test client."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from permit_hub_client import Hub

hub = Hub(os.environ["BROKER"], source="in-fastapi", prefix=os.environ["PREFIX"])


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the connections when the server stops."""
    yield
    await hub.aio.close()


app = FastAPI(lifespan=lifespan)


@app.post("/consent")
async def consent(request: Request) -> dict[str, object]:
    """Answer with the receipt."""
    receipt = await hub.aio.submit("consent.decide", **await request.json())
    return {"job_id": receipt.job_id, "applied": receipt.applied}


def call(url: str, fields: dict[str, object]) -> object:
    """Call the app."""
    with TestClient(app) as client:
        return client.post(url, json=fields).json()
