"""The URL of a log on Kafka: kafka://host:9092[,host:9092][/topic][?option=value...], named as aiokafka names them."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from aiokafka.helpers import create_ssl_context

from wakeline.log import LogMismatch

TOPIC = "wakeline"
PLAIN = ("security_protocol", "sasl_mechanism", "sasl_plain_username", "sasl_plain_password", "client_id")
SSL = {"ssl_cafile": "cafile", "ssl_certfile": "certfile", "ssl_keyfile": "keyfile", "ssl_password": "password"}
REPLICATION = "replication_factor"
BROKERS_OWN = -1  # replication: as the broker is configured


class KafkaAddress(NamedTuple):
    """Where a log lies."""

    topic: str
    client: dict[str, Any]  # arguments of any aiokafka client
    replication_factor: int  # of a topic that is made; BROKERS_OWN where the URL does not say


def kafka_address(url: str) -> KafkaAddress:
    """Raises LogMismatch, without the password, for an option that is not known or a file that is not there."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    if unknown := options.keys() - {*PLAIN, *SSL, REPLICATION}:
        known = ", ".join((*PLAIN, *SSL, REPLICATION))
        raise LogMismatch(f"the log's URL has options that are not known: {', '.join(sorted(unknown))}; known: {known}")
    replication = options.get(REPLICATION, str(BROKERS_OWN))
    if not replication.lstrip("-").isdigit():
        raise LogMismatch(f"{REPLICATION} of the log's URL must be a number, like 3")
    client: dict[str, Any] = {"bootstrap_servers": parts.netloc, "client_id": "wakeline"}
    client |= {name: options[name] for name in PLAIN if name in options}
    if client.get("security_protocol", "PLAINTEXT").endswith("SSL"):
        try:
            files = {argument: options[name] for name, argument in SSL.items() if name in options}
            client["ssl_context"] = create_ssl_context(**files)
        except OSError as error:
            raise LogMismatch(f"a certificate or key of the log's URL cannot be used: {error}") from None
    return KafkaAddress(parts.path.strip("/") or TOPIC, client, int(replication))
