"""What others see of a change: personal spaces, events, and documents on request."""
