"""The class of a device by what its browser says of itself."""

from __future__ import annotations

import pytest

from hearing_server.web.devices import of

APPLE = "Mozilla/5.0 ({0}) AppleWebKit/605.1.15 (KHTML, like Gecko) {1} Safari/605.1.15"
CHROME = "Mozilla/5.0 ({0}) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0{1} Safari/537.36"


@pytest.mark.parametrize(
    ("said", "kind", "browser"),
    [
        (APPLE.format("iPhone; CPU iPhone OS 18_4 like Mac OS X", "Version/18.4 Mobile/15E148"), "phone", "Safari"),
        (APPLE.format("iPhone; CPU iPhone OS 18_4 like Mac OS X", "CriOS/140.0 Mobile/15E148"), "phone", "Chrome"),
        (APPLE.format("iPad; CPU OS 15_1 like Mac OS X", "Version/15.1 Mobile/15E148"), "tablet", "Safari"),
        (APPLE.format("Macintosh; Intel Mac OS X 10_15_7", "Version/18.4"), "computer", "Safari"),
        (CHROME.format("Linux; Android 10; K", " Mobile"), "phone", "Chrome"),
        (CHROME.format("Linux; Android 10; K", ""), "tablet", "Chrome"),
        (CHROME.format("Windows NT 10.0; Win64; x64", "") + " Edg/140.0.0.0", "computer", "Edge"),
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0", "phone", "Firefox"),
        ("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0", "computer", "Firefox"),
        ("python-websockets/15.0", "program", ""),
        ("", "", ""),
    ],
)
def test_a_device_says_what_it_is(said: str, kind: str, browser: str) -> None:
    assert of(said) == (kind, browser)
