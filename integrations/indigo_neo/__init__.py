"""Indigo Neo: the adapter, and the provider's own words."""
