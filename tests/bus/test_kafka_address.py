"""What a `kafka://` URL says."""

import ssl
from pathlib import Path

import pytest

from bus import LogError
from bus.contract import LogUnavailable
from bus.kafka.address import Address
from bus.urls import whole


def test_the_shortest() -> None:
    address = Address.parse("kafka://broker")
    assert address.client["bootstrap_servers"] == ["broker:9092"]
    assert address.client["security_protocol"] == "PLAINTEXT"
    assert (address.prefix, address.replication) == ("", None)


def test_several_brokers_and_a_namespace() -> None:
    address = Address.parse("kafka://a:1,[::1]:2,b/here?replication=2")
    assert address.client["bootstrap_servers"] == ["a:1", "[::1]:2", "b:9092"]
    assert (address.prefix, address.replication) == ("here.", 2)


def test_a_login_and_encryption() -> None:
    address = Address.parse("kafka://us%40er:pass%2Fword@broker?tls=on")
    assert address.client["security_protocol"] == "SASL_SSL"
    assert isinstance(address.client["ssl_context"], ssl.SSLContext)
    assert address.client["ssl_context"].check_hostname
    assert address.client["sasl_mechanism"] == "SCRAM-SHA-512"
    assert address.client["sasl_plain_username"] == "us@er"
    assert address.client["sasl_plain_password"] == "pass/word"


def test_a_password_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("100%25\n")
    options = f"sasl=PLAIN&password_file={tmp_path}/password"
    address = Address.parse(f"kafka://user@broker?{options}")
    assert address.client["security_protocol"] == "SASL_PLAINTEXT"
    assert address.client["sasl_plain_password"] == "100%25"


def test_a_password_is_not_shown() -> None:
    assert "secret" not in repr(Address.parse("kafka://user:secret@broker"))


@pytest.mark.parametrize("between", ["/", "?", "#", "[", "9/", "@/"])
def test_a_password_that_cuts_its_url_is_not_shown_by_what_is_said_of_it(between: str) -> None:
    with pytest.raises(LogError, match="%2F") as error:
        Address.parse(f"kafka://user:s3cr{between}et@broker")
    assert "s3cr" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "is_whole"),
    [
        ("kafka://h:9092?password_file=/run/vestec@1/kafka", True),
        ("postgresql://h:5432/db?user=ada@site", True),
        ("postgresql://u:12/sec?ret@h/db", False),
    ],
)
def test_what_has_an_at_sign_among_its_options(url: str, is_whole: bool) -> None:
    if is_whole:
        assert whole(url) == url
    else:
        with pytest.raises(ValueError, match="percent-encoded"):
            whole(url)


@pytest.mark.parametrize(
    ("url", "alive", "copies"),
    [
        ("kafka://a", 1, 1),
        ("kafka://a", 3, 3),
        ("kafka://a,b,c", 2, 3),  # one of them is away
        ("kafka://a,b", 2, 1),
        ("kafka://a,b,c?replication=2", 3, 2),
    ],
)
def test_topics_have_three_copies_where_there_are_brokers_for_them(
    url: str, alive: int, copies: int
) -> None:
    assert Address.parse(url).copies(alive) == copies


def test_topics_are_not_made_while_the_third_broker_may_be_away() -> None:
    one = Address.parse("kafka://a")
    assert [one.copies_of_new(alive) for alive in (1, 3, 4)] == [1, 3, 3]
    assert Address.parse("kafka://a?replication=2").copies_of_new(2) == 2
    with pytest.raises(LogUnavailable, match=r"2 brokers are there, .*\?replication=1"):
        one.copies_of_new(2)


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("kafka://", "begins with kafka://host"),
        ("kafka://a,,b", "no host"),
        ("kafka://a:b", "[Pp]ort"),
        ("kafka://a?tsl=on", "options tls, ca"),
        ("kafka://a?tls=yes", "tls is on or off"),
        ("kafka://u:p@a?sasl=GSSAPI", "sasl is one of SCRAM"),
        ("kafka://a?sasl=PLAIN", "needs a user"),
        ("kafka://a?password_file=/nowhere", "needs a user"),
        ("kafka://:p@a", "needs a user"),
        ("kafka://u@a", "no password"),
        ("kafka://u@a?password_file=/dev/null", "no password"),
        ("kafka://u:p@a?password_file=/nowhere", "say which"),
        ("kafka://u@a?password_file=/nowhere", "No such file"),
        ("kafka://a?key=/nowhere", "key is that of a certificate"),
        ("kafka://a?tls=off&ca=/nowhere", "ca is for encryption, and tls is off"),
        ("kafka://a?ca=", "option ca has no value"),
        ("kafka://a?ca=/nowhere", "No such file or directory: '/nowhere'"),
        ("kafka://a?replication=0", "number of copies"),
    ],
)
def test_what_is_wrong(url: str, reason: str) -> None:
    with pytest.raises(LogError, match=reason):
        Address.parse(url)


@pytest.mark.parametrize("character", "/?#[")
@pytest.mark.parametrize("piece", ["s3cr", "1234", "s3cr@t"])
def test_nothing_of_a_password_that_is_not_encoded_is_shown(character: str, piece: str) -> None:
    for rest in ("hush", "x=hush"):
        with pytest.raises(LogError, match="percent-encoded") as wrong:
            Address.parse(f"kafka://user:{piece}{character}{rest}@broker?tls=on")
        assert not any(part in str(wrong.value) for part in (piece, "hush", "x=", "broker"))
