"""The main job, end to end, played on a stack of its own through nothing but the queue, and checked as it goes."""
