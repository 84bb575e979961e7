"""One module for each command, or family of commands, of `permit-hub`."""
