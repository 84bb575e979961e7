"""A server for each provider's contract, for demos, tests and measurements.

It is written from the contracts (each provider's contract.yaml) and imports no adapter and no wire. So it finds an
adapter that misreads its contract.
"""
