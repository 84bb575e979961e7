"""Shares with their providers, disclosures, dead letters, reconciliations."""
