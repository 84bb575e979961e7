"""What the clock looks for: ended terms, data kept long enough, work that is stuck."""
