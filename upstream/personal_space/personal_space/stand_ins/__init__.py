"""What a city has beside its hub, for a machine that has none of it: MonParis, and the payment service."""
