"""What the files of containers name is there: parts, settings, services and feeds."""

import re
from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from typer.main import get_command

from deploy.parts import Part
from deploy.settings import Settings
from interfaces.cli import run
from interfaces.sensors import read_feeds

DEPLOY = Path(__file__).parents[2] / "deploy"
COMPOSE = (DEPLOY / "compose.yaml").read_text()
DOCKERFILE = (DEPLOY / "Dockerfile").read_text()
FOR_COMPOSE = {"VESTEC_FEEDS"}
"""Variables of whoever starts it, which no process of ours sees."""

COMMANDS = [found.split(", ") for found in re.findall(r"command: \[(.+?)\]", COMPOSE)]
SERVICES = re.findall(r"^  ([a-z-]+):", COMPOSE.partition("\nservices:\n")[2], re.M)


def test_every_part_has_a_service_of_its_name() -> None:
    assert sorted(COMMANDS) == sorted(["run", part] for part in Part)
    assert {*Part} <= {*SERVICES}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_its_command_is_one_of_ours(command: list[str]) -> None:
    name, *arguments = command
    assert name == "run"
    get_command(run.app).make_context(name, arguments)


def test_what_it_sets_are_settings() -> None:
    known = {f"VESTEC_{name.upper()}" for name in Settings.model_fields}
    for text in (COMPOSE, DOCKERFILE):
        assert set(re.findall(r"VESTEC_[A-Z_]+", text)) - FOR_COMPOSE <= known


def test_what_it_sets_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    given = re.findall(r"(VESTEC_[A-Z_]+): ([^\n}]+)", COMPOSE)
    for name, value in given:
        monkeypatch.setenv(name, re.sub(r"\$\{[^}]*\}?", "x" * 32, value.strip()))
    settings = Settings()
    assert settings.log == "kafka://kafka:9092"
    assert settings.sensors == Path("/feeds.toml")


def test_passwords_may_have_any_letter_since_none_is_in_a_url() -> None:
    assert not re.findall(r"://.*(?:PASSWORD|KEY)", COMPOSE)


def test_its_feeds_can_be_read() -> None:
    assert read_feeds(DEPLOY / "feeds.toml").keys() == {"weather"}


def test_the_front_knows_its_services() -> None:
    nginx = (DEPLOY / "nginx.conf").read_text()
    services = dict(re.findall(r"set (\$\w+) ([a-z-]+):8450;", nginx))
    assert {*services.values()} <= {*SERVICES}
    assert {*re.findall(r"proxy_pass http://(.+);", nginx)} == services.keys()


def test_the_front_is_believed_when_it_says_who_comes() -> None:
    (front,) = re.findall(r"ipv4_address: ([\d.]+)", COMPOSE)
    (network,) = re.findall(r"subnet: ([\d./]+)", COMPOSE)
    (others,) = re.findall(r"ip_range: ([\d./]+)", COMPOSE)
    assert re.findall(r"VESTEC_PROXIES: (\S+)", COMPOSE) == [front]
    assert ip_address(front) in {*ip_network(network).hosts()} - {*ip_network(others)}
    assert "X-Forwarded-For $proxy_add_x_forwarded_for;" in (DEPLOY / "nginx.conf").read_text()


def test_the_image_copies_what_there_is() -> None:
    sources = re.findall(r"^COPY (?!--from)(\S+) ", DOCKERFILE, re.M)
    assert all((DEPLOY.parent / source).exists() for source in sources)
