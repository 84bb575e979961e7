"""The whole hub on one machine that has only Python: real servers and the hub's processes as children."""
