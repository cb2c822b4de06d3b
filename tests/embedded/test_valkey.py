"""The embedded Valkey as Celery and the cache reach it."""

import kombu
import pytest
import redis

from tests.embedded.kept import Kept


def test_celery_s_client_sends_and_receives_through_the_broker_url(kept: Kept) -> None:
    with kombu.Connection(kept.env["BROKER_URL"]) as connection:
        queue = connection.SimpleQueue("trial")
        queue.put({"release": 7})
        assert queue.get(timeout=5).payload == {"release": 7}
        queue.close()
        assert connection.default_channel.client.connection_pool.connection_kwargs["db"] == 0


def test_the_cache_url_leads_to_another_logical_database(kept: Kept) -> None:
    with redis.from_url(kept.env["CACHE_URL"]) as cache:
        cache.set("greeting", "hello")
        assert cache.get("greeting") == b"hello"
        assert cache.connection_pool.connection_kwargs["db"] == 1


def test_messages_are_never_evicted_and_reach_the_disk_and_there_is_no_tcp_port(kept: Kept) -> None:
    with redis.from_url(kept.env["CACHE_URL"]) as cache:
        settings = cache.config_get("maxmemory-policy", "appendonly", "appendfsync", "port")
    assert settings == {
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "port": "0",
    }


def test_without_the_password_it_answers_nothing(kept: Kept) -> None:
    path = kept.env["CACHE_URL"].partition("@")[2].partition("?")[0]
    with redis.from_url(f"unix://{path}?db=1") as stranger, pytest.raises(redis.AuthenticationError):
        stranger.get("greeting")


def test_the_password_is_not_in_the_process_list(kept: Kept) -> None:
    with open(f"/proc/{kept.children()['valkey']['pid']}/cmdline", "rb") as file:
        assert kept.secrets["valkey"].encode() not in file.read()
