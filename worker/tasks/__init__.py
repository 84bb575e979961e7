"""What Celery calls: each task translates and hands over to a service."""
