"""Moving pictures of runs: GIF by Pillow, MP4 by the ffmpeg that stands on the PATH."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image

from llada_viz.export.board import Lane, picture
from llada_viz.export.raster import image_of, scale_of
from llada_viz.export.telling import Told

MOST_PICTURES = 240
MOST_PIXELS = 1_000_000
"""Of one picture at USUAL_SCALE."""
USUAL_SCALE = 1.25
COLOURS = 128
LAST_STANDS = 2.0  # seconds
NO_FFMPEG = "MP4 needs ffmpeg on the PATH of the machine that exports. GIF and HTML need nothing."


class CannotDraw(ValueError):
    """There is nothing here that can write such a file; the message is a sentence."""


def film_of(lanes: Sequence[Lane]) -> list[tuple[int, ...]]:
    """The frames of each lane, picture by picture: at every count of sequences evaluated that a lane has, the
    last frame until then; of one lane every frame. More than MOST_PICTURES are thinned evenly."""
    frames = [lane.run.frames for lane in lanes]
    if len(lanes) == 1:
        film: list[tuple[int, ...]] = [(number,) for number in range(len(frames[0]))]
    else:
        clock = sorted({frame["nfe"] for lane in frames for frame in lane})
        film = [tuple(sum(f["nfe"] <= now for f in lane) - 1 for lane in frames) for now in clock]
    if len(film) <= MOST_PICTURES:
        return film
    step = (len(film) - 1) / (MOST_PICTURES - 1)
    return [film[round(number * step)] for number in range(MOST_PICTURES)]


def images(
    lanes: Sequence[Lane], film: Sequence[tuple[int, ...]], dark: bool, wanted_scale: float, told: Told
) -> Iterator[Image.Image]:
    """The pictures of a film, one after the other."""
    pixels = round(MOST_PIXELS * (wanted_scale / USUAL_SCALE) ** 2)
    scale = scale_of(picture(lanes, film[0], dark), wanted_scale, pixels)
    for number, at in enumerate(film):
        yield image_of(picture(lanes, at, dark), scale)
        told(number + 1, len(film))


def write_gif(
    path: Path, pictures: Iterator[Image.Image], count: int, pace: float, like: Image.Image
) -> None:
    """A GIF that begins anew. pace: pictures a second; like: an image that has all of its colours."""
    colours = like.quantize(COLOURS, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
    limited = (image.quantize(palette=colours, dither=Image.Dither.NONE) for image in pictures)
    stands = [round(1000 / pace)] * (count - 1) + [round(1000 * LAST_STANDS)]
    first = next(limited)
    with path.open("wb") as file:
        first.save(file, "GIF", save_all=True, append_images=limited, duration=stands, loop=0, disposal=1)


def with_all_colours(lanes: Sequence[Lane], film: Sequence[tuple[int, ...]], dark: bool) -> Image.Image:
    """Moments of a film, one under the other: what its colours are chosen from."""
    places = [film[round(part * (len(film) - 1))] for part in (0.25, 0.5, 0.75, 1)]
    seen = [image_of(picture(lanes, at, dark), 0.5) for at in places]
    whole = Image.new("RGB", (seen[0].width, sum(image.height for image in seen)))
    for number, image in enumerate(seen):
        whole.paste(image, (0, number * seen[0].height))
    return whole


def write_mp4(path: Path, pictures: Iterator[Image.Image], pace: float) -> None:
    """A film. CannotDraw: there is no ffmpeg, or it refuses."""
    program = shutil.which("ffmpeg")
    if program is None:
        raise CannotDraw(NO_FFMPEG)
    first = next(pictures)
    size = f"{first.width}x{first.height}"
    command = [
        program, "-y", "-loglevel", "error", "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", size,
        "-r", f"{pace:g}", "-i", "-", "-vf", f"tpad=stop_mode=clone:stop_duration={LAST_STANDS:g}",
        "-pix_fmt", "yuv420p",
        "-movflags", "+faststart", "-f", "mp4", str(path),
    ]  # fmt: skip
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    try:
        for image in _again(first, pictures):
            process.stdin.write(image.tobytes())
        _, said = process.communicate()
    except BrokenPipeError:
        _, said = process.communicate()
    except BaseException:
        process.kill()
        process.communicate()
        raise
    if process.returncode:
        raise CannotDraw(f"ffmpeg refused to write the film: {said.decode(errors='replace').strip()[:200]}")


def _again(first: Image.Image, rest: Iterator[Image.Image]) -> Iterator[Image.Image]:
    yield first
    yield from rest
