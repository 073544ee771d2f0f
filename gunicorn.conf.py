"""The web process: threads, since each request waits for one database commit; few workers, to stay small."""

import os

bind = f"0.0.0.0:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WEB_CONCURRENCY", "1"))
threads = 4
timeout = 30
accesslog = None  # ActiveCampaign's deliveries carry their secret in the path
graceful_timeout = 8
