"""What others see of a change: personal spaces, events, and documents that they ask for."""
