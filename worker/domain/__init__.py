"""The rules, as plain Python: values in, values out; no I/O and no clock."""
