"""Every table of Savia, in the order the line runs. Written by migrations, read by the store's files.

Rows keep the id of the row that caused them, so that one lead's line can be read backwards.
"""

from app.store.schema import decided, received, running, understood
from app.store.schema.columns import metadata

__all__ = ["decided", "metadata", "received", "running", "understood"]
