"""The resident's personal space: a web app in front of a permit hub, reached through the hub's client."""
