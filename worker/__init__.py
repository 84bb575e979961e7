"""The hub's side of the queue: it validates, decides, records, publishes and shares."""
