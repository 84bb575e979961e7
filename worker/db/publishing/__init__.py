"""Events, and the history that residents ask for."""
