"""The outside parties that receive data: one folder each, behind one contract."""
