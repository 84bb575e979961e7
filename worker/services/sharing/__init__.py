"""The sharing protocol at work: claim, send, record, compare."""
