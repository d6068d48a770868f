"""Answers in canonical form: one spelling for what LaTeX, Unicode and plain text write in many ways.

Only the spelling is changed, nothing is computed. Spaces that separate (two numbers, two words) stay; a comma
between thousands is removed, one that separates numbers stays.
"""

from __future__ import annotations

import re

from evaluation.grading.answer_characters import plain, rewritten, rules

DOLLAR = "¤"
"""Stands for a dollar sign that is money."""
ROW = "¶"
"""Stands for the end of a matrix's row."""
GROUP = "‚"
"""Stands for a comma between groups of three digits that may as well separate numbers: 121,242,363."""
_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_PROSE = frozenset(
    "per for so in she he it they we is are was were each an the to from with has have had at on by "
    "if then".split()
)
_FORMULA = re.compile(
    r"\$\$(.+?)\$\$|(?<![\\$])\$((?:\\.|[^$\\\n])+?)(?<!\\)\$(?!\d)|\\\((.+?)\\\)|\\\[(.+?)\\\]", re.DOTALL
)
_WRAPPED = r"\s*\{((?:[^{}]|\{[^{}]*\})*)\}"

_SUBSTITUTIONS = rules((
    (r"\\\\(?=[A-Za-z])(?!.*\\end)", r"\\"),
    (r"\\(?:color|textcolor|colorbox|fcolorbox)\s*(?:\[\w+\])?\{[^{}]*\}", ""),
    (r"\\(?:h|v)?(?:space|phantom)\*?\s*\{[^{}]*\}|\\(?:tag|label)\*?\{[^{}]*\}", ""),
    (r"\\(?:bm|pmb|boldsymbol|underline|ensuremath|mathord|mathbf|mathit|mathsf|uline)" + _WRAPPED, r"{\1}"),
    (r"\\(?:tiny|scriptsize|footnotesize|small|normalsize|large|Large|LARGE|huge|Huge|bfseries|itshape|noindent"
     r"|scriptstyle|scriptscriptstyle|nolinebreak|boldmath)(?![A-Za-z])", ""),
    (r"\\(?:enspace|thinspace|nobreakspace|hfill|newline|linebreak|par)(?![A-Za-z])", " "),
    (r"\\(?:approx(?:eq)?|simeq|doteq|cong|sim)(?![A-Za-z])", r"\\approx "),
    (r"\\(?:[lc]?dots|dotsc|dotsb)(?![A-Za-z])", "..."),
    (r"\\(?:euro|EUR)(?![A-Za-z])(?:\{\})?", "€"), (r"\\(?:pounds|textsterling)(?![A-Za-z])(?:\{\})?", "£"),
    (r"\\(?:yen|textyen)(?![A-Za-z])(?:\{\})?", "¥"), (r"\\textdollar(?![A-Za-z])(?:\{\})?", r"\\$"),
    (r"\\colon(?![A-Za-z])|\s:\s", ":"),
    (r"(?<=\d)(?:''|\"|\^\{\\prime\\prime\})", " inches"), (r"(?<=\d)'(?=[\s\d]|$)", " feet "),
    (r"\\begin\{(?:small)?(array|matrix)\}", r"\\begin{\1}"),
    (r"\\end\{(?:small)?(array|matrix)\}", r"\\end{\1}"),
    (r"\\left\s?([\[(])\s*\\begin\{(?:array|matrix)\}(?:\{[^{}]*\})?", r"\\begin{bmatrix}"),
    (r"\\end\{(?:array|matrix)\}\s*\\right\s?[\])]", r"\\end{bmatrix}"),
    (r"[\[(]\s*\\begin\{(?:array|matrix)\}(?:\{[^{}]*\})?", r"\\begin{bmatrix}"),
    (r"\\end\{(?:array|matrix)\}\s*[\])]", r"\\end{bmatrix}"),
    (r"\\dot\s?\{?(\d)\}?(\d*)\\dot\s?\{?(\d)\}?", r"\\overline{\1\2\3}"),
    (r"(?<=[.\d])\\(?:dot|bar)\s?(?:\{(\d+)\}|(\d))", r"\\overline{\1\2}"),
    (r"(?<=\d\.)\((\d+)\)", r"\\overline{\1}"),
    (r"(?<![A-Za-z\\])C\((\d+),\s?(\d+)\)", r"\\binom{\1}{\2}"),
    (r"\{([^{}]*)\\choose([^{}]*)\}", r"\\binom{\1}{\2}"),
    (r"(?:\{\})?(?<!\d)[_^]\{?(\d+)\}?\s?C_\{?(\d+)\}?", r"\\binom{\1}{\2}"),
    (r"\b(\d+)C(\d+)\b", r"\\binom{\1}{\2}"),
    (r"\\(?:d|t)?choose", r"\\choose"),
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
    (r"\^\s*(?:\{\s*\\circ\s*\}|\\circ(?![A-Za-z])|\{?o\}?(?![A-Za-z0-9]))|\\degrees?(?![A-Za-z])",
     r"\\text{degrees}"),
    (r"\\%", "%"),
    (r"\\cup(?![A-Za-z])|(?<=[)\]])\s*U\s*(?=[(\[])", r"\\cup "),
    (r"(?<![\\A-Za-z])(sqrt|pi|theta|alpha|beta|sin|cos|tan|ln|log)(?![A-Za-z])", r"\\\1 "),
    (r"(?<![\\A-Za-z])(?:infinity|infty|inf|oo)(?![A-Za-z])", r"\\infty "),
    (r"(?<=[\d})])\s*\b(?:percent(?:age)?|per cent|pct)\b(?: points?\b)?"
     r"|\\text\{\s*(?:percent|per cent)\s*\}",
     "%"),
), re.ASCII)  # fmt: skip
_PLAIN_GROUPS = rules((
    (r"\\sqrt\s*\(([^()]*)\)", r"\\sqrt{\1}"),
    (r"\^\s*\(([^()]*)\)", r"^{\1}"),
    (r"([\^_])\s*(-?\d+)", r"\1{\2}"),
    (r"\^\s*-\s*([A-Za-z])", r"^{-\1}"),
), re.ASCII)  # fmt: skip
_THOUSANDS = re.compile(
    r"(?<![\d.,])\d{1,3}(?:,\d{3})+(?!\d|,\d)"
    r"|(?<![\d.,/^_}])(?<![\d}] )\d{1,3}(?: \d{3})+(?! ?[\d/]|-[a-z])",
    re.ASCII,
)
_REPEATING = re.compile(r"(\d*\.)(\d{1,40}) ?\.\.\.", re.ASCII)
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\s+|.", re.DOTALL)
_NEEDS = {r"\frac": 2, r"\binom": 2, r"\sqrt": 1, "^": 1, "_": 1}
_EDGE = re.compile(r"\s*([^\sA-Za-z0-9.])\s*", re.ASCII)


def canonical(text: str) -> str:
    """An answer in canonical form. Linear in the length of the text, which the caller limits."""
    text = _without_delimiters(plain(text).strip())
    text = _REPEATING.sub(_repeating, _thousands(rewritten(text, _SUBSTITUTIONS)))
    text = rewritten(text, _PLAIN_GROUPS)
    text = spaced(_braced(text))
    return re.sub(rf"[\s.,;:?{ROW}]+$", "", text)


def formulas(text: str) -> list[tuple[int, int, str]]:
    r"""(start, end, content) of what stands in `$…$`, `$$…$$`, `\(…\)` or `\[…\]`.

    Two prices in a line are no formula: the closing sign stands behind a space or before a digit, or
    sentences lie between. The caller bounds the length.
    """
    spans, place = [], 0
    while match := _FORMULA.search(text, place):
        content = next(group for group in match.groups() if group is not None)
        if match[2] is not None and not _is_formula(content):
            place = match.start() + 1
            continue
        spans.append((match.start(), match.end(), content))
        place = match.end()
    return spans


def _is_formula(content: str) -> bool:
    words = _WORD.findall(re.sub(r"\\(?:text\w*|mbox|mathrm|operatorname\*?)\s*\{[^{}]*\}", "", content))
    if len(words) > 3 or any(word.lower() in _PROSE for word in words):
        return False
    return content[0].isspace() == content[-1].isspace() and not re.search(r"[-+=/*(,&]\s*$", content)


def _without_delimiters(text: str) -> str:
    """Without `**bold**` and without `$…$`; a dollar sign left alone is money."""
    text = re.sub(r"^\s*([*_`]{1,3})(?!\s)(.*?)(?<!\s)\1[.\s]*$", r"\2", text, flags=re.DOTALL)
    text = re.sub(
        r"^\s*(?:=+>|[→⇒∴]|\\(?:Rightarrow|rightarrow|implies|therefore|to)(?![A-Za-z])|\*(?=\s))\s*",
        "",
        text,
    )
    text = re.sub(r"^([\"'])([^\"']*)\1\.?$", r"\2", text)
    parts, last = [], 0
    for start, end, content in formulas(text):
        parts += [text[last:start], " ", content, " "]
        last = end
    text = "".join([*parts, text[last:]]).replace("$$", "")
    return re.sub(
        r"(?<!\\)\$(?!\s?[\d.\\(-])(?<!\d.)", "", re.sub(r"(?<=\d)\$|(?<!\\)\$(?=\s?[\d.\\(-])", DOLLAR, text)
    )


def _thousands(text: str) -> str:
    """1,000 and 1 000 are 1000, but in brackets (1,000) the comma separates.

    Groups of three digits only, none with a leading zero, may be a number or a list: GROUP.
    """
    depth, last, parts = 0, 0, []
    for match in _THOUSANDS.finditer(text):
        before = text[last : match.start()]
        depth += sum(before.count(c) for c in ("(", "[", r"\{"))
        depth -= sum(before.count(c) for c in (")", "]", r"\}"))
        groups = re.split("[, ]", match.group())
        alike = "," in match.group() and all(len(group) == 3 and group[0] != "0" for group in groups)
        written = (GROUP if alike else "").join(groups)
        parts += [before, written if depth == 0 or "," not in match.group() else match.group()]
        last = match.end()
    return "".join([*parts, text[last:]])


def _repeating(match: re.Match[str]) -> str:
    r"""0.1666… is 0.1\overline{6}; digits that do not repeat stay as they are."""
    digits = match[2]
    for size in range(1, len(digits) // 2 + 1):
        block = digits[-size:]
        if digits[-2 * size : -size] == block:
            while digits.endswith(block):
                digits = digits[:-size]
            return rf"{match[1]}{digits}\overline{{{block}}}"
    return rf"{match[1]}{digits}\dots "


def flat(text: str) -> str:
    r"""Canonical text with `\text{words}` as words, but for those in an index."""
    return spaced(re.sub(r"(?<![_^]\{)\\text\{([^{}]*)\}", r" \1 ", text))


def _braced(text: str) -> str:
    r"""Arguments in braces: \frac12, \sqrt2, x^2 become \frac{1}{2}, \sqrt{2}, x^{2}."""
    out: list[str] = []
    missing, outer, option = 0, [], False
    for token in _TOKEN.findall(text):
        if option:
            out.append(token)
            option = token != "]"
        elif token.isspace():
            if not missing:
                out.append(" ")
        elif token == "[" and out and out[-1] == r"\sqrt":
            out.append(token)
            option = True
        elif token == "{":
            outer.append(max(missing - 1, 0))
            missing = 0
            out.append(token)
        elif token == "}":
            missing = outer.pop() if outer else 0
            out.append(token)
        elif token in _NEEDS:
            missing = max(missing - 1, 0) + _NEEDS[token]
            out.append(token)
        elif missing:
            missing -= 1
            out.append(f"{{{token}}}")
        else:
            out.append(token)
    return "".join(out)


def spaced(text: str) -> str:
    """Spaces only where they separate: between letters, digits and points, and behind a command."""
    text = _EDGE.sub(r"\1", text)
    return re.sub(r"\s+", " ", text).strip()
