"""Flowbird: the adapter, and the provider's format."""
