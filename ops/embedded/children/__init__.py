"""The stack's child processes: how they start and end, who guards them, and who starts them again."""
