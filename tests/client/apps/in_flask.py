"""A Flask view that sends a resident's choice, called by Flask's own test client."""

import os

from flask import Flask, request
from permit_hub_client import Hub

app = Flask(__name__)
hub = Hub(os.environ["BROKER"], source="in-flask", prefix=os.environ["PREFIX"])


@app.post("/consent")
def consent() -> dict[str, object]:
    """Answer with the receipt."""
    receipt = hub.submit("consent.decide", **request.get_json())
    return {"job_id": receipt.job_id, "applied": receipt.applied}


def call(url: str, fields: dict[str, object]) -> object:
    """Call the app."""
    return app.test_client().post(url, json=fields).get_json()
