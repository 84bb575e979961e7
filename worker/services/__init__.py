"""One use case a file, in rooms by subject: read, ask the domain, write, commit, publish."""
