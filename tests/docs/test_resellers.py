"""The page about resellers: its site without a preset is a configuration, and says what the page says that it says."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

from gateway.config.load import parse_config
from gateway.snapshot import build_snapshot
from providers.contract import Call, Finished, Image, JsonBody, Refused, Reply, Size, Spec, Why
from tests.support.flows import walk
from tests.support.pictures import png

PAGE = (Path(__file__).parents[2] / "docs" / "resellers.md").read_text(encoding="utf-8")
(BLOCK,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)


def test_the_site_of_the_page_can_be_spoken_with() -> None:
    """An upload, a create with every field in its place, a clip behind JSON in a text, and what it took."""
    snapshot = build_snapshot(parse_config("page.yaml", BLOCK.encode(), {"CORNER_SHOP_KEY": "k"}), sandbox_socket=None)
    adapter = snapshot.endpoints["corner-shop"].adapter
    still = Image(png(8, 8), "image/png", 1920, 1080)
    spec = Spec(model="engine-2", prompt="a boat", seconds=5, size=Size(1920, 1080), audio=True, image=still)
    replies = iter([b'{"code": 0, "data": {"url": "https://f.example/1.png"}}', b'{"code": 0, "data": {"job": 77}}'])
    made = walk(adapter.submit(spec, "key"), lambda _: Reply(200, {}, next(replies)))
    upload, create = made.calls
    assert upload.path == "https://files.corner-shop.example/put"
    assert (create.path, create.starts_work) == ("/render/engine-2", True)
    assert create.body == JsonBody({"input": {
        "text": "a boat", "length": "5", "shape": "16:9", "quality": "hd", "sound": "on",
        "pictures": ["https://f.example/1.png"],
    }})  # fmt: skip
    assert made.end.ref == {"id": "77"}
    done = rb'{"code": 0, "data": {"state": 30, "points": 400, "result": "{\"clips\": [{\"url\": \"https://c.example/a\"}]}"}}'
    ended = walk(adapter.poll({"id": "77"}), lambda _: Reply(200, {}, done)).end
    assert isinstance(ended, Finished) and ended.assets[0].link == "https://c.example/a"
    assert ended.charged is not None and ended.charged.amount == "0.4"


def test_its_codes_are_of_the_classes_that_the_page_names() -> None:
    """Inside a 200, as the page's `ok` says."""
    snapshot = build_snapshot(parse_config("page.yaml", BLOCK.encode(), {"CORNER_SHOP_KEY": "k"}), sandbox_socket=None)
    adapter = snapshot.endpoints["corner-shop"].adapter
    spec = Spec(model="engine-2-lite", prompt="a boat", seconds=5, size=Size(1280, 720))
    for code, why in ((7001, Why.NO_CREDIT), (7002, Why.THROTTLED), (7003, Why.BLOCKED)):
        reply = Reply(200, {}, b'{"code": %d, "message": "no"}' % code)
        end = walk(adapter.submit(spec, "key"), partial(_said, reply)).end
        assert isinstance(end, Refused) and (end.why, end.proof) == (why, "said_200")
    doubtful = walk(adapter.submit(spec, "key"), lambda _: Reply(200, {}, b'{"code": 7009, "message": "no"}')).end
    assert isinstance(doubtful, Refused) and doubtful.proof is None


def _said(reply: Reply, call: Call) -> Reply:
    return reply
