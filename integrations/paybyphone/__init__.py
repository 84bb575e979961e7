"""PayByPhone: the adapter, and the provider's own words."""
