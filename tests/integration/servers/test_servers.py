"""The test servers are real: what is written comes back."""

from __future__ import annotations

import asyncpg
import obstore
import pytest
import redis.asyncio
from obstore.store import S3Store

from tests.servers.postgres import PostgresServer
from tests.servers.redis import RedisServer
from tests.servers.s3 import S3Server

pytestmark = pytest.mark.servers


async def test_redis(redis_server: RedisServer) -> None:
    async with redis.asyncio.from_url(redis_server.url) as client:
        await client.set("docket", "2026-114")
        assert await client.get("docket") == b"2026-114"


async def test_postgres_gives_a_new_database_each_time(postgres_server: PostgresServer) -> None:
    first, second = postgres_server.new_database(), postgres_server.new_database()
    connection = await asyncpg.connect(first.replace("+asyncpg", ""))
    await connection.execute("create table docket (number text)")
    await connection.close()
    connection = await asyncpg.connect(second.replace("+asyncpg", ""))
    tables = await connection.fetchval("select count(*) from pg_tables where schemaname = 'public'")
    await connection.close()
    assert tables == 0


def test_s3(s3_server: S3Server) -> None:
    store = S3Store(
        s3_server.new_bucket(),
        endpoint=s3_server.endpoint,
        region=s3_server.region,
        access_key_id=s3_server.key_id,
        secret_access_key=s3_server.secret,
        virtual_hosted_style_request=False,
        client_options={"allow_http": True},
    )
    obstore.put(store, "hearings/1/manifest.json", b"{}")
    assert bytes(obstore.get(store, "hearings/1/manifest.json").bytes()) == b"{}"
