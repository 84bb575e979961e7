"""What the commands of the extra `stack` print."""
