"""What the clock starts: terms that end, retention, sweeps, and the watch for stuck work."""
