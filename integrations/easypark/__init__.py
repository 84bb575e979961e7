"""EasyPark: the adapter, and the provider's format."""
