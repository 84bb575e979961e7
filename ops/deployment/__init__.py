"""The files that Compose needs beside its images."""
