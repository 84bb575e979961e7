"""How residents are reached: one file a channel, behind one contract."""
