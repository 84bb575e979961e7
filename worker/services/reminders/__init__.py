"""Reminders: decided once in the database, then sent through a channel."""
