"""What the clock starts: terms that end, retention, sweeps, and the search for what is stuck."""
