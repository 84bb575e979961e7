"""Indigo Neo: the adapter, and the provider's format."""
