"""A stand-in for the city's payment service: it is sent signed orders, and tells the app of each payment, signed."""
