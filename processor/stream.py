"""The Faust app: one topic whose partitions are the lanes, and one agent."""

from __future__ import annotations

from typing import Any

import faust

from processor.lanes import Lanes
from wakeline.log import Log

TOPIC = "wakeline"
POLLS_BUFFERED = 1  # beside the one at hand, the next and one read ahead; see transport.BEHIND_AT_ONCE


class ProcessorApp(faust.App):
    """A Faust app with its log and lanes."""

    record_log: Log
    lanes: Lanes

    def _create_directories(self) -> None:
        """Does nothing: Faust would create folders for tables, which are not used."""


def make_app(log: Log, lanes: Lanes) -> ProcessorApp:
    """The app on `log`. Tables, web server and Faust's commits are disabled: the state is in Redis."""
    app = ProcessorApp(
        "wakeline-processor",
        broker="wakeline://",
        store="memory://",
        topic_partitions=lanes.count,
        topic_disable_leader=True,
        topic_allow_declare=False,
        web_enabled=False,
        stream_buffer_maxsize=POLLS_BUFFERED,
        stream_wait_empty=False,
        broker_commit_interval=60.0,
    )
    app.record_log = log
    app.lanes = lanes
    # Faust's acks are unused: their bookkeeping would grow without limit
    topic = app.topic(TOPIC, value_serializer="raw", key_serializer="raw", acks=False)

    @app.agent(topic)
    async def feed_lanes(batches: Any) -> None:
        async for event in batches.events():
            for lane, entries in event.value.items():
                await lanes.submit(lane, entries, generation=event.message.generation_id)

    return app
