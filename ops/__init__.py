"""The operator's side: the command line, the embedded stack and the demo."""
