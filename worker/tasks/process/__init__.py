"""What a worker process does beside its tasks: start, keep its hub, hide tasks' data, be watched."""
