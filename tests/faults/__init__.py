"""Faults around the hub, on real processes. A package, so that they end with its last test."""
