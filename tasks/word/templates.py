"""Templates of the word problems: texts with slots, number ranges and steps, as data.

Slots: {a} {b} {c} are different names, {o} is an object, {n0} {n1} ... the numbers. A step is
(label, left, operator, right); its operands are numbers n0.. or earlier results s0.., and the last
step is what the question asks. A range of one value is a number that the text says in a word.
"""

from __future__ import annotations

from dataclasses import dataclass

NAMES = tuple(
    "Ann Ben Carl Dana Emma Finn Gina Hugo Ida Jack Kate Liam Mia Noah Olga Paul Rosa Sam Tina Uma "
    "Vera Will Yara Zoe Alex Bella Chris David Ella Frank Grace Henry Iris James Kim Leo Maria "
    "Nina Oscar Peter Ruth Sara Tom Victor Wendy Adam Clara Eric Lucy Mark".split()
)
OBJECTS = tuple(
    "apples marbles stickers pencils books cards coins shells buttons cookies oranges pens stamps "
    "beads balloons ribbons plums pears grapes lemons cherries crayons erasers blocks badges "
    "postcards peaches nuts sweets stones feathers candles".split()
)
Step = tuple[str, str, str, str]


@dataclass(frozen=True, slots=True)
class WordTemplate:
    """One kind of word problem; `texts` are wordings of the same numbers and steps."""

    name: str
    texts: tuple[str, ...]
    numbers: tuple[tuple[int, int], ...]
    steps: tuple[Step, ...]


def _template(name: str, numbers: str, steps: str, *texts: str) -> WordTemplate:
    """Read the compact notation: numbers "2-60 3-9", steps "left: n0 - n1; each: s0 / n2"."""
    ranges = []
    for spec in numbers.split():
        low, _, high = spec.partition("-")
        ranges.append((int(low), int(high or low)))
    read: list[Step] = []
    for step in steps.split("; "):
        label, left, op, right = step.split()
        read.append((label.rstrip(":"), left, op, right))
    return WordTemplate(name, texts, tuple(ranges), tuple(read))


_T = _template
TEMPLATES = (
    _T(
        "join",
        "2-60 2-60",
        "total: n0 + n1",
        "{a} has {n0} {o} and {b} has {n1} {o}. They put all of them in one box. "
        "How many {o} are in the box?",
        "There are {n0} {o} on the table. {a} puts {n1} more {o} on it. How many {o} are on the table now?",
    ),
    _T(
        "give",
        "10-90 2-60",
        "left: n0 - n1",
        "{a} had {n0} {o} in a bag and gave {n1} of them to {b}. How many {o} are left in the bag?",
        "{a} collected {n0} {o} this week but lost {n1} of them on the way home. How many {o} are left?",
    ),
    _T(
        "boxes",
        "2-9 2-20",
        "total: n0 * n1",
        "{a} packs {o} into {n0} boxes. Each box holds exactly {n1} {o}. How many {o} are there in total?",
        "There are {n0} bags on a shelf with {n1} {o} in each of them. How many {o} does {a} find in total?",
    ),
    _T(
        "share",
        "6-90 2-9",
        "each: n0 / n1",
        "{a} shares {n0} {o} equally among {n1} friends and keeps none. How many {o} does each friend get?",
        "{n0} {o} are put into {n1} bags by {a} so that all bags hold the same. "
        "How many {o} are in each bag?",
    ),
    _T(
        "times_total",
        "2-30 2-6",
        "{b}: n0 * n1; total: n0 + s0",
        "{a} has {n0} {o}. {b} has {n1} times as many {o} as {a}. How many {o} do they have in total?",
        "{a} found {n0} {o} and {b} found {n1} times as many. How many {o} did {a} and {b} find in total?",
    ),
    _T(
        "more_total",
        "3-50 2-30",
        "{b}: n0 + n1; total: n0 + s0",
        "{a} has {n0} {o}. {b} has {n1} more {o} than {a}. How many {o} do they have in total?",
        "{a} picked {n0} {o} and {b} picked {n1} more than {a}. How many {o} did they pick in total?",
    ),
    _T(
        "fewer_total",
        "6-60 2-30",
        "{b}: n0 - n1; total: n0 + s0",
        "{a} has {n0} {o}. {b} has {n1} fewer {o} than {a}. How many {o} do they have in total?",
    ),
    _T(
        "boxes_give",
        "2-9 3-15 2-40",
        "total: n0 * n1; left: s0 - n2",
        "{a} has {n0} boxes with {n1} {o} in each box. {a} gives {n2} {o} to {b}. How many {o} are left?",
        "{a} buys {n0} bags of {n1} {o} each and then uses {n2} of the {o}. How many {o} are left?",
    ),
    _T(
        "change",
        "2-9 2-15 20-100",
        "cost: n0 * n1; change: n2 - s0",
        "{a} buys {n0} notebooks that cost {n1} dollars each and pays with {n2} dollars. "
        "How many dollars of change does {a} get?",
        "One ticket costs {n1} dollars. {a} has {n2} dollars and buys {n0} tickets. "
        "How many dollars of change does {a} get?",
    ),
    _T(
        "join_share",
        "3-60 3-60 2-9",
        "total: n0 + n1; each: s0 / n2",
        "{a} has {n0} {o} and {b} has {n1} {o}. They share all of them equally among {n2} friends. "
        "How many {o} does each friend get?",
    ),
    _T(
        "share_more",
        "6-80 2-9 2-30",
        "each: n0 / n1; total: s0 + n2",
        "{a} shares {n0} {o} equally among {n1} children. {b} is one of them and already had "
        "{n2} {o}. How many {o} does {b} have in total?",
    ),
    _T(
        "two_gifts",
        "20-90 2-40 2-40",
        "left: n0 - n1; left: s0 - n2",
        "{a} had {n0} {o}. {a} gave {n1} {o} to {b} and {n2} {o} to {c}. How many {o} does {a} have left?",
        "There were {n0} {o} in a shop. In the morning {n1} were sold and later {n2} were sold. "
        "How many {o} were left?",
    ),
    _T(
        "times_eat",
        "2-30 2-6 2-30",
        "{b}: n0 * n1; total: n0 + s0; left: s1 - n2",
        "{a} has {n0} {o}. {b} gives {a} {n1} times as many as {a} has. Then {a} loses {n2}. "
        "How many {o} are left?",
        "{a} has {n0} {o} and {b} has {n1} times as many. They put them together and sell {n2}. "
        "How many {o} are left?",
    ),
    _T(
        "two_kinds",
        "2-9 2-12 2-9 2-12",
        "red: n0 * n1; blue: n2 * n3; total: s0 + s1",
        "{a} has {n0} red boxes with {n1} {o} each and {n2} blue boxes with {n3} {o} each. "
        "How many {o} does {a} have in total?",
    ),
    _T(
        "boxes_use_share",
        "2-9 3-15 2-40 2-9",
        "total: n0 * n1; left: s0 - n2; each: s1 / n3",
        "{a} buys {n0} bags with {n1} {o} in each bag and loses {n2} of them. The rest is shared "
        "equally by {n3} friends. How many {o} does each friend get?",
        "There are {n0} boxes of {n1} {o} each. {a} takes out {n2} {o} and splits the others "
        "equally into {n3} bags. How many {o} are in each bag?",
    ),
    _T(
        "three_people",
        "3-40 2-20 2-20",
        "{b}: n0 + n1; {c}: s0 - n2; total: s0 + s1",
        "{a} has {n0} {o}. {b} has {n1} more than {a}, and {c} has {n2} fewer than {b}. "
        "How many {o} do {b} and {c} have in total?",
    ),
    _T(
        "saving",
        "2-9 2-12 5-60 60-150",
        "saved: n0 * n1; total: s0 + n2; missing: n3 - s1",
        "{a} saves {n1} dollars a week for {n0} weeks and gets {n2} dollars from {b}. A bike costs "
        "{n3} dollars. How many dollars are missing?",
        "A game costs {n3} dollars. {a} earns {n1} dollars a day for {n0} days and already has {n2} "
        "dollars. How many dollars are missing?",
    ),
    _T(
        "bus",
        "10-60 2-30 2-30 2-30",
        "left: n0 - n1; bus: s0 + n2; left: s1 - n3",
        "A bus has {n0} people on it. At the first stop {n1} people get off and {n2} get on. At the "
        "second stop {n3} get off. How many people are left?",
    ),
    _T(
        "half_give",
        "8-80 2 2-20 2-30",
        "half: n0 / n1; left: s0 - n2; total: s1 + n3",
        "{a} has {n0} {o} and gives half of them to {b}. Then {a} loses {n2} and finds {n3} more. "
        "How many {o} does {a} have in total?",
    ),
    _T(
        "share_times",
        "6-80 2-9 2-6 2-40",
        "each: n0 / n1; {b}: s0 * n2; total: s1 + n3",
        "{n0} {o} are shared equally by {n1} children. {b} already has {n2} times as many {o} as "
        "each child gets, and {a} brings {b} {n3} more. How many {o} does {b} have in total?",
    ),
    _T(
        "chain_times",
        "2-20 2-5 2-4 2-40",
        "{b}: n0 * n1; {c}: s0 * n2; total: s0 + s1; left: s2 - n3",
        "{a} has {n0} {o}. {b} has {n1} times as many as {a}, and {c} has {n2} times as many as "
        "{b}. {b} and {c} put theirs together and sell {n3}. How many {o} are left?",
    ),
    _T(
        "shop_two",
        "2-8 2-9 2-8 2-9 40-150",
        "pens: n0 * n1; books: n2 * n3; cost: s0 + s1; change: n4 - s2",
        "{a} buys {n0} pens for {n1} dollars each and {n2} books for {n3} dollars each, and pays "
        "with {n4} dollars. How many dollars of change does {a} get?",
    ),
    _T(
        "farm",
        "2-9 3-12 2-30 2-30 2-8",
        "total: n0 * n1; total: s0 + n2; left: s1 - n3; each: s2 / n4",
        "{a} picks {n1} {o} from each of {n0} baskets and {b} brings {n2} more. They lose {n3} and "
        "put the rest equally into {n4} bags. How many {o} are in each bag?",
    ),
    _T(
        "more_fewer_give",
        "5-40 2-20 2-15 2-30",
        "{b}: n0 + n1; {c}: n0 - n2; total: s0 + s1; left: s2 - n3",
        "{a} has {n0} {o}. {b} has {n1} more than {a}, and {c} has {n2} fewer than {a}. {b} and "
        "{c} together give away {n3}. How many {o} are left?",
    ),
    _T(
        "pages",
        "2-9 5-15 2-9 5-15 100-200",
        "first: n0 * n1; second: n2 * n3; read: s0 + s1; left: n4 - s2",
        "A book has {n4} pages. {a} reads {n1} pages a day for {n0} days and then {n3} pages a day "
        "for {n2} days. How many pages are left to read?",
    ),
    _T(
        "half_share",
        "8-80 2 2-30 2-30 2-6",
        "half: n0 / n1; total: s0 + n2; left: s1 - n3; each: s2 / n4",
        "{a} gives away half of {n0} {o}, then buys {n2} more and loses {n3}. The rest is shared "
        "equally by {n4} friends. How many {o} does each friend get?",
    ),
    _T(
        "market",
        "2-8 2-9 2-8 2-9 2-40 2-6",
        "red: n0 * n1; green: n2 * n3; total: s0 + s1; left: s2 - n4; each: s3 / n5",
        "{a} has {n0} red bags with {n1} {o} each and {n2} green bags with {n3} {o} each. {a} sells "
        "{n4} {o} and shares the rest equally with friends, so that {n5} people get the same. "
        "How many {o} does each person get?",
    ),
    _T(
        "week",
        "2-7 2-10 2-30 2-30 2-40 2-5",
        "saved: n0 * n1; total: s0 + n2; left: s1 - n3; total: s2 + n4; {c}: s3 * n5",
        "{a} saves {n1} coins a day for {n0} days and gets {n2} coins from {b}. {a} spends {n3} "
        "coins and finds {n4} coins. {c} has {n5} times as many coins as {a} then. "
        "How many coins does {c} have?",
    ),
    _T(
        "teams",
        "2-20 2-5 2-20 2-30 2-30",
        "{b}: n0 * n1; {c}: s0 + n2; total: s0 + s1; left: s2 - n3; total: s3 + n4",
        "{a} has {n0} {o}. {b} has {n1} times as many as {a}, and {c} has {n2} more than {b}. {b} "
        "and {c} put theirs in a box. They take out {n3} and put in {n4}. How many {o} are in the "
        "box in total?",
    ),
    _T(
        "party",
        "2-8 3-12 2-30 2 2-20 2-20",
        "total: n0 * n1; left: s0 - n2; half: s1 / n3; left: s2 - n4; total: s3 + n5",
        "{a} buys {n0} packs of {n1} {o}. {n2} of them get lost. {a} gives half of the rest to {b}, "
        "then uses {n4} and finds {n5} more. How many {o} does {a} have in total?",
    ),
)
HELD_OUT_TEMPLATES = (
    _T(
        "h_share_give",
        "8-90 2-9 2-20",
        "each: n0 / n1; left: s0 - n2",
        "{n0} {o} are shared equally by {n1} friends. {a} is one of the friends and gives {n2} {o} "
        "to {b}. How many {o} does {a} have left?",
    ),
    _T(
        "h_fewer_boxes",
        "6-40 2-20 2-6",
        "{b}: n0 - n1; {c}: s0 * n2; total: s0 + s1",
        "{a} has {n0} {o}. {b} has {n1} fewer than {a}, and {c} has {n2} times as many as {b}. "
        "How many {o} do {b} and {c} have in total?",
    ),
    _T(
        "h_join_half",
        "4-60 4-60 2 2-30",
        "total: n0 + n1; half: s0 / n2; left: s1 - n3",
        "{a} has {n0} {o} and {b} has {n1} {o}. They put them together and give away half. Then "
        "they lose {n3}. How many {o} are left?",
    ),
    _T(
        "h_kinds_more_share",
        "2-8 2-10 2-30 2-6",
        "red: n0 * n1; blue: s0 + n2; total: s0 + s1; each: s2 / n3",
        "{a} has {n0} red bags with {n1} {o} each. In a blue bag there are {n2} more {o} than in "
        "all the red bags. All the {o} are shared equally by {n3} friends. "
        "How many {o} does each friend get?",
    ),
)
