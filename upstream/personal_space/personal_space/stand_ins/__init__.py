"""Stand-ins for the services of a city beside its hub: MonParis (sign-in) and the payment service."""
