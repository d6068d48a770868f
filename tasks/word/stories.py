"""The wordings that composed word problems are told in, as data: clauses of a story and questions.

A text is what a subject does ("gives away {n} {o}"; the subject's name is put before it), or, with "=" in
front, a whole sentence. <gives|give> is for one person or for several. Slots: {p} the subject, {q} another
person, {n} {m} numbers, {o} objects, {g} {gs} friend(s), {hs} other
people, {w} {ws}, {x} {xs} and {y} {ys} three kinds of container,
{k} {l} two colours, {i} {is} and {j} {js} two kinds of goods, {base} what is compared with.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache

CONTAINERS = (("box", "boxes"), ("bag", "bags"), ("basket", "baskets"), ("pack", "packs"), ("jar", "jars"))
GROUPS = (("friend", "friends"), ("child", "children"))
OTHER_GROUPS = ("boys", "girls")
COLOURS = ("red", "blue", "green")
GOODS = (
    ("ticket", "tickets"), ("notebook", "notebooks"), ("toy", "toys"), ("pen", "pens"), ("book", "books"),
    ("cake", "cakes"),
)  # fmt: skip
WISHES = ("bike", "game", "ball", "lamp")
MONEY = ("dollars", "coins")
CONNECTORS = ("", "", "", "Then ", "Then ", "After that ", "Later ", "Next ")

_TEXTS: dict[str, str] = {
    # How a story begins.
    "has": """has {n} {o} / owns {n} {o} / has {n} {o} / starts with {n} {o} / finds {n} {o} / buys
        {n} {o} / collects {n} {o} / =At first {p} has {n} {o}. / =In the morning {p} has {n} {o}.""",
    "has_money": """has {n} {o} / has {n} {o} / starts with {n} {o} / gets {n} {o} from {q} / =At
        first {p} has {n} {o}.""",
    "in_place": """=There are {n} {o} in a {w}. / =A {w} holds {n} {o}. / =There is a {w} with {n} {o}
        in it. / =In a {w} there are {n} {o}. / =A {w} has {n} {o} in it.""",
    "boxes": """has {n} {ws} with {m} {o} in each {w} / has {n} {ws} with {m} {o} each / has {n} {ws}
        of {m} {o} each / buys {n} {ws} of {m} {o} each / buys {n} {ws} with {m} {o} in each {w} / buys
        {n} {ws} of {m} {o} / fills {n} {ws} with {m} {o} each / packs {o} into {n} {ws}, with exactly {m}
        in each / picks {m} {o} from each of {n} {ws}""",
    "lots": """=There are {n} {ws} of {m} {o} each. / =There are {n} {ws} with {m} {o} in each of
        them. / =There are {n} {ws} on a table with {m} {o} each. / =Each of {n} {ws} holds {m} {o}. /
        =There are {m} {o} in each of {n} {ws}.""",
    "saves": """saves {m} {o} a day for {n} days / saves {m} {o} a week for {n} weeks / earns {m} {o}
        a day for {n} days / puts {m} {o} into a box every day for {n} days / =For {n} days {p} saves {m}
        {o} a day.""",
    "shared": """={n} {o} are shared equally by {m} {gs}. / ={m} {gs} share {n} {o} equally. / ={n}
        {o} are shared equally among {m} {gs}. / =There are {n} {o} for {m} {gs}, who share them equally.
        / =A teacher shares {n} {o} equally among {m} {gs}.""",
    "reads": "reads {m} pages a day for {n} days / =For {n} days {p} reads {m} pages a day.",
    "reads_twice": """reads {m} pages a day for {n} days and then {m2} pages a day for {n2} days /
        =For {n} days {p} reads {m} pages a day, and after that {m2} pages a day for {n2} days.""",
    "mix": """has {n} {k} {o} and {m} {l} {o} / buys {n} {k} {o} and {m} {l} {o} / finds {n} {k} {o}
        and {m} {l} {o} / has {n} {o} that are {k} and {m} that are {l}""",
    "mix_more": """has {n} {k} {o} and {m} more {l} {o} than {k} {o} / has {n} {k} {o} and {m} more
        {l} than {k} {o}""",
    "mix_fewer": """has {n} {k} {o} and {m} fewer {l} {o} than {k} {o} / has {n} {k} {o} and {m} fewer
        {l} than {k} {o}""",
    "mix_times": """has {n} {k} {o} and {m} times as many {l} {o} / has {n} {k} {o} and {m} times as
        many {l} {o} as {k} {o}""",
    "red": """has {n} {k} {ws} with {m} {o} each / has {n} {k} {ws} of {m} {o} each / buys {n} {k}
        {ws} with {m} {o} each / has {n} {k} {ws} with {m} {o} in each {k} {w}""",
    "red_blue": """has {n} {k} {ws} with {m} {o} each and {n2} {l} {ws} with {m2} {o} each / has {n}
        {k} {ws} of {m} {o} each and {n2} {l} {ws} of {m2} {o} each / buys {n} {k} {ws} with {m} {o} each
        and {n2} {l} {ws} with {m2} {o} each / =There are {n} {k} {ws} with {m} {o} each and {n2} {l} {ws}
        with {m2} {o} each. All are for {p}.""",
    "blue_more": """=In a {l} {w} there are {n} more {o} than in all the {k} {ws}. / =A {l} {w} holds
        {n} more {o} than all the {k} {ws} together. / =There is a {l} {w} with {n} more {o} than all the
        {k} {ws} together. / also has a {l} {w} with {n} more {o} than in all the {k} {ws}""",
    "blue_fewer": """=In a {l} {w} there are {n} fewer {o} than in all the {k} {ws}. / =A {l} {w}
        holds {n} fewer {o} than all the {k} {ws} together. / =There is a {l} {w} with {n} fewer {o} than
        all the {k} {ws} together. / also has a {l} {w} with {n} fewer {o} than in all the {k} {ws}""",
    "blue_times": """=In a {l} {w} there are {n} times as many {o} as in all the {k} {ws}. / =A {l}
        {w} holds {n} times as many {o} as all the {k} {ws} together. / also has a {l} {w} with {n} times
        as many {o} as in all the {k} {ws}""",
    "shop": """buys {n} {is} for {m} dollars each / buys {n} {is} that cost {m} dollars each / =One
        {i} costs {m} dollars. {p} buys {n} {is}. / =A {i} costs {m} dollars and {p} buys {n} of them.""",
    "shop_pay": """buys {n} {is} for {m} dollars each and pays with {pay} dollars / buys {n} {is} that
        cost {m} dollars each and pays with {pay} dollars / =One {i} costs {m} dollars. {p} has {pay}
        dollars and buys {n} {is}. / has {pay} dollars and buys {n} {is} for {m} dollars each / =A {i}
        costs {m} dollars. {p} buys {n} of them and pays with {pay} dollars.""",
    "shop_two": """buys {n} {is} for {m} dollars each and {n2} {js} for {m2} dollars each / =One {i}
        costs {m} dollars and one {j} costs {m2} dollars. {p} buys {n} {is} and {n2} {js}. / buys {n} {is}
        that cost {m} dollars each and {n2} {js} that cost {m2} dollars each""",
    "pay": "pays with {n} dollars",
    "bus": """=A bus has {n} people on it. / =There are {n} people on a bus. / =A bus starts with {n}
        people on it.""",
    # People and what they have, compared with others.
    "other": "has {n} {o} / has {n} {o} / owns {n} {o}",
    "more": """has {n} more {o} than {base} / has {n} more than {base} / has {n} more than {base} /
        owns {n} more {o} than {base} / has {n} more {o} than {base}""",
    "fewer": """has {n} fewer {o} than {base} / has {n} fewer than {base} / has {n} fewer than {base}
        / owns {n} fewer {o} than {base} / has {n} fewer {o} than {base}""",
    "times": """has {n} times as many {o} as {base} / has {n} times as many as {base} / has {n} times
        as many as {base} / owns {n} times as many {o} as {base} / has {n} times as many {o} as {base}""",
    "half_as": """has half as many {o} as {base} / has half as many as {base} / has half as many as
        {base} / owns half as many {o} as {base}""",
    "sum": "has as many {o} as {q} and {r} together / has as many {o} as {q} and {r} have together",
    "join": """put them together / put them together / put all of them together / put theirs together
        / put all their {o} together""",
    "join_named": "put theirs together / put all their {o} together / put their {o} together",
    "box_named": "put theirs in a {w} / put all their {o} into one {w} / put their {o} in one {w}",
    "box": """put all of them in one {w} / put them all into a {w} / put theirs in a {w} / put all
        their {o} into one {w}""",
    # Events.
    "gain_own": """<buys|buy> {n} more {o} / <finds|find> {n} more {o} / <finds|find> {n} more /
        <gets|get> {n} more {o} / <gets|get> {n} {o} from {q} / <buys|buy> {n} more / <finds|find> {n} {o}
        / =Then {q} gives {p} {n} more {o}. / =Then {q} brings {p} {n} more {o}. / =Now {p} gets {n} more
        {o}.""",
    "gain_had": """already had {n} {o} / already had {n} {o} at home / finds {n} more {o} / gets {n}
        {o} from {q}""",
    "gain_money": """<gets|get> {n} {o} from {q} / <earns|earn> {n} more {o} / <finds|find> {n} {o} /
        <gets|get> {n} more {o} / <saves|save> {n} more {o}""",
    "gain_place": """<puts|put> in {n} more {o} / <puts|put> {n} more {o} into the {w} / <adds|add>
        {n} {o} / <puts|put> in {n} more / =Then {q} puts in {n} more {o}. / =Then {q} adds {n} more.""",
    "gain_lots": """<brings|bring> {n} more {o} / <adds|add> {n} {o} / =Then {q} brings {n} more. /
        <buys|buy> {n} more {o}""",
    "gain_bus": "={n} people get on. / =Then {n} people get on. / =At the next stop {n} more get on.",
    "lose_own": """<gives|give> {n} {o} to {q} / <gives|give> {n} of them to {q} / <gives|give> away
        {n} {o} / <gives|give> away {n} / <loses|lose> {n} of them / <loses|lose> {n} {o} / <loses|lose>
        {n} / <uses|use> {n} {o} / <uses|use> {n} of the {o} / <sells|sell> {n} {o} / <sells|sell> {n} /
        <sells|sell> {n} of them""",
    "lose_money": """<spends|spend> {n} {o} / <gives|give> {n} {o} to {q} / <loses|lose> {n} {o} /
        <spends|spend> {n} of the {o} / <uses|use> {n} {o}""",
    "lose_place": """<takes|take> out {n} {o} / <takes|take> {n} {o} out of the {w} / <takes|take> out
        {n} of them / <takes|take> out {n} / =Then {q} takes out {n} {o}.""",
    "lose_lots": """<takes|take> out {n} {o} / <takes|take> away {n} of them / <uses|use> {n} of the
        {o} / <sells|sell> {n} {o} / =Then {n} of the {o} get lost. / ={n} of them get lost. / ={n} of
        them are sold.""",
    "lose_bus": "={n} people get off. / =At the next stop {n} people get off. / =Then {n} people get off.",
    "half_own": """<gives|give> away half of them / <gives|give> away half / <gives|give> away half /
        <gives|give> half of them to {q} / <gives|give> half of the {o} to {q} / <sells|sell> half of the
        {o} / <loses|lose> half of them / <uses|use> half of the {o}""",
    "half_many": """<gives|give> half of the {o} that {p} has to {q} / <gives|give> away half of the
        {o} that {p} has""",
    "half_money": """<spends|spend> half of the {o} / <gives|give> half of the {o} to {q} /
        <gives|give> away half of them / <uses|use> half""",
    "half_place": """<takes|take> out half of the {o} / <takes|take> out half of them / =Half of the
        {o} are taken out.""",
    "half_lots": "<takes|take> away half of the {o} / =Half of the {o} get lost. / =Half of them are sold.",
    "half_bus": "=Half of the people get off. / =Then half of the people get off.",
    "double": "<doubles|double> the number of {o}",
    "gift_times": """=Then {q} gives {p} {n} times as many as {p} has. / =Then {q} gives {p} {n} times
        as many {o} as {p} already has. / =Now {q} brings {p} {n} times as many {o} as {p} has.""",
    "gain_each": """<buys|buy> {n} {xs} with {m} {o} each / <gets|get> {m} {o} from each of {n} {hs} /
        <buys|buy> {n} {xs} of {m} {o} each / <finds|find> {n} {xs} with {m} {o} in each""",
    "lose_each": """<gives|give> {m} {o} to each of {n} {hs} / <gives|give> each of {n} {hs} {m} {o} /
        <sells|sell> {n} {xs} with {m} {o} in each / <gives|give> away {n} {xs} of {m} {o} each""",
    "lose_shop": "<buys|buy> {n} {is} for {m} {o} each / <buys|buy> {n} {is} that cost {m} {o} each",
    "share": """<shares|share> all the {o} equally among {n} {gs} / <shares|share> them equally among
        {n} {gs} and <keeps|keep> none / <shares|share> all of them equally among {n} {gs} / =All the {o}
        are shared equally by {n} {gs}. / =All of them are shared equally by {n} {gs}. / =Then {n} {gs}
        share all the {o} equally.""",
    "share_rest": """<shares|share> the rest equally among {n} {gs} / =The rest is shared equally by
        {n} {gs}. / =The rest is shared equally among {n} {gs}. / =Then {n} {gs} share the rest equally. /
        =The others are shared equally by {n} {gs}.""",
    "share_many": "<shares|share> all the {o} that {p} has equally among {n} {gs}",
    "pack": """<puts|put> them equally into {n} {ys} / <packs|pack> all the {o} equally into {n} {ys}
        / =All of them are put equally into {n} {ys}. / <splits|split> them equally into {n} {ys} /
        <puts|put> all the {o} into {n} {ys} so that all {ys} hold the same""",
    "pack_rest": """<puts|put> the rest equally into {n} {ys} / <splits|split> the rest equally into
        {n} {ys} / <splits|split> the others equally into {n} {ys} / =The rest is put equally into {n}
        {ys}.""",
    "one_of": "is one of the {gs} / is one of the {gs} / is one of them / is one of these {gs}",
    "one_bag": "takes one of the {ys} / gets one of the {ys} / buys one of the {ys}",
    "wish": """=A {wish} costs {n} {o}. / ={p} wants a {wish} that costs {n} {o}. / =The price of a
        {wish} is {n} {o}.""",
    "book": "=A book has {n} pages. / ={p} has a book with {n} pages. / =There are {n} pages in a book.",
    # Questions.
    "ask_has": """How many {o} does {p} have? / How many {o} does {p} have now? / How many {o} does
        {p} have in total?""",
    "ask_person": """How many {o} does {p} have? / How many {o} has {p}? / What is the number of {o}
        that {p} has?""",
    "ask_total": """How many {o} does {p} have in total? / How many {o} does {p} have? / How many {o}
        does {p} have in all?""",
    "ask_saved": """How many {o} does {p} have then? / How many {o} is that in total? / How many {o}
        does {p} get in total?""",
    "ask_left": """How many {o} does {p} have left? / How many {o} does {p} still have? / How many {o}
        are left?""",
    "ask_left_many": """How many {o} does {p} have left? / How many {o} does {p} still have? / How
        many {o} does {p} have now?""",
    "ask_they": """How many {o} do they have in total? / How many {o} do they have together? / How
        many {o} do they have in all?""",
    "ask_they_now": """How many {o} do they have now? / How many {o} do they have in total? / How many
        {o} do they have then?""",
    "ask_both": "How many {o} do {p} and {q} have in total? / How many {o} do {p} and {q} have together?",
    "ask_three": """How many {o} do {p}, {q} and {r} have in total? / How many {o} do {p}, {q} and {r}
        have together?""",
    "ask_they_left": """How many {o} are left? / How many {o} do they have left? / How many {o} do
        they still have?""",
    "ask_place": """How many {o} are in the {w}? / How many {o} are in the {w} now? / How many {o} are
        there in the {w} in total?""",
    "ask_place_left": """How many {o} are left in the {w}? / How many {o} are left? / How many {o} are
        still in the {w}?""",
    "ask_lots": """How many {o} are there in total? / How many {o} are there in all? / How many {o} is
        that in total?""",
    "ask_lots_left": """How many {o} are left? / How many {o} are still there? / How many {o} are left
        in total?""",
    "ask_each": """How many {o} does each {g} get? / How many {o} does one {g} get? / How many {o}
        does every {g} get?""",
    "ask_bag": """How many {o} are in each {y}? / How many {o} are in one {y}? / How many {o} does
        each {y} hold?""",
    "ask_blue": "How many {o} are in the {l} {w}? / How many {o} are there in the {l} {w}?",
    "ask_more": "How many more {o} does {p} have than {q}? / How many {o} does {p} have more than {q}?",
    "ask_missing": """How many {o} are missing? / How many more {o} does {p} need? / How many {o} does
        {p} still need?""",
    "ask_pay": """How many dollars does {p} pay? / How many dollars does {p} pay in total? / What does
        {p} pay in total?""",
    "ask_change": """How many dollars of change does {p} get? / How many dollars does {p} get back? /
        How many dollars are left?""",
    "ask_read": "How many pages does {p} read in total? / How many pages does {p} read?",
    "ask_pages_left": """How many pages are left to read? / How many pages are left? / How many pages
        does {p} still have to read?""",
    "ask_bus": """How many people are on the bus? / How many people are on the bus now? / How many
        people are there on the bus then?""",
    "ask_bus_left": """How many people are left? / How many people are left on the bus? / How many
        people are still on the bus?""",
}  # fmt: skip
BASES: dict[str, tuple[str, ...]] = {
    "own": ("{q}",),
    "now": ("{q} has now", "{q} then", "{q} has then"),
    "left": ("{q} has now", "{q} then", "{q} has left"),
    "each": ("each {g} gets", "one {g} gets"),
    "bags": ("there are in each {y}", "one {y} holds"),
    "they": ("they have together", "they have together then"),
    "place": ("there are in the {w}",),
    "lots": ("there are in all the {ws}", "all the {ws} hold together"),
    "lots_now": ("there are now",),
}
_Texts = dict[str, tuple[str, ...]]
_VERB = re.compile(r"<(\w+)\|(\w+)>")


def _read(choice: int) -> _Texts:
    split = {name: " ".join(texts.split()).split(" / ") for name, texts in _TEXTS.items()}
    return {name: tuple(_VERB.sub(rf"\{choice}", t) for t in texts) for name, texts in split.items()}


def _only(texts: _Texts, fits: Callable[[str], bool]) -> _Texts:
    """Of every clause the texts that fit; all, where none does."""
    return {name: tuple(t for t in of_name if fits(t)) or of_name for name, of_name in texts.items()}


ANY, NO_THEM, NAMED = range(3)
"""How clear a text must be: any; without "them", which could mean something else; with the objects named."""
_CLEAR: dict[int, Callable[[str], bool]] = {
    ANY: lambda text: True, NO_THEM: lambda text: "them" not in text, NAMED: lambda text: "{o}" in text,
}  # fmt: skip
FOR_ONE = {clarity: _only(_read(1), fits) for clarity, fits in _CLEAR.items()}
"""How clear -> name of a clause -> its texts for one subject."""
_FOR_MANY = _only(_read(2), lambda text: "{p}" not in text)
FOR_MANY = {clarity: _only(_FOR_MANY, fits) for clarity, fits in _CLEAR.items()}
"""The same for several subjects, of whom none is named alone."""


@cache
def words() -> frozenset[str]:
    """All small words that composed stories are told in, without the objects."""
    told = [
        text
        for texts in (FOR_ONE[ANY], FOR_MANY[ANY], BASES)
        for of_name in texts.values()
        for text in of_name
    ]
    things = [word for pairs in (CONTAINERS, GROUPS, GOODS) for pair in pairs for word in pair]
    told += [
        *things,
        *COLOURS,
        *OTHER_GROUPS,
        *WISHES,
        *MONEY,
        *CONNECTORS,
        "and then they twice people dollars",
    ]
    return frozenset(re.findall(r"[a-z]+", re.sub(r"\{\w+\}", " ", " ".join(told)).lower()))
