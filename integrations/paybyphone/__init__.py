"""PayByPhone: the adapter, and the provider's format."""
