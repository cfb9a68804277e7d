"""Tell Wakeline from a server: what was ordered, paid, refunded, asked and mailed.

    from wakeline.server import Server

    wakeline = Server("https://stats.your-site.example", key)
    wakeline.event("purchase", customer=1042, transaction_id="A-1001", value=Decimal("154.80"), currency="EUR")

`Server` and `AsyncServer` need no other packages than a reader of profiles. docs/servers.md says what to tell when.
`Links` makes signed links for mails and letters, without a request: docs/links.md.

client.py   `Server`: a queue that a thread empties, and `send` for an answer at once
aio.py      `AsyncServer`, the same for asyncio
events.py   from what a caller says to the JSON of an event
queue.py    the events that wait, bounded
retries.py  sends a batch until it is answered
post.py     one request, over connections that are kept open
answers.py  the results, and the errors
"""

from __future__ import annotations

from wakeline.mailing import BadLink, Links
from wakeline.server.aio import AsyncServer
from wakeline.server.answers import Refused, Result, Unsent
from wakeline.server.client import Server
from wakeline.server.events import BadEvent
from wakeline.server.queue import QueueFull

__all__ = ["AsyncServer", "BadEvent", "BadLink", "Links", "QueueFull", "Refused", "Result", "Server", "Unsent"]
