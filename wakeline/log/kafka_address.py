"""The URL of a log on Kafka: kafka://host:9092[,host:9092][/topic][?option=value...], with aiokafka's option names."""

from __future__ import annotations

import re
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, urlsplit

from aiokafka.helpers import create_ssl_context

from wakeline.log import LogMismatch

TOPIC = "wakeline"
PROTOCOLS = ("PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")
SASL = ("sasl_mechanism", "sasl_plain_username", "sasl_plain_password")
SSL = {"ssl_cafile": "cafile", "ssl_certfile": "certfile", "ssl_keyfile": "keyfile", "ssl_password": "password"}
KNOWN = ("security_protocol", *SASL, *SSL, "client_id", "replication_factor")
BROKERS_OWN = -1  # replication factor: the broker's default


class KafkaAddress(NamedTuple):
    """Brokers, topic and client options."""

    topic: str
    client: dict[str, Any]  # arguments of any aiokafka client
    replication_factor: int  # of a new topic; BROKERS_OWN if not in the URL

    @property
    def servers(self) -> str:
        """The servers without credentials, for messages."""
        return str(self.client["bootstrap_servers"])


def kafka_address(url: str) -> KafkaAddress:
    """Parse the URL. Raises LogMismatch, without the password, if it is invalid."""
    parts = urlsplit(url)
    if "@" in parts.netloc:
        raise LogMismatch("the log's URL names the user with ?sasl_plain_username=...&sasl_plain_password=..., not @")
    if not parts.netloc:
        raise LogMismatch("the log's URL names no broker: kafka://host:9092")
    topic = parts.path.strip("/") or TOPIC
    if not re.fullmatch(r"[A-Za-z0-9._-]{1,249}", topic):
        raise LogMismatch(f"{topic} is not a valid topic name: only letters, digits, '.', '_' and '-' are allowed")
    options = dict(parse_qsl(parts.query))
    if unknown := options.keys() - set(KNOWN):
        said = ", ".join(sorted(unknown))
        raise LogMismatch(f"the log's URL has unknown options: {said}; known: {', '.join(KNOWN)}")
    replication = options.get("replication_factor")
    if replication is not None and not re.fullmatch(r"[1-9][0-9]?", replication):
        raise LogMismatch("replication_factor of the log's URL must be a number, e.g. 3")
    client: dict[str, Any] = {"bootstrap_servers": parts.netloc, "client_id": "wakeline"}
    client |= {name: options[name] for name in ("client_id", "security_protocol", *SASL) if name in options}
    return KafkaAddress(topic, client | _secured(options), int(replication) if replication else BROKERS_OWN)


def _secured(options: dict[str, str]) -> dict[str, Any]:
    protocol = options.get("security_protocol", "PLAINTEXT")
    if protocol not in PROTOCOLS:
        raise LogMismatch(f"security_protocol of the log's URL is {protocol}: one of {', '.join(PROTOCOLS)}")
    if protocol.startswith("SASL"):
        mechanism = options.get("sasl_mechanism", "PLAIN")
        if mechanism not in MECHANISMS:
            raise LogMismatch(f"sasl_mechanism of the log's URL is {mechanism}: one of {', '.join(MECHANISMS)}")
        if not options.keys() >= {"sasl_plain_username", "sasl_plain_password"}:
            raise LogMismatch(f"{protocol} of the log's URL needs sasl_plain_username and sasl_plain_password")
    elif unused := sorted(options.keys() & set(SASL)):
        raise LogMismatch(f"the log's URL has {unused[0]}: set security_protocol=SASL_SSL too")
    if protocol.endswith("SSL"):
        try:
            files = {argument: options[name] for name, argument in SSL.items() if name in options}
            return {"ssl_context": create_ssl_context(**files)}
        except (OSError, ValueError) as error:
            raise LogMismatch(f"a certificate or key of the log's URL cannot be used: {error}") from None
    if unused := sorted(options.keys() & SSL.keys()):
        raise LogMismatch(f"the log's URL has {unused[0]}: set security_protocol=SSL too")
    return {}
