"""A server for each provider's contract, to run, test and measure against.

It is written from the contracts (each provider's contract.yaml) and imports no adapter and no wire, so that an adapter
that misreads its contract is found out here.
"""
