"""`deploy/` can be started as it stands: what compose.yaml mounts exists, what it names agrees, nothing is left open.

No Docker here: the file is read, and what stands behind each of its lines is looked at.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from gateway.config.load import parse_config
from gateway.snapshot import build_snapshot
from tests.cli.telecine import telecine

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
SECRET = re.compile(r"password|secret|token|api_?key", re.IGNORECASE)


def read(name: str) -> dict[str, Any]:
    found: dict[str, Any] = YAML(typ="safe").load((DEPLOY / name).read_text(encoding="utf-8"))
    return found


COMPOSE = read("compose.yaml")
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]


@pytest.mark.parametrize("name", SERVICES)
def test_every_mount_leads_somewhere(name: str) -> None:
    """Paths exist, volumes are declared."""
    for mount in SERVICES[name].get("volumes", []):
        source = mount.partition(":")[0]
        if source.startswith("."):
            assert (DEPLOY / source).exists(), mount
            assert mount.endswith(":ro"), mount
        else:
            assert source in COMPOSE["volumes"], mount


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_pinned_bounded_and_watched(name: str) -> None:
    """An image by a tag of its own, limits of memory and processors, a grace to stop, and whether it is well."""
    service = SERVICES[name]
    _, colon, tag = service["image"].rpartition(":")
    assert colon and re.search(r"\d+\.\d+", tag), service["image"]
    limits = service["deploy"]["resources"]["limits"]
    assert {"cpus", "memory"} <= set(limits)
    assert service["stop_grace_period"]
    assert "healthcheck" in service or "HEALTHCHECK" in (ROOT / "Dockerfile").read_text()
    assert "no-new-privileges:true" in service["security_opt"]


def test_ports_are_this_machines_alone_and_the_stores_nobodys() -> None:
    ports = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert ports and all(port.startswith("127.0.0.1:") for port in ports)
    assert "ports" not in SERVICES["store"] and SERVICES["store"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert "EXPOSE 8080" in (ROOT / "Dockerfile").read_text() and "127.0.0.1:8080:8080" in ports


def test_no_secret_stands_in_the_file() -> None:
    """Each comes from the environment, and a missing one stops compose before it starts anything."""
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            if SECRET.search(variable) or "@" in str(value):
                assert re.search(r"\$\{\w+:\?", str(value)), (name, variable)
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    assert "/deploy/.env" in ignored


def test_the_store_keeps_what_it_acknowledges() -> None:
    command = " ".join(SERVICES["store"]["command"])
    for setting in ("--appendonly yes", "--appendfsync always", "--maxmemory-policy noeviction", "--requirepass"):
        assert setting in command
    memory = int(re.search(r"--maxmemory (\d+)mb", command)[1])  # type: ignore[index] # it is there
    assert SERVICES["store"]["deploy"]["resources"]["limits"]["memory"] == "1G" and memory <= 800


def test_the_gateway_has_the_time_that_it_takes_to_stop() -> None:
    """And its configuration is sound with what compose gives it."""
    gateway = SERVICES["gateway"]
    raw = (DEPLOY / "telecine" / "config.yaml").read_bytes()
    url = gateway["environment"]["REDIS_URL"]
    environ = {"REDIS_URL": re.sub(r"\$\{\w+:\?[^}]*\}", "0123abcd", url)}
    settings = build_snapshot(parse_config("config.yaml", raw, environ), sandbox_socket="/run/s").settings
    assert settings.store.url is not None and "@store:6379" in settings.store.url.get_secret_value()
    assert int(gateway["stop_grace_period"].removesuffix("s")) > settings.gateway.stop_grace_s + 5
    assert f"clips:{settings.assets.dir}" in gateway["volumes"]
    assert gateway["command"][0] == "serve"


def test_the_image_can_write_where_clips_stand() -> None:
    """A named volume takes the owner of the folder in the image."""
    made = (ROOT / "Dockerfile").read_text()
    assert re.search(r"install -d -o telecine -g telecine -m 700 .*/clips", made)


def test_its_command_line_is_one_that_exists(tmp_path: Path) -> None:
    words = [*map(str, SERVICES["gateway"]["command"]), "--help"]
    assert telecine(tmp_path, *words).status == 0


def test_prometheus_and_grafana_find_what_they_need() -> None:
    """Prometheus finds the gateway by its name and loads the rules; Grafana finds Prometheus and dashboards."""
    prometheus = read("prometheus/compose.yml")
    assert "--config.file=/etc/prometheus/compose.yml" in SERVICES["prometheus"]["command"]
    (job,) = prometheus["scrape_configs"]
    (found,) = job["dns_sd_configs"]
    assert (job["job_name"], found["names"][0] in SERVICES, found["port"]) == ("telecine", True, 8080)
    assert all((DEPLOY / "prometheus" / name).exists() for name in prometheus["rule_files"])
    (source,) = read("grafana/provisioning/datasources/prometheus.yml")["datasources"]
    assert source["url"] == "http://prometheus:9090" and source["uid"] == "prometheus"
    (provider,) = read("grafana/provisioning/dashboards/telecine.yml")["providers"]
    folders = dict(mount.split(":")[:2][::-1] for mount in SERVICES["grafana"]["volumes"])
    assert list((DEPLOY / folders[provider["options"]["path"]]).glob("*.json"))
    for one, other in (("prometheus", "gateway"), ("grafana", "prometheus"), ("gateway", "store")):
        assert set(SERVICES[one]["networks"]) & set(SERVICES[other]["networks"])
