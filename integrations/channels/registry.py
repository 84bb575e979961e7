"""Every channel by name, imported at its first use. A new one is a file and a line here."""

from collections.abc import Mapping
from importlib import import_module
from types import MappingProxyType

from integrations import settings
from integrations.channels.base import Channel

CHANNELS: Mapping[str, str] = MappingProxyType({"email": "integrations.channels.email:Email"})


def channel(name: str) -> Channel:
    """Read a channel's settings and make it; it connects at its first notice.

    Raises:
        integrations.settings.SettingError: one of its settings is missing or wrong.
    """
    module, _, attribute = CHANNELS[name].partition(":")
    kind = getattr(import_module(module), attribute)
    made: Channel = kind(settings.read(name, kind.settings))
    return made
