"""Every provider by name; an adapter is imported at its first use.

A new provider is a folder and a line here. Every installation then has it, unless PERMIT_HUB_PROVIDERS leaves it out.
"""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType
from typing import Protocol, cast
from zoneinfo import ZoneInfo

from integrations import settings
from integrations.base import Adapter, Capabilities
from integrations.settings import ProviderSettings

ADAPTERS: Mapping[str, str] = MappingProxyType(
    {
        "paybyphone": "integrations.paybyphone.adapter:PayByPhone",
        "flowbird": "integrations.flowbird.adapter:Flowbird",
        "easypark": "integrations.easypark.adapter:EasyPark",
        "indigo_neo": "integrations.indigo_neo.adapter:IndigoNeo",
        "city_hub": "integrations.city_hub.adapter:CityHub",
    }
)


class UnknownProviderError(LookupError):
    """No provider of that name is registered."""


class AdapterType(Protocol):
    """The attributes of an adapter's class."""

    name: str
    capabilities: Capabilities
    settings: type[ProviderSettings]  # its settings

    def __call__(self, access: ProviderSettings, *, zone: ZoneInfo, connections: int) -> Adapter:
        """Make the adapter; it connects at its first request."""


def adapter_type(name: str) -> AdapterType:
    """Import and return a provider's adapter class.

    Raises:
        UnknownProviderError: no such provider.
    """
    try:
        module, _, attribute = ADAPTERS[name].partition(":")
    except KeyError:
        raise UnknownProviderError(name) from None
    return cast(AdapterType, getattr(import_module(module), attribute))


def capabilities(name: str) -> Capabilities:
    """Return a provider's capabilities without reading its settings.

    Raises:
        UnknownProviderError: no such provider.
    """
    return adapter_type(name).capabilities


def access(name: str) -> ProviderSettings:
    """Read a provider's settings.

    Raises:
        UnknownProviderError: no such provider.
        SettingError: one of its settings is missing or wrong.
    """
    return settings.read(name, adapter_type(name).settings)


def adapter(name: str, access: ProviderSettings, *, zone: ZoneInfo, connections: int) -> Adapter:
    """Make a provider's adapter.

    Args:
        name: the provider.
        access: its settings, as `access` returns them.
        zone: the city's time zone, for validities.
        connections: the most open connections; as many as requests in flight, so that none waits.

    Raises:
        UnknownProviderError: no such provider.
    """
    return adapter_type(name)(access, zone=zone, connections=connections)
