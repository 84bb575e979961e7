"""The hub's own side of the queue: it validates, decides, records, publishes and shares."""
