"""The truth in PostgreSQL: tables, and the reads and writes that services need."""
