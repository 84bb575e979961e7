"""Jobs: the requests of the web apps, each handled in one transaction."""
