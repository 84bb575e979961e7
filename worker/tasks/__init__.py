"""The Celery tasks: each translates its arguments and calls a service."""
