"""The Compose file for Kafka: it names only existing things, and its durability matches its Kafka settings."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ops.check.finding import Level
from ops.check.kafka import Facts, judge
from ops.cli import main
from wakeline.log.kafka_address import kafka_address
from wakeline.settings import Settings, described

FOLDER = Path(__file__).parent.parent / "dashboards"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.kafka.yaml").read_text())
SERVICES: dict[str, Any] = COMPOSE["services"]
BROKERS = ("kafka-1", "kafka-2", "kafka-3")
OURS = ("collector", "processor", "archiver", "api")
SCRAPED = yaml.safe_load((FOLDER / "prometheus/prometheus.kafka.yml").read_text())


@pytest.mark.parametrize("name", OURS)
def test_each_of_our_services_is_a_command_with_settings_that_exist(name: str) -> None:
    service = SERVICES[name]
    assert service["command"] == [name]
    assert name in main.commands
    known = {f"WAKELINE_{setting.upper()}" for setting, _, _ in described(Settings)} | {"WAKELINE_CONFIG"}
    assert set(service["environment"]) <= known


def test_all_services_are_there_and_every_volume_is_declared() -> None:
    assert set(SERVICES) == {*BROKERS, *OURS, "valkey", "prometheus", "grafana"}
    assert SERVICES["processor"]["deploy"]["replicas"] == 2
    for name, service in SERVICES.items():
        for volume in service["volumes"]:
            source = volume.replace("${WAKELINE_LANGUAGE:-en}", "en").split(":")[0]
            if source.startswith("./"):
                assert (FOLDER / source).exists(), name
            elif not source.startswith("../"):
                assert source in COMPOSE["volumes"], name
        image = service["image"]
        assert image == "wakeline" or re.fullmatch(r"[a-z/]+:v?\d+\.\d+\.\d+", image), name


def test_the_log_is_on_all_brokers_and_survives_a_power_cut() -> None:
    """As `wakeline check` judges it."""
    address = kafka_address(SERVICES["collector"]["environment"]["WAKELINE_LOG"])
    assert address.servers == ",".join(f"{name}:9092" for name in BROKERS)
    settings = SERVICES["kafka-1"]["environment"]
    made = {
        "default.replication.factor": settings["KAFKA_DEFAULT_REPLICATION_FACTOR"],
        "min.insync.replicas": settings["KAFKA_MIN_INSYNC_REPLICAS"],
    }
    assert {finding.level for finding in judge(Facts(topic=None, config=made), address, lanes=16)} == {Level.OK}


def test_brokers_differ_in_nothing_but_who_they_are() -> None:
    voters = ",".join(f"{number}@{name}:9093" for number, name in enumerate(BROKERS, start=1))
    rest = []
    for number, name in enumerate(BROKERS, start=1):
        settings = dict(SERVICES[name]["environment"])
        assert settings.pop("KAFKA_NODE_ID") == str(number)
        assert settings.pop("KAFKA_ADVERTISED_LISTENERS") == f"PLAINTEXT://{name}:9092"
        assert settings["KAFKA_CONTROLLER_QUORUM_VOTERS"] == voters
        assert settings["KAFKA_AUTO_CREATE_TOPICS_ENABLE"] == "false"
        rest.append(settings)
    assert rest[0] == rest[1] == rest[2]


def test_prometheus_asks_every_service_at_its_port() -> None:
    settings = Settings()
    ports = {
        "collector": settings.metrics_port,
        "processor": settings.processor_metrics_port,
        "api": settings.api_metrics_port,
        "archiver": settings.archiver_metrics_port,
    }
    found = {}
    for job in SCRAPED["scrape_configs"]:
        for static in job.get("static_configs", ()):
            found |= {host: int(port) for host, port in (target.split(":") for target in static["targets"])}
        for dns in job.get("dns_sd_configs", ()):
            found |= dict.fromkeys(dns["names"], dns["port"])
    assert found == ports


def test_its_jobs_are_those_that_rules_and_dashboards_know() -> None:
    usual = yaml.safe_load((FOLDER / "prometheus/prometheus.yml").read_text())
    for key in ("global", "rule_files"):
        assert SCRAPED[key] == usual[key]
    jobs = [[job["job_name"] for job in config["scrape_configs"]] for config in (SCRAPED, usual)]
    assert jobs[0] == jobs[1]


def test_the_image_holds_what_the_package_is_made_of() -> None:
    built = SERVICES["collector"]["build"]["dockerfile_inline"]
    project = tomllib.loads((FOLDER.parent / "pyproject.toml").read_text())
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert re.findall(r"COPY (\w+) /src/\1\n", built) == packages
    assert project["project"]["readme"] in built
