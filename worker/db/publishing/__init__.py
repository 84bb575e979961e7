"""Events, and residents' histories."""
