"""What people may see of a URL."""

import pytest

from deploy.urls import without_secrets


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://me:pass@db/vestec", "postgresql://me:***@db/vestec"),
        ("postgres://me:a:b/c?d@e@db", "postgres://me:***@db"),
        ("postgresql:///vestec?user=me&password=pass", "postgresql:///vestec?user=me&password=***"),
        ("kafka://me:p%40ss@one,two/ns?tls=on", "kafka://me:***@one,two/ns?tls=on"),
        ("kafka://me@one?password_file=/f", "kafka://me@one?password_file=/f"),
        ("s3://key:secret@b/p?region=x", "s3://key:***@b/p?region=x"),
        ("s3://b?Secret_Access_Key=s&region=x", "s3://b?Secret_Access_Key=***&region=x"),
        ("https://b/p?sig=1&session_token=s#x", "https://b/p?sig=1&session_token=***#x"),
        ("file:///somewhere/a:b@c", "file:///somewhere/a:b@c"),
        (".vestec", ".vestec"),
    ],
)
def test_passwords_are_hidden_and_nothing_else(url: str, shown: str) -> None:
    assert without_secrets(url) == shown
