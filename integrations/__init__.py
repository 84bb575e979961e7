"""The providers that receive data: one folder each, behind one interface."""
