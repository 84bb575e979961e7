"""A stand-in for the city's payment service: it takes signed orders and sends the app a signed notification."""
