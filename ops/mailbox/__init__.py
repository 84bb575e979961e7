"""A mail server that delivers nothing: what is sent through it stays here, to be read."""
