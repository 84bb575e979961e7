"""Between the broker and Celery: messages, commands and events are checked and rebuilt before Celery reads them."""
