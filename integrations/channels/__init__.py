"""The channels to residents: one file each, behind one interface."""
