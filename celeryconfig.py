"""How Celery runs here: each setting with its reason. No other file sets one."""

from typing import Any

from celery.schedules import crontab
from kombu.entity import Exchange, Queue

from schemas.jobs import QUEUES
from schemas.jobs import Queue as JobQueue
from worker.live.wake_ups import URGENT
from worker.queues import lane_queue
from worker.settings import settings

TASK_SECONDS = 10  # every task but `remind.send`, which has its own limits, ends within this; more work is sliced
VISIBILITY_SECONDS = 30  # longer than any task: a killed worker's messages are redelivered after this
SWEEP_SECONDS = 2.0
ADVANCE_SECONDS = 5.0  # how long after midnight the work of a new day begins, at the latest
REMIND_SECONDS = 5.0  # how often failed reminders are checked
PURGE_SECONDS = 60.0  # for two seconds each time: sweeps wait no longer, and a backlog is gone in hours
CLEAR_SECONDS = 30.0  # erased data leaves Redis' file this long after it has settled, at most
WATCH_SECONDS = 60.0
UPKEEP = "upkeep"  # the hub's own long work: web apps may write to the queues of jobs only
SOCKET_SECONDS = 5.0  # a broker that is silent for this long counts as gone

_settings = settings()

# Broker and results: one Redis-protocol server, all keys below our prefix
broker_url = _settings.redis_address
result_backend = f"worker.tasks.process.results:ReceiptBackend+{_settings.redis_address}"
broker_transport_options: dict[str, Any] = {
    "global_keyprefix": _settings.redis_prefix,
    "visibility_timeout": VISIBILITY_SECONDS,
    "unacked_restore_interval": 2,  # how often kombu looks for such messages (default 10)
    "socket_timeout": SOCKET_SECONDS,  # a half-open connection must not hang a publish for ever
    "socket_connect_timeout": SOCKET_SECONDS,
    "socket_keepalive": True,
    "health_check_interval": 10,  # finds a connection whose answer will never come
}
result_backend_transport_options: dict[str, Any] = {
    "global_keyprefix": _settings.redis_prefix,
    "visibility_timeout": VISIBILITY_SECONDS,  # the shortest of all users of the broker wins: keep them equal
    "retry_policy": {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5},  # default: 20
}
redis_socket_timeout = SOCKET_SECONDS  # the result backend's own (default 120)
redis_socket_connect_timeout = SOCKET_SECONDS
redis_socket_keepalive = True
redis_retry_on_timeout = True  # writing a result twice is harmless
broker_connection_retry_on_startup = True  # workers may start before Redis
broker_connection_max_retries = None  # and wait for it without limit
broker_channel_error_retry = True  # READONLY, LOADING and OOM answers come with a failover: reconnect, do not exit
broker_pool_limit = 10

# Messages: JSON only, so that nothing on the queue can be code
task_serializer = "json"
result_serializer = "json"
accept_content = ["json"]
result_accept_content = ["json"]
event_serializer = "json"
enable_utc = True
timezone = _settings.time_zone
task_send_sent_event = False  # such events would carry the arguments

# Queues: plain lists on the default exchange, which alone survives a flushed Redis
_default_exchange = Exchange("", type="direct")
_queue_names = (
    *(str(queue) for queue in JobQueue),
    "calendar",
    "remind",
    UPKEEP,
    URGENT,
    *map(lane_queue, _settings.providers),
)
task_queues = tuple(Queue(name, _default_exchange, routing_key=name) for name in _queue_names)
task_create_missing_queues = False  # a misspelt queue is an error, not a list without a reader
task_default_queue = str(JobQueue.JOBS)
task_default_exchange = ""
task_default_exchange_type = "direct"
task_default_routing_key = str(JobQueue.JOBS)
task_routes = {kind: {"queue": str(queue)} for kind, queue in QUEUES.items()} | {
    "calendar.*": {"queue": "calendar"},
    "remind.*": {"queue": "remind"},  # a slow mail server must not hold up the sweeps
    "space.*": {"queue": str(JobQueue.JOBS)},
    "reconcile.*": {"queue": UPKEEP},
    "deliver.urgent": {"queue": URGENT},
    "hub.record_refusal": {"queue": UPKEEP},  # poison on `consent` must not make work there
}  # `deliver.drain` and `hub.ping` are sent to the queue they are about; the gate takes tasks from no other
imports = tuple(f"worker.tasks.{name}" for name in ("clock", "deliver", "hub", "jobs", "reconcile", "remind", "space"))

# Reliability: a message is gone once its task has ended, and tasks are idempotent
task_acks_late = True
task_reject_on_worker_lost = True  # a killed child's message runs again; the guard ends a loop of that
task_retry_on_worker_lost = False  # 5.7 would publish again after 180 s, with the arguments readable
worker_lost_wait = 1.0  # a killed child's last answer arrives within this, or not at all (default 10)
task_acks_on_failure = True  # a failed task never runs again by itself: due times live in the database
task_acks_on_timeout = False  # but one that hit the hard limit does, a few times: it may be a withdrawal
task_time_limit = TASK_SECONDS
task_soft_time_limit = TASK_SECONDS - 2  # time to give leases back
task_publish_retry_policy = {"max_retries": 3, "interval_start": 0, "interval_step": 0.2, "interval_max": 0.5}
task_ignore_result = True  # only a task that answers stores a result
task_store_errors_even_if_ignored = False
result_expires = 600  # a receipt can be asked for again with the same job_id
result_extended = False  # would store the arguments beside the result
task_remote_tracebacks = False

# Workers
worker_consumer = "worker.tasks.process.guard:GuardedConsumer"  # the gate between the queue and Celery
worker_prefetch_multiplier = 1  # with late acknowledgement a worker then reserves no more than it runs
# A task cancelled while Redis is unavailable later counts as revoked, and its message is lost (Celery 5.7). If it runs
# on, it ends within seconds; its redelivered message then finds it done.
worker_cancel_long_running_tasks_on_connection_loss = False
worker_enable_prefetch_count_reduction = True
worker_soft_shutdown_timeout = float(TASK_SECONDS)  # also a hard stop lets tasks end; `remind.send` may be cut off
worker_enable_soft_shutdown_on_idle = False  # it waits for tasks with an ETA; we send none
worker_max_tasks_per_child = 10_000  # libraries leak
worker_max_memory_per_child = 180_000  # kB; an import of 1,000 rows stays far below
worker_proc_alive_timeout = 30.0  # a child that starts on a busy machine is not a dead one (default 4)
worker_disable_rate_limits = True  # Celery's are for each worker; ours are for each provider
worker_send_task_events = True  # for Flower; without arguments or results
worker_detect_quorum_queues = False
worker_hijack_root_logger = False  # worker.log does the logging

# Beat: plain ticks, as every tick is idempotent and due times are in the database
beat_scheduler = "worker.tasks.process.ticking:Ticking"
beat_schedule_filename = ""  # with `--schedule=FILE` it touches that one at each turn, for a health check
beat_schedule = {
    "calendar.sweep": {
        "task": "calendar.sweep",
        "schedule": SWEEP_SECONDS,
        "options": {"expires": SWEEP_SECONDS},  # so that downtime does not stack them
    },
    "calendar.advance": {
        "task": "calendar.advance",
        "schedule": ADVANCE_SECONDS,
        "options": {"expires": ADVANCE_SECONDS},
    },
    "calendar.remind": {
        "task": "calendar.remind",
        "schedule": REMIND_SECONDS,
        "options": {"expires": REMIND_SECONDS},
    },
    "calendar.purge": {
        "task": "calendar.purge",
        "schedule": PURGE_SECONDS,
        "options": {"expires": PURGE_SECONDS},
    },
    "calendar.clear": {
        "task": "calendar.clear",
        "schedule": CLEAR_SECONDS,
        "options": {"expires": CLEAR_SECONDS},
    },
    "calendar.watch": {
        "task": "calendar.watch",
        "schedule": WATCH_SECONDS,
        "options": {"expires": WATCH_SECONDS},
    },
    "calendar.reconcile": {
        "task": "calendar.reconcile",
        "schedule": crontab(hour=3, minute=10),  # when providers have least to do
        "options": {"expires": 3_600.0},
    },
}
