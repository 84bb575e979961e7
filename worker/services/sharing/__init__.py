"""The sharing protocol at work: what each provider is to hold, sent, recorded and compared."""
