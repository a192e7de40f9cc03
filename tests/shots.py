"""`python -m tests.shots [NAME ...]`: take the screenshots of docs/guide again, from a desk as it ships with a live night on it."""

import base64
import struct
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from playwright.sync_api import Page, sync_playwright

from tests import chromium
from tests.browser import night
from tests.browser.cast import Person
from tests.browser.conftest import Cast, Doors
from tests.running import desk

FOLDER: Final = Path(__file__).resolve().parent.parent / "docs" / "guide"
WIDE: Final = {"viewport": {"width": 1440, "height": 1000}}
TALL: Final = {"viewport": {"width": 1440, "height": 1300}}
PHONE: Final = {
    "viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True, "device_scale_factor": 2,
}  # fmt: skip
# Draws a picture on a canvas and gives back its size, its 256 most used colours and each pixel's place among them.
PALETTE: Final = """async source => {
  const image = new Image(); image.src = source; await image.decode();
  const canvas = new OffscreenCanvas(image.width, image.height), pen = canvas.getContext('2d');
  pen.drawImage(image, 0, 0);
  const data = new Uint32Array(pen.getImageData(0, 0, image.width, image.height).data.buffer);
  const used = new Map();
  for (const c of data) used.set(c, (used.get(c) ?? 0) + 1);
  const best = [...used].sort((a, b) => b[1] - a[1]).slice(0, 256).map(([c]) => c);
  const split = c => [c & 255, (c >> 8) & 255, (c >> 16) & 255];
  const colours = best.map(split), place = new Map(best.map((c, i) => [c, i]));
  const nearest = c => {
    const [r, g, b] = split(c);
    let found = 0, least = Infinity;
    colours.forEach(([x, y, z], i) => {
      const far = (r - x) ** 2 + (g - y) ** 2 + (b - z) ** 2;
      if (far < least) [found, least] = [i, far];
    });
    return found;
  };
  const out = new Uint8Array(data.length);
  data.forEach((c, i) => { if (!place.has(c)) place.set(c, nearest(c)); out[i] = place.get(c); });
  let text = '';
  for (let i = 0; i < out.length; i += 32768) text += String.fromCharCode(...out.subarray(i, i + 32768));
  return {width: image.width, height: image.height, colours, pixels: btoa(text)};
}"""


@dataclass(frozen=True)
class Shot:
    """One picture: who looks at what, and on which screen."""

    who: str | None
    path: str
    screen: dict[str, Any]
    theme: str = "dark"


ROOM: Final = "/incidents/{key}/"
SHOTS: Final = {
    "warroom": Shot("sarah", ROOM, TALL),
    "warroom-light": Shot("sarah", ROOM, TALL, "light"),
    "warroom-phone": Shot("sarah", ROOM, PHONE),
    "warroom-phone-light": Shot("sarah", ROOM, PHONE, "light"),
    "desk": Shot("sarah", "/", WIDE),
    "desk-phone": Shot("sarah", "/", PHONE),
    "declare": Shot("alex", "/declare/?affected=yes&share=over&core=yes&worse=unsure&services=payouts", WIDE),
    "declare-phone": Shot("alex", "/declare/", PHONE),
    "update": Shot("jordan", ROOM + "updates/new/", TALL),
    "update-phone": Shot("jordan", ROOM + "updates/new/", PHONE),
    "list": Shot("sarah", "/incidents/", WIDE),
    "record": Shot("sarah", "/incidents/INC-2026-0002/record/", WIDE),
    "summary": Shot("marcus", ROOM + "summary/", WIDE),
    "summary-phone": Shot("marcus", ROOM + "summary/", PHONE),
    "sign-in": Shot(None, "/sign-in/", WIDE),
}


def seed(cast: dict[str, Person]) -> str:
    """The night of the pictures, with a second, smaller incident on the desk; the night's key."""
    small = night.declare(
        cast["alex"], minutes_ago=31, title="SEV-3 Monthly reports: two columns are empty", severity=3,
        services=["reports"], clients=["lumen-foods"], symptom="two columns are empty",
    )  # fmt: skip
    cast["alex"].log(small, "Only exports made after midnight", source="user report", value="3 of 40 files")
    return night.whole(cast["sarah"], cast["alex"], cast["priya"], cast["jordan"])


def small(picture: bytes, page: Page) -> bytes:
    """The same picture with at most 256 colours: a quarter of the bytes, and nobody sees a difference."""
    found = page.evaluate(PALETTE, f"data:image/png;base64,{base64.b64encode(picture).decode()}")
    width, height, pixels = found["width"], found["height"], base64.b64decode(found["pixels"])
    rows = b"".join(b"\0" + pixels[y * width : (y + 1) * width] for y in range(height))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
        for name, body in (
            (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)),
            (b"PLTE", bytes(part for colour in found["colours"] for part in colour)),
            (b"IDAT", zlib.compress(rows, 9)),
            (b"IEND", b""),
        )
    )


def take(doors: Doors, shot: Shot, key: str) -> bytes:
    """One picture, once its fonts are there and the page is live."""
    page = doors.open(shot.who, shot.path.format(key=key), color_scheme=shot.theme, **shot.screen)
    page.wait_for_load_state("networkidle")
    page.evaluate("document.fonts.ready")
    page.wait_for_timeout(500)
    return page.screenshot()


def main(wanted: list[str]) -> int:
    """Take the pictures that are named, or all."""
    if unknown := [name for name in wanted if name not in SHOTS]:
        print(f"There is no picture {unknown[0]!r}; there are {', '.join(SHOTS)}.", file=sys.stderr)
        return 2
    FOLDER.mkdir(parents=True, exist_ok=True)
    with desk(DEMO="1") as running, sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium.path(), args=[flag for flag in chromium.flags() if flag != "--headless"]
        )
        doors, blank = Doors(browser, running), browser.new_page()
        key = seed(Cast(running))
        for name in wanted or SHOTS:
            picture = small(take(doors, SHOTS[name], key), blank)
            (FOLDER / f"{name}.png").write_bytes(picture)
            print(f"{name:<20} {len(picture) / 1000:6.0f} kB")
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
