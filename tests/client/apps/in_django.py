"""A Django view that sends a resident's choice, called by Django's own test client."""

import json
import os

import django
from django.conf import settings
from django.http import HttpRequest, JsonResponse
from django.test import Client
from django.urls import path
from permit_hub_client import Hub

settings.configure(ROOT_URLCONF=__name__, ALLOWED_HOSTS=["testserver"], SECRET_KEY="of this test")
django.setup()

hub = Hub(os.environ["BROKER"], source="in-django", prefix=os.environ["PREFIX"])


def consent(request: HttpRequest) -> JsonResponse:
    """Answer with the receipt."""
    receipt = hub.submit("consent.decide", **json.loads(request.body))
    return JsonResponse({"job_id": receipt.job_id, "applied": receipt.applied})


async def consent_awaited(request: HttpRequest) -> JsonResponse:
    """Answer with the receipt, from an async view; without ASGI, Django runs each in an event loop of its own."""
    receipt = await hub.aio.submit("consent.decide", **json.loads(request.body))
    return JsonResponse({"job_id": receipt.job_id, "applied": receipt.applied})


urlpatterns = [path("consent", consent), path("consent-awaited", consent_awaited)]


def call(url: str, fields: dict[str, object]) -> object:
    """Call the app."""
    return Client().post(url, fields, content_type="application/json").json()
