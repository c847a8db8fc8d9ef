"""A picture whose points can be clicked: HTML and CSS alone, which work without a kernel and without a network."""

import base64
import hashlib
import html
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, UInt8
from PIL import Image

from vireid_lib.viz.style import LINE, QUIET, SCREEN_DPI, Picture

COLUMNS = 16  # of the sheet that holds all thumbnails
QUALITY = 88
LARGE = 2.0  # times a thumbnail's size


@dataclass(frozen=True)
class Card:
    """What a click on a point shows beside its image.

    Attributes:
        words: about the image.
        others: (place of another point, words below it).
    """

    words: str
    others: Sequence[tuple[int, str]]


class PointPicture:
    """A picture with a button on each of its points; a click shows the point's image and its card.

    Notebooks that may not show HTML show the picture. The buttons are radio buttons, so that a keyboard reaches them,
    and the only state is which of them is chosen: no script runs.

    Args:
        picture: has one axes, in which the points are drawn.
        points: in the axes' data coordinates.
        images: of each point, small.
        cards: of each point.
        heading: above the other images of a card.
    """

    def __init__(
        self,
        picture: Picture,
        points: Float[np.ndarray, "points 2"],
        images: UInt8[np.ndarray, "points height width 3"],
        cards: Sequence[Card],
        heading: str,
    ) -> None:
        if not len(points) == len(images) == len(cards):
            raise ValueError(f"{len(points)} points, {len(images)} images and {len(cards)} cards: give one of each.")
        self.picture, self._images, self._cards, self._heading = picture, images, cards, heading
        self._png = picture.png()  # lays the picture out: only then its points have places
        (axes,) = picture.axes
        width, height = picture.bbox.width, picture.bbox.height
        self.places = axes.transData.transform(points) / (width, height)

    def html(self) -> str:
        """The picture, its buttons and its cards."""
        name = "p" + hashlib.sha256(self._png).hexdigest()[:10]
        width = round(self.picture.get_figwidth() * SCREEN_DPI)
        buttons = "".join(
            f'<input type="radio" name="{name}" id="{name}-{place}" aria-label="{html.escape(card.words)}" '
            f'title="{html.escape(card.words)}" style="left:{100 * x:.2f}%;top:{100 * (1 - y):.2f}%">'
            for place, ((x, y), card) in enumerate(zip(self.places, self._cards, strict=True))
        )
        cards = "".join(self._card(place) for place in range(len(self._cards)))
        rules = ",".join(
            f"#{name} .map:has(#{name}-{place}:checked)~.cards .c{place}" for place in range(len(self._cards))
        )
        return (
            f'<div class="point-picture" id="{name}"><style>{self._style(name, width)}{rules}{{display:block}}</style>'
            f'<div class="map"><img alt="{html.escape(self.picture.alt)}" src="{_uri(self._png, "png")}">{buttons}'
            "</div>"
            f'<div class="cards"><p class="hint">Click a point.</p>{cards}</div></div>'
        )

    def _card(self, place: int) -> str:
        card = self._cards[place]
        others = "".join(
            f"<figure>{self._thumbnail(other, 1.0)}<figcaption>{html.escape(words)}</figcaption></figure>"
            for other, words in card.others
        )
        return (
            f'<div class="c c{place}">{self._thumbnail(place, LARGE)}<p>{html.escape(card.words)}</p>'
            f"<p>{html.escape(self._heading)}</p>{others}</div>"
        )

    def _thumbnail(self, place: int, scale: float) -> str:
        height, width = (scale * length for length in self._images.shape[1:3])
        row, column = divmod(place, COLUMNS)
        return (
            f'<span class="t" style="width:{width:g}px;height:{height:g}px;background-position:-{column * width:g}px '
            f'-{row * height:g}px;background-size:{COLUMNS * width:g}px auto"></span>'
        )

    def _style(self, name: str, width: int) -> str:
        return (
            f"#{name}{{display:flex;flex-wrap:wrap;gap:16px;align-items:flex-start}}"
            f"#{name} .map{{position:relative;flex:1 1 480px;max-width:{width}px}}"
            f"#{name} .map img{{display:block;width:100%;max-width:none;margin:0}}"
            f"#{name} input{{appearance:none;-webkit-appearance:none;position:absolute;width:12px;height:12px;margin:0;"
            "padding:0;transform:translate(-50%,-50%);border-radius:50%;border:2px solid transparent;cursor:pointer;"
            f"background:none}}#{name} input:hover{{border-color:{QUIET}}}"
            f"#{name} input:checked{{border-color:#000;box-shadow:0 0 0 2px #fff}}"
            f"#{name} .cards{{flex:0 0 310px;font-size:13px;line-height:1.4}}#{name} .c{{display:none}}"
            f"#{name} .hint{{color:{QUIET}}}#{name} .map:has(:checked)~.cards .hint{{display:none}}"
            f"#{name} p{{margin:6px 0}}#{name} figure{{display:inline-block;margin:0 6px 6px 0;text-align:center;"
            f"font-size:11px}}#{name} .t{{display:inline-block;border:1px solid {LINE};"
            f"background-image:url({self._sheet()})}}"
        )

    def _sheet(self) -> str:
        """All thumbnails as one image."""
        count, height, width = self._images.shape[:3]
        rows = -(-count // COLUMNS)
        sheet = np.full((rows * height, COLUMNS * width, 3), 255, np.uint8)
        for place, image in enumerate(self._images):
            row, column = divmod(place, COLUMNS)
            sheet[row * height : (row + 1) * height, column * width : (column + 1) * width] = image
        with io.BytesIO() as file:
            Image.fromarray(sheet).save(file, "JPEG", quality=QUALITY)
            return _uri(file.getvalue(), "jpeg")

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        data, metadata = self.picture.bundle()
        return {**data, "text/html": self.html()}, metadata


def _uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"
