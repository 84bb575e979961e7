"""Every provider by name; nothing is imported before it is asked for.

A new one is a folder and a line here, and every installation then has it unless PERMIT_HUB_PROVIDERS leaves it out.
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
    """What an adapter's class offers before there is an adapter."""

    name: str
    capabilities: Capabilities
    settings: type[ProviderSettings]  # which access it needs

    def __call__(self, access: ProviderSettings, *, zone: ZoneInfo, connections: int) -> Adapter:
        """Make the adapter; nothing is connected before the first request."""


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
    """Return what a provider needs and can do; its settings are not read.

    Raises:
        UnknownProviderError: no such provider.
    """
    return adapter_type(name).capabilities


def access(name: str) -> ProviderSettings:
    """Read where and with which secrets a provider is reached.

    Raises:
        UnknownProviderError: no such provider.
        SettingError: one of its settings is missing or wrong.
    """
    return settings.read(name, adapter_type(name).settings)


def adapter(name: str, access: ProviderSettings, *, zone: ZoneInfo, connections: int) -> Adapter:
    """Make a provider's adapter.

    Args:
        name: the provider.
        access: what `access` has read for it.
        zone: the city's time zone, in which validities are counted.
        connections: how many connections may be open at once; as many as requests in flight, for none to queue.

    Raises:
        UnknownProviderError: no such provider.
    """
    return adapter_type(name)(access, zone=zone, connections=connections)
