r"""Unicode characters replaced by those that LaTeX and plain text use for the same.

Unicode's normal form NFKC alone would make 103, 51/2 and m2 of `10³`, `5½` and `㎡`. So superscripts,
subscripts and fractions are written out first, and NFKC is applied to one character at a time (to a run of
combining marks it would cost quadratic time). Characters without a width are removed; every dash that may
be a minus becomes `-`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from functools import lru_cache, partial

Rule = tuple[re.Pattern[str], Callable[[re.Match[str]], str]]


def rules(pairs: Iterable[tuple[str, str]], flags: int = 0) -> list[Rule]:
    """(pattern, template) pairs, ready for `rewritten`; templates are expanded only where they match."""
    return [(re.compile(pattern, flags), partial(_expanded, by)) for pattern, by in pairs]


def _expanded(template: str, match: re.Match[str]) -> str:
    return match.expand(template)


def rewritten(text: str, by: Iterable[Rule]) -> str:
    """The text after every rule, in order."""
    for pattern, write in by:
        text = pattern.sub(write, text)
    return text


_SUPER = "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁽⁾ⁿⁱˣ"
_SUB = "₀₁₂₃₄₅₆₇₈₉₊₋₍₎ₐₑₓₙᵢ"
_SCRIPTS = str.maketrans(_SUPER + _SUB, "0123456789+-()nix" + "0123456789+-()aexni")
_INVISIBLE = dict.fromkeys(
    map(ord, "\u00ad\u180e\u200b\u200c\u200d\u200e\u200f\u2060\u2061\ufe0f\u20e3\ufeff")
)
_INVISIBLE |= dict.fromkeys([*range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xFE00, 0xFE0F)])
_WRITTEN = _INVISIBLE | str.maketrans({
    **dict.fromkeys("−‐‑‒–﹣－➖⁃", "-"), **dict.fromkeys("‘’‛′＇", "'"), **dict.fromkeys("“”″", '"'),
    "×": r"\times ", "✕": r"\times ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "÷": "/", "∕": "/",
    "⁄": "/", "\u2062": " ", "\u2063": ",", "\u2064": " ",
    "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ", "≠": r"\neq ", "≈": r"\approx ",
    "≃": r"\approx ",
    "±": r"\pm ", "∞": r"\infty ", "∪": r"\cup ", "∈": r"\in ", "∅": r"\emptyset ", "⌀": r"\emptyset ",
    "°": r"^\circ ", "º": r"^\circ ", "˚": r"^\circ ", "℃": r"^\circ C", "℉": r"^\circ F",
    "⟨": r"\langle ", "⟩": r"\rangle ", "∠": r"\angle ", "⌊": r"\lfloor ", "⌋": r"\rfloor ",
    "⌈": r"\lceil ", "⌉": r"\rceil ", "ℝ": r"\mathbb{R}", "ℤ": r"\mathbb{Z}", "ℕ": r"\mathbb{N}",
    "ℚ": r"\mathbb{Q}", "…": "...", "⋯": "...", "㎡": "m^{2}", "㎥": "m^{3}", "㎠": "cm^{2}", "㎢": "km^{2}",
    "。": ". ", "、": ", ", "\u00a0": " ", "\u202f": " ", "∶": ":", "￥": "¥", "\r": "\n",
    **{letter: rf"\{name} " for letter, name in zip(
        "πθαβγδλμσφω", "pi theta alpha beta gamma delta lambda mu sigma phi omega".split(), strict=True)},
})  # fmt: skip
_RULES = rules((
    (r"\r\n?|[\u0085\u2028\u2029]", "\n"),
    (rf"[{_SUPER}]+", r"^{\g<0>}"),
    (rf"[{_SUB}]+", r"_{\g<0>}"),
    (r"√\s*\(([^()]*)\)|√\s*\{([^{}]*)\}|√\s*(\d+(?:\.\d+)?|[A-Za-z])", r"\\sqrt{\1\2\3}"),
    (r"∛\s*\(([^()]*)\)|∛\s*(\d+(?:\.\d+)?|[A-Za-z])", r"\\sqrt[3]{\1\2}"),
    (r"∜\s*\(([^()]*)\)|∜\s*(\d+(?:\.\d+)?|[A-Za-z])", r"\\sqrt[4]{\1\2}"),
    ("√", r"\\sqrt "),
    (r"(\d)[\u0305\u0304]", r"\\overline{\1}"),
    (r"(\d)\u0307", r"\\overline{\1}"),
    (r"(?:(?<=\s)|^)—(?=[\d.$\\])", "-"),
    (r"<sup>([^<>]{1,40})</sup>", r"^{\1}"),
    (r"<sub>([^<>]{1,40})</sub>", r"_{\1}"),
    (r"</?(?:b|i|u|em|strong|span|p|div|code|mark)(?: [^<>]{0,80})?>", ""),
    (r"<br ?/?>", "\n"),
    ("&nbsp;", " "), ("&minus;", "-"), ("&times;", r"\\times "), ("&lt;", "<"), ("&gt;", ">"), ("&deg;",
    "°"),
))  # fmt: skip
_SMALL_FRACTION = re.compile(rf"(?<![{_SUPER[:10]}])([{_SUPER[:10]}]+)[⁄/]([{_SUB[:10]}]+)")
_WIDE = re.compile(r"[^\x00-\x7f]")
_AS_IT_IS = re.compile(r"[\x00-\x0c\x0e-\x25\x27-\x3b\x3d-\x7f]*")
"""ASCII without carriage returns, tags and entities."""


def plain(text: str) -> str:
    """The text in characters that `answer_text` and `answer_phrases` know; linear in its length."""
    if _AS_IT_IS.fullmatch(text):
        return text
    text = text.translate(_INVISIBLE)
    text = _SMALL_FRACTION.sub(lambda match: rf"\frac{{{match[1]}}}{{{match[2]}}}".translate(_SCRIPTS), text)
    text = rewritten(text, _RULES).translate(_SCRIPTS)
    return _WIDE.sub(lambda match: _character(match.group()), text)


@lru_cache(maxsize=4_096)
def _character(character: str) -> str:
    written = character.translate(_WRITTEN)
    if written != character:
        return written
    written = unicodedata.normalize("NFKC", character)
    top, slash, bottom = written.partition("⁄")
    if slash and top.isdecimal() and bottom.isdecimal():
        return rf"\frac{{{top}}}{{{bottom}}}"
    return written.translate(_WRITTEN)
