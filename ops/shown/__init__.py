"""Everything that commands print: one file for each subject, and how tables, times and texts are written."""
