"""What a worker process does beside its tasks: start, guard the queue, keep its hub, hide tasks' data, be watched."""
