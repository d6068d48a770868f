"""Answers as canonical text: one way to write what LaTeX, Unicode and plain text write in many.

Only the writing is made alike, nothing is computed. Spaces that separate (two numbers, two words)
stay; a comma between thousands goes, one that separates stays.
"""

from __future__ import annotations

import re

_UNICODE = str.maketrans({
    "−": "-", "–": "-", "×": r"\cdot ", "·": r"\cdot ", "⋅": r"\cdot ", "∙": r"\cdot ", "÷": "/", "∕": "/",
    "⁄": "/", "π": r"\pi ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "∞": r"\infty ", "∪": r"\cup ",
    "∈": r"\in ", "≤": r"\le ", "≥": r"\ge ", "≠": r"\neq ", "±": r"\pm ", "∅": r"\emptyset ",
    "°": r"\degree ", "⟨": r"\langle ", "⟩": r"\rangle ", "½": r"\frac{1}{2}", "⅓": r"\frac{1}{3}",
    "⅔": r"\frac{2}{3}", "¼": r"\frac{1}{4}", "¾": r"\frac{3}{4}", "\u00a0": " ", "\u202f": " ",
    "\u2009": " ", "’": "'",
    **{sup: f"^{{{n}}}" for n, sup in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{sub: f"_{{{n}}}" for n, sub in enumerate("₀₁₂₃₄₅₆₇₈₉")},
})  # fmt: skip
DOLLAR = "¤"
"""Stands for a dollar sign that is money."""
ROW = "¶"
"""Stands for the end of a matrix's row."""

_SUBSTITUTIONS = [(re.compile(pattern, re.ASCII), by) for pattern, by in (
    (r"\\\\(?=[A-Za-z])(?!.*\\end)", r"\\"),
    (r"\\\\(?:\[\w+\])?", ROW),
    (r"\\\$", DOLLAR),
    (r"\\[\[\]()]", " "),
    (r"\\(?:left|right|[bB]igg?[lrm]?)(?![A-Za-z])\s*\.?", ""),
    (r"\\(?:displaystyle|textstyle|limits|nolimits|rm|bf|it|mathstrut)(?![A-Za-z])|\\label\{\w*\}", ""),
    (r",\\!\s*", ","),
    (r"\{,\}", ","),
    (r"\\!", ""),
    (r"(?<=\d)\\,(?=\d{3}(?!\d))", ""),
    (r"\\[,;:> ]|~|\\q?quad(?![A-Za-z])", " "),
    (r"\\[dtc]frac(?![A-Za-z])", r"\\frac"),
    (r"\\[dt]binom(?![A-Za-z])", r"\\binom"),
    (r"\\(?:mathrm|mathbf|mathit|mathsf|operatorname\*?|boldsymbol)\s*\{\s*([A-Za-z])\s*\}", r"\1"),
    (r"\\(?:mathrm|operatorname\*?)\s*\{\s*(sin|cos|tan|cot|sec|csc|arcsin|arccos|arctan|ln|log|exp)\s*\}",
     r"\\\1 "),
    (r"\\(?:mbox|hbox|text(?:bf|it|rm|sf|tt|normal|up)?|mathrm|mathbf|mathit|operatorname\*?)\s*\{",
     r"\\text{"),
    (r"\\text\{\s*(,?\s*(?:and|or))\s*,?\s*\}", r" \1 "),
    (r"\\text\{\s*\}", ""),
    (r"\\(?:leqslant|leq)(?![A-Za-z])", r"\\le "),
    (r"\\(?:geqslant|geq)(?![A-Za-z])", r"\\ge "),
    (r"<=", r"\\le "),
    (r">=", r"\\ge "),
    (r"\\ne(?![A-Za-z])", r"\\neq "),
    (r"\\lt(?![A-Za-z])", "<"),
    (r"\\gt(?![A-Za-z])", ">"),
    (r"\\lbrace(?![A-Za-z])", r"\\{"),
    (r"\\rbrace(?![A-Za-z])", r"\\}"),
    (r"\\lbrack(?![A-Za-z])", "["),
    (r"\\rbrack(?![A-Za-z])", "]"),
    (r"\\[lr]?vert(?![A-Za-z])|\\mid(?![A-Za-z])", "|"),
    (r"\\(?:times|ast|cdotp)(?![A-Za-z])", r"\\cdot "),
    (r"\\div(?![A-Za-z])", "/"),
    (r"\*\*", "^"),
    (r"\*", r"\\cdot "),
    (r"\\(?:varnothing)(?![A-Za-z])", r"\\emptyset "),
    (r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z]))|\\degrees?(?![A-Za-z])", r"\\text{degrees}"),
    (r"\\%", "%"),
    (r"\\cup(?![A-Za-z])|(?<=[)\]])\s*U\s*(?=[(\[])", r"\\cup "),
    (r"(?<![\\A-Za-z])(sqrt|pi|theta|alpha|beta|sin|cos|tan|ln|log)(?![A-Za-z])", r"\\\1 "),
    (r"(?<![\\A-Za-z])(?:infinity|infty|inf|oo)(?![A-Za-z])", r"\\infty "),
    (r"(?<=\d)\s*\bpercent(?:age)?\b|\\text\{\s*percent\s*\}", "%"),
)]  # fmt: skip
_PLAIN_GROUPS = [(re.compile(pattern, re.ASCII), by) for pattern, by in (
    (r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
    (r"\^\s*\(([^()]*)\)", r"^{\1}"),
    (r"([\^_])\s*(-?\d+)", r"\1{\2}"),
    (r"\^\s*-\s*([A-Za-z])", r"^{-\1}"),
)]  # fmt: skip
_THOUSANDS = re.compile(r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)", re.ASCII)
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
_NEEDS = {r"\frac": 2, r"\binom": 2, r"\sqrt": 1, "^": 1, "_": 1}
_EDGE = re.compile(r"\s*([^\sA-Za-z0-9.])\s*", re.ASCII)


def canonical(text: str) -> str:
    """The one way to write an answer. Linear in the length of the text; the caller bounds that."""
    text = _without_delimiters(text.strip().translate(_UNICODE))
    for pattern, by in _SUBSTITUTIONS:
        text = pattern.sub(by, text)
    text = _thousands(text.replace("$", ""))
    for pattern, by in _PLAIN_GROUPS:
        text = pattern.sub(by, text)
    text = _spaced(_braced(text))
    return re.sub(r"[\s.,;:?]+$", "", text)


def _without_delimiters(text: str) -> str:
    """Without `**bold**` and without `$…$`; a dollar sign left alone is money."""
    text = re.sub(r"^\*\*(.*)\*\*[.\s]*$", r"\1", text, flags=re.DOTALL)
    if len(re.findall(r"(?<!\\)\$", text)) % 2:
        text = re.sub(r"(?<!\\)\$", DOLLAR, text)
    return text


def _thousands(text: str) -> str:
    """1,000 is 1000, but in brackets (1,000) the comma separates."""
    depth, last, parts = 0, 0, []
    for match in _THOUSANDS.finditer(text):
        before = text[last : match.start()]
        depth += sum(before.count(c) for c in ("(", "[", r"\{"))
        depth -= sum(before.count(c) for c in (")", "]", r"\}"))
        parts += [before, match.group().replace(",", "") if depth == 0 else match.group()]
        last = match.end()
    return "".join([*parts, text[last:]])


def _braced(text: str) -> str:
    r"""Arguments in braces: \frac12, \sqrt2, x^2 become \frac{1}{2}, \sqrt{2}, x^{2}."""
    out: list[str] = []
    wanted, outer, option = 0, [], False
    for token in _TOKEN.findall(text):
        if option:
            out.append(token)
            option = token != "]"
        elif token.isspace():
            if not wanted:
                out.append(" ")
        elif token == "[" and out and out[-1] == r"\sqrt":
            out.append(token)
            option = True
        elif token == "{":
            outer.append(max(wanted - 1, 0))
            wanted = 0
            out.append(token)
        elif token == "}":
            wanted = outer.pop() if outer else 0
            out.append(token)
        elif token in _NEEDS:
            wanted = max(wanted - 1, 0) + _NEEDS[token]
            out.append(token)
        elif wanted:
            wanted -= 1
            out.append(f"{{{token}}}")
        else:
            out.append(token)
    return "".join(out)


def _spaced(text: str) -> str:
    """Spaces only where they separate: between letters, digits and points, and behind a command."""
    text = _EDGE.sub(r"\1", text)
    return re.sub(r"\s+", " ", text).strip()
