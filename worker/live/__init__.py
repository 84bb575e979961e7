"""Redis beside the queues: spaces, events, wake-ups and documents, all of it made from the database."""
