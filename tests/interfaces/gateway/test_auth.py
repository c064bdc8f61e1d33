"""Who gets in."""

import asyncio
from collections import Counter

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey

from events.users import EVERYONE, UserDisabled
from events.values import Context
from interfaces.gateway import GatewaySettings, Verifier, hash_password
from interfaces.gateway.problems import Problem
from interfaces.gateway.throttle import Throttle
from projections import Pool
from tests.interfaces.gateway.site import ANNA, CHEAP, PASSWORD, Site, open_site
from tests.projections.tables import caught_up


async def login(site: Site, name: str, password: str, way: str = "") -> int:
    wanted, headers = {"username": name, "password": password}, {"X-Forwarded-For": way}
    async with site.client.post("/api/v1/login", json=wanted, headers=headers) as response:
        return response.status


async def test_a_name_and_its_password_give_a_token(pool: Pool) -> None:
    async with open_site(pool) as site:
        assert await login(site, " Anna ", PASSWORD) == 200
        assert await login(site, "anna", "wrong") == 401
        assert await login(site, "nobody", PASSWORD) == 401
        await site.get("/api/v1/incidents")


async def test_failures_are_bounded(pool: Pool) -> None:
    async with open_site(pool) as site:
        failures = [await login(site, "anna", "wrong") for _ in range(6)]
        assert failures == [401] * 5 + [429]
        assert await login(site, "anna", PASSWORD) == 429
        assert await login(site, "bert", PASSWORD) == 200
        site.story.now += 61
        assert await login(site, "anna", PASSWORD) == 200


async def test_failures_at_once_are_bounded_as_those_in_turn(pool: Pool) -> None:
    async with open_site(pool) as site:
        answers = await asyncio.gather(*(login(site, "anna", f"wrong {n}") for n in range(20)))
        assert Counter(answers) == {401: 5, 429: 15}


async def test_who_is_right_may_come_as_often_at_once_as_he_likes(pool: Pool) -> None:
    async with open_site(pool) as site:
        for _ in range(4):
            await login(site, "anna", "wrong")
        answers = await asyncio.gather(*(login(site, "anna", PASSWORD) for _ in range(20)))
        assert set(answers) == {200}


PROXIES = ("127.0.0.1", "10.0.0.0/8", "fd00::/8")
STRANGER = "203.0.113.9"


@pytest.mark.parametrize("way", [STRANGER, f"{STRANGER}, 10.1.2.3", f"::ffff:{STRANGER},fd00::1"])
async def test_who_comes_by_our_proxies_is_told_apart(pool: Pool, way: str) -> None:
    async with open_site(pool, GatewaySettings.model_validate({"proxies": PROXIES})) as site:
        failures = [await login(site, "anna", "wrong", way) for _ in range(6)]
        assert failures == [401] * 5 + [429]
        assert await login(site, "anna", PASSWORD, f"203.0.113.8, {STRANGER}") == 429
        assert await login(site, "anna", PASSWORD, f"{STRANGER}, 203.0.113.8") == 200


@pytest.mark.parametrize(
    ("proxies", "way"),
    [
        ((), "203.0.113.{}"),
        (("10.0.0.0/8",), "203.0.113.{}, 10.0.0.1"),
        (PROXIES, "203.0.113.{}, nonsense"),
        (PROXIES, "203.0.113.{},"),
    ],
)
async def test_nobody_hides_behind_what_he_says_himself(
    pool: Pool, proxies: tuple[str, ...], way: str
) -> None:
    async with open_site(pool, GatewaySettings.model_validate({"proxies": proxies})) as site:
        failures = [await login(site, "anna", "wrong", way.format(n)) for n in range(6)]
        assert failures == [401] * 5 + [429]


async def test_a_disabled_user_is_refused_with_password_and_token(pool: Pool) -> None:
    async with open_site(pool) as site:
        disabled = UserDisabled(user=ANNA)
        await caught_up(
            site.edge.reader, await site.story.commit(Context.USERS, EVERYONE, disabled)
        )
        assert await login(site, "anna", PASSWORD) == 401
        await site.get("/api/v1/incidents", status=401)


async def test_a_token_expires(pool: Pool) -> None:
    async with open_site(pool) as site:
        site.story.now += site.edge.settings.token_lifetime
        problem = await site.get("/api/v1/incidents", status=401)
        assert "expired" in problem["detail"]


async def test_only_our_tokens_count(pool: Pool) -> None:
    async with open_site(pool) as site:
        claims = {"sub": str(ANNA), "exp": int(site.story.now + 60)}
        foreign = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(b"x" * 32))
        unsigned = "eyJhbGciOiJub25lIn0.eyJzdWIiOiIxIn0."
        subjectless = jwt.encode({"alg": "HS256"}, {}, OctKey.import_key(site.edge.token_key))
        for token in (foreign, unsigned, subjectless, "nonsense", ""):
            headers = {"Authorization": f"Bearer {token}"}
            async with site.client.get("/api/v1/incidents", headers=headers) as response:
                assert response.status == 401
                assert response.headers["WWW-Authenticate"] == "Bearer"


async def test_a_verifier_remembers_only_what_was_right() -> None:
    verifier, hash = Verifier(), hash_password("secret", CHEAP)
    for _ in range(2):
        assert await verifier.verify(hash, "secret")
        assert not await verifier.verify(hash, "Secret")
        assert not await verifier.verify(None, "secret")
        assert not await verifier.verify("not a hash", "secret")


async def fail(throttle: Throttle, who: str) -> int:
    with pytest.raises(Problem) as refused:
        async with throttle.attempt(who):
            raise Problem(401, "No.")
    return refused.value.status


async def test_a_throttle_forgets_the_oldest_when_it_is_full() -> None:
    throttle = Throttle(1, 60.0, lambda: 0.0, capacity=2)
    whole = [await fail(throttle, who) for who in ("one", "two", "three", "one", "three")]
    assert whole == [401, 401, 401, 401, 429]


async def test_what_breaks_is_no_failure_of_who_tried() -> None:
    throttle = Throttle(1, 60.0, lambda: 0.0)
    with pytest.raises(OSError, match="away"):
        async with throttle.attempt("one"):
            raise OSError("the database is away")
    assert [await fail(throttle, "one") for _ in range(2)] == [401, 429]
