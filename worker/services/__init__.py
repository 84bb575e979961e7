"""One use case a file: read, ask the domain, write, commit, publish."""
