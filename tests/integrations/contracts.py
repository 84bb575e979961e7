"""Check requests against the providers' contracts, by a library."""

import re
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import yaml
from openapi_core import OpenAPI
from openapi_core.testing import MockRequest
from openapi_core.validation.request.exceptions import MissingRequiredRequestBody

import integrations
from integrations.sandbox.control import Request

PLACEHOLDER = re.compile(r"\[[a-z_ ]+\]")  # the sandbox's log shows these instead of secrets


class Contract:
    """One provider's contract.yaml."""

    def __init__(self, provider: str) -> None:
        """Read and check the document."""
        self.file = Path(integrations.__path__[0]) / provider / "contract.yaml"
        self.document: dict[str, Any] = yaml.safe_load(self.file.read_text())
        self._api = OpenAPI.from_dict(self.document)
        server = urlsplit(self.document["servers"][0]["url"])
        self._host, self._base = f"{server.scheme}://{server.netloc}", server.path

    @classmethod
    @cache
    def of(cls, provider: str) -> Self:
        """Return a provider's contract, read once."""
        return cls(provider)

    def check(self, request: Request) -> None:
        """Check that a request is allowed by the contract: nothing is missing, wrong or additional.

        Raises:
            openapi_core.exceptions.OpenAPIError: something is missing or wrong.
            AssertionError: it has something that is not in the contract.
        """
        given = parse_qsl(request.path.partition("?")[2], keep_blank_values=True)
        self._api.validate_request(self._mock(request))
        bare = self._api.unmarshal_request(self._mock(replace(request, body="")))  # unmarshalling a body is slow
        wants_body = any(isinstance(error, MissingRequiredRequestBody) for error in bare.errors)
        assert len(given) == len(dict(given)), "a query parameter is given twice"
        assert dict(given).keys() <= bare.parameters.query.keys(), "a query parameter is not in the contract"
        assert wants_body or not request.body, "a body is not in the contract"

    def _mock(self, request: Request) -> MockRequest:
        path, _, query = request.path.partition("?")
        headers = {name: PLACEHOLDER.sub("shown", value) for name, value in request.headers.items()}
        return MockRequest(
            host_url=self._host,
            method=request.method.lower(),
            path=self._base + path,
            args=dict(parse_qsl(query, keep_blank_values=True)),
            headers=headers,
            data=request.body.encode() or None,
            content_type=headers.get("Content-Type", ""),
        )
