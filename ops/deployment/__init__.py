"""What the production shape needs beside its images."""
