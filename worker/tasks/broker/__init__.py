"""Between the broker and Celery: messages, commands and events are checked and built again before Celery reads them."""
