"""The resident's personal space: a web app in front of a permit hub, which it knows by its client alone."""
