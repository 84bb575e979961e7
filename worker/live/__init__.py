"""Redis beside the queues: spaces, events, wake-ups and documents, all made from the database."""
