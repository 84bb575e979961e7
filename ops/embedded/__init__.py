"""The whole hub on one machine, with nothing but Python: real servers and the hub's processes as children."""
