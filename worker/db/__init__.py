"""The truth in PostgreSQL: tables, and the statements that services need, in the same rooms as the services."""
