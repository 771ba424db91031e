"""The bus between nodes: Redis (or Valkey) publish/subscribe.

Names in Redis, all below a prefix: channel ``t:<topic>`` carries messages; key
``s:<service>`` names the instance that serves, channel ``i:<instance>`` carries
its requests, channel ``r:<process>`` the answers for one process.  Nothing needs
to survive in Redis: after its restart everybody says again what they said before.
"""

from __future__ import annotations

import asyncio
import random
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

import msgspec
import redis.asyncio as redis
import structlog
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from . import BusClosed, Handler, NoResponder
from .frames import Settled, outcome, settled
from .parts import HandlerPool, Inbox, Outcome, PendingRequests, check_size

log = structlog.get_logger(__name__)

#: Waits before connecting again, s: doubled from the first to the last, with jitter.
BACKOFF_FIRST_S = 0.05
BACKOFF_LAST_S = 2.0
#: How long entering a subscription or serving a name waits for a connection, s.
CONNECT_WAIT_S = 30.0
#: A Redis that does not answer within this is taken for gone, s.
SOCKET_TIMEOUT_S = 5.0
#: The subscriptions' connection is pinged this often when nothing comes, s, and given up after this silence.
PING_S = 5.0
SILENCE_LIMIT_S = 15.0
#: The key of a served name is refreshed this often and lives this long, s, so that a dead process leaves nothing.
ASSERT_S = 30.0
KEY_LIFE_S = 3600

#: Ask whoever serves: KEYS[1] the service's key, ARGV[1] the instances' channel prefix, ARGV[2] the frame.
#: One script, so that no request can reach an instance that was displaced in between.
_ASK = """
local instance = redis.call('GET', KEYS[1])
if not instance then return 0 end
return redis.call('PUBLISH', ARGV[1] .. instance, ARGV[2])
"""
#: Take a name over: ARGV[1] the new instance, ARGV[2] the key's life, ARGV[3] the channel prefix, ARGV[4] the frame
#: for the earlier instance.
_TAKE = """
local earlier = redis.call('GET', KEYS[1])
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
if earlier and earlier ~= ARGV[1] then redis.call('PUBLISH', ARGV[3] .. earlier, ARGV[4]) end
return 1
"""
#: Hold a name for longer; 0 if another instance that still listens has it.
_HOLD = """
local present = redis.call('GET', KEYS[1])
if present and present ~= ARGV[1] and redis.call('PUBSUB', 'NUMSUB', ARGV[3] .. present)[2] > 0 then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
"""
#: Give a name back if it is still ours.
_YIELD = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 1"

_encode = msgspec.msgpack.Encoder().encode


class _Asked(msgspec.Struct, tag=True, frozen=True):
    """A request on an instance's channel, with the channel for the answer."""

    number: int
    payload: bytes
    reply_to: str


class _Displaced(msgspec.Struct, tag=True, frozen=True):
    pass


_instance_decoder: msgspec.msgpack.Decoder[_Asked | _Displaced] = msgspec.msgpack.Decoder(_Asked | _Displaced)
_answer_decoder: msgspec.msgpack.Decoder[Settled] = msgspec.msgpack.Decoder(Settled)


class RedisBus:
    """The bus over one Redis server (or a Sentinel-kept one; not Redis Cluster, which counts receivers per node).

    ``prefix`` keeps several installations apart on one server.
    """

    def __init__(self, url: str, *, prefix: str = "hearing:") -> None:
        """Raises ValueError for a URL that redis-py does not read."""
        self._commands = redis.Redis.from_url(
            url,
            protocol=2,
            single_connection_client=True,  # keeps the order of messages
            retry=Retry(NoBackoff(), 0),  # a repeated message would break "at most once"
            socket_timeout=SOCKET_TIMEOUT_S,
            socket_connect_timeout=SOCKET_TIMEOUT_S,
        )
        self._prefix = prefix
        self._reply_channel = self._channel("r", secrets.token_hex(8))
        self._pending = PendingRequests()
        self._inboxes: dict[str, set[Inbox]] = {}
        self._services: dict[str, _RedisService] = {}
        self._replies: set[asyncio.Task[None]] = set()
        self._wanted: Counter[str] = Counter([self._reply_channel])
        self._confirmed: set[str] = set()
        self._connection: redis.Connection | None = None
        self._changed = asyncio.Condition()
        self._closed = False
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def publish(self, topic: str, payload: bytes) -> None:
        check_size(payload)
        await self._command(self._commands.publish(self._channel("t", topic), payload))

    @asynccontextmanager
    async def subscribe(self, *topics: str) -> AsyncIterator[Inbox]:
        inbox = Inbox()
        channels = {self._channel("t", topic): topic for topic in topics}
        for channel in channels:
            self._inboxes.setdefault(channel, set()).add(inbox)
        try:
            async with self._listening(*channels):
                yield inbox
        finally:
            for channel in channels:
                self._inboxes[channel].discard(inbox)
                if not self._inboxes[channel]:
                    del self._inboxes[channel]

    async def request(self, service: str, payload: bytes, *, timeout_s: float = 5.0) -> bytes:
        check_size(payload)
        if self._reply_channel not in self._confirmed:
            raise BusClosed("there is no connection to the bus now")
        number = self._pending.new()
        try:
            asked = _encode(_Asked(number, payload, self._reply_channel))
            receivers = await self._command(
                self._commands.eval(_ASK, 1, self._key(service), self._channel("i", ""), asked)
            )
            if not receivers:
                raise NoResponder(f"nobody serves {service}")
            return await self._pending.wait(number, timeout_s)
        finally:
            self._pending.forget(number)

    async def serve(self, service: str, handler: Handler) -> _RedisService:
        served = _RedisService(self, service, handler)
        await served.start()
        return served

    async def aclose(self) -> None:
        if self._closed:
            return
        self._pending.settle_all(BusClosed("the bus is closed"))
        for service in tuple(self._services.values()):
            await service.aclose()
        self._closed = True
        self._pending.settle_all(BusClosed("the bus is closed"))
        self._task.cancel()
        await asyncio.wait([self._task])
        async with self._changed:
            self._changed.notify_all()
        if self._replies:
            await asyncio.wait(tuple(self._replies))
        await self._commands.aclose()
        for inboxes in self._inboxes.values():
            for inbox in inboxes:
                inbox.close()

    # --- names and commands ------------------------------------------------------

    def _channel(self, kind: str, name: str) -> str:
        return f"{self._prefix}{kind}:{name}"

    def _key(self, service: str) -> str:
        return f"{self._prefix}s:{service}"

    async def _command(self, command: Awaitable[Any]) -> Any:
        if self._closed:
            if isinstance(command, Coroutine):
                command.close()
            raise BusClosed("the bus is closed")
        try:
            return await command
        except RedisError as error:
            raise BusClosed(f"the bus does not answer: {error}") from None

    # --- the subscriptions' connection --------------------------------------------

    @asynccontextmanager
    async def _listening(self, *channels: str) -> AsyncIterator[None]:
        """Messages of these channels come in while the block runs."""
        for channel in channels:
            self._wanted[channel] += 1
        await self._tell("SUBSCRIBE", [channel for channel in channels if channel not in self._confirmed])
        try:
            async with asyncio.timeout(CONNECT_WAIT_S), self._changed:
                await self._changed.wait_for(lambda: self._closed or self._confirmed.issuperset(channels))
            if self._closed:
                raise BusClosed("the bus is closed")
            yield
        except TimeoutError:
            raise BusClosed("no connection to the bus") from None
        finally:
            self._wanted.subtract(channels)
            unwanted = [channel for channel in channels if not self._wanted[channel]]
            for channel in unwanted:
                del self._wanted[channel]
            self._confirmed.difference_update(unwanted)
            await self._tell("UNSUBSCRIBE", unwanted)

    async def _tell(self, command: str, channels: list[str]) -> None:
        """Send on the subscriptions' connection; without one, the next one is told everything anyway."""
        if self._connection is None or not channels:
            return
        try:
            await self._connection.send_command(command, *channels)
        except (RedisError, OSError):
            # The reader sees the end of the connection and makes a new one.
            await self._connection.disconnect(nowait=True)

    async def _run(self) -> None:
        pool: Any = self._commands.connection_pool
        wait_s = BACKOFF_FIRST_S
        while True:
            connection = pool.make_connection()
            try:
                await connection.connect()
                await self._listen(connection)
            except (RedisError, OSError) as error:
                if self._confirmed:
                    wait_s = BACKOFF_FIRST_S
                if wait_s == BACKOFF_FIRST_S:
                    log.warning("no connection to the bus; connecting again", reason=str(error))
            finally:
                self._connection = None
                self._confirmed.clear()
                self._pending.settle_all(BusClosed("the connection to the bus is lost"))
                await connection.disconnect(nowait=True)
            await asyncio.sleep(wait_s * random.uniform(0.5, 1.0))
            wait_s = min(2 * wait_s, BACKOFF_LAST_S)

    async def _listen(self, connection: redis.Connection) -> None:
        """Subscribe to all that is wanted, and take what comes.  Raises RedisError or OSError at the end."""
        log.info("connected to the bus")
        self._connection = connection
        await connection.send_command("SUBSCRIBE", *self._wanted)
        asserting = asyncio.get_running_loop().create_task(self._assert_services())
        silent_s = 0.0
        try:
            while silent_s < SILENCE_LIMIT_S:
                response = await connection.read_response(
                    disable_decoding=True, timeout=PING_S, disconnect_on_error=False
                )
                if response is None:
                    silent_s += PING_S
                    await connection.send_command("PING")
                else:
                    silent_s = 0.0
                    await self._take(response)
        finally:
            asserting.cancel()
        raise RedisError("Redis is silent")

    async def _take(self, response: list[Any]) -> None:
        kind, channel = response[0], response[1].decode()
        if kind == b"subscribe":
            if channel in self._wanted:
                async with self._changed:
                    self._confirmed.add(channel)
                    self._changed.notify_all()
        elif kind == b"message":
            try:
                self._message(channel, response[2])
            except (msgspec.DecodeError, UnicodeDecodeError):
                log.error("not a message of the bus", channel=channel)

    def _message(self, channel: str, payload: bytes) -> None:
        """Raises msgspec.DecodeError for what is none of ours."""
        if channel == self._reply_channel:
            answer = _answer_decoder.decode(payload)
            self._pending.settle(answer.number, outcome(answer))
            return
        for inbox in self._inboxes.get(channel, ()):
            inbox.put(channel.removeprefix(self._channel("t", "")), payload)
        for service in tuple(self._services.values()):
            if service.channel == channel:
                service.take(_instance_decoder.decode(payload))

    async def _assert_services(self) -> None:
        """Say again which names this process serves: at once on a new connection, then before the keys expire."""
        while True:
            for service in tuple(self._services.values()):
                try:
                    await service.assert_name()
                except BusClosed as error:
                    log.warning("a service could not be announced", service=service.name, reason=str(error))
            await asyncio.sleep(ASSERT_S)

    def _reply(self, channel: str, number: int, result: Outcome) -> None:
        task = asyncio.get_running_loop().create_task(self._send_reply(channel, _encode(settled(number, result))))
        self._replies.add(task)
        task.add_done_callback(self._replies.discard)

    async def _send_reply(self, channel: str, answer: bytes) -> None:
        try:
            await self._command(self._commands.publish(channel, answer))
        except BusClosed as error:
            log.warning("an answer is lost", reason=str(error))


class _RedisService:
    """A name that this process serves, under an instance number of its own."""

    def __init__(self, bus: RedisBus, name: str, handler: Handler) -> None:
        self.name = name
        self._bus = bus
        self._instance = secrets.token_hex(8)
        self.channel = bus._channel("i", self._instance)
        self._pool = HandlerPool(name, handler)
        self._stack = AsyncExitStack()

    async def start(self) -> None:
        await self._stack.enter_async_context(self._bus._listening(self.channel))
        earlier = self._bus._services.get(self.name)
        self._bus._services[self.name] = self
        try:
            await self._script(
                _TAKE, self._instance, str(KEY_LIFE_S), self._bus._channel("i", ""), _encode(_Displaced())
            )
        except BaseException:
            await self._stop_listening()
            raise
        if earlier is not None:
            await earlier._stop_listening()

    def take(self, message: _Asked | _Displaced) -> None:
        if isinstance(message, _Displaced):
            log.warning("another process took a service over", service=self.name)
            self._forget()
            return
        self._pool.call(message.payload, lambda result: self._bus._reply(message.reply_to, message.number, result))

    async def assert_name(self) -> None:
        """Hold the name for longer, unless another instance that lives has it.  Raises :class:`BusClosed`."""
        held = await self._script(_HOLD, *self._claim())
        if not held:
            self.take(_Displaced())

    async def aclose(self) -> None:
        with suppress(BusClosed):
            await self._script(_YIELD, self._instance)
        await self._stop_listening()
        await self._pool.aclose()

    async def _stop_listening(self) -> None:
        self._forget()
        await self._stack.aclose()

    def _forget(self) -> None:
        if self._bus._services.get(self.name) is self:
            del self._bus._services[self.name]

    def _claim(self) -> tuple[str, str, str]:
        return self._instance, str(KEY_LIFE_S), self._bus._channel("i", "")

    async def _script(self, script: str, *arguments: str | bytes) -> Any:
        return await self._bus._command(self._bus._commands.eval(script, 1, self._bus._key(self.name), *arguments))
