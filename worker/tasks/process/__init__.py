"""What a worker process does beside its tasks: it starts, keeps its hub, hides what tasks are given, and is watched."""
