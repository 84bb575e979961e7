"""The city hub (meters and enforcement): the adapter, and the provider's format."""
