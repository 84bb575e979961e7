"""What goes wrong around the hub, done to real processes: a package, so that they end with its last test."""
