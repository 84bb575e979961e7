"""Jobs: what the web apps ask for, each handled in one transaction."""
