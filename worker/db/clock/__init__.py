"""What the clock looks for: terms that ended, what has been kept long enough, what is stuck."""
