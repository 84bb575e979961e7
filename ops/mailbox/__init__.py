"""A mail server that delivers nothing: it keeps all messages for reading."""
