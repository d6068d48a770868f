r"""Words around a value that keep it from being the writer's answer: denied (`not 5`), doubted (`I doubt
it is 5`), said by others (`some say 5`), supposed (`if it is 5`), called wrong (`5 is wrong`). All tables."""

from __future__ import annotations

import re

MOST_BEFORE, MOST_BEHIND = 160, 80
_SAY = (
    r"(?:say|think|thought|believe|claim|guess|assume|suppose|expect|answer|argue|conclude|suggest"
    r"|insist"
    r"|said)(?:e?[sd])?"
)
_NOUN = (
    r"(?:answers?|results?|solutions?|values?|options?|choices?|guess(?:es)?|attempts?|estimates?"
    r"|tr(?:y|ies)"
    r"|thoughts?|responses?|numbers?|one)"
)
_GUESS = r"(?:answers?|guess(?:es)?|attempts?|estimates?|tr(?:y|ies)|thoughts?|responses?)"
_CUES = (
    # denied
    r"not|never|cannot|neither|nor|hardly|scarcely|no longer|(?:un|not )likely|by no means"
    r"|in no way|far from",
    r"(?:do|does|did|is|was|are|were|ca|could|would|should|wo|must|might|have|has)n['’]?t|can ?not",
    r"rather than|instead of|no (?:way|chance|reason)|who|(?<!is )why|hard to (?:believe|imagine)"
    r"|nobody|no ?one|none of (?:us|them"
    r"|you)|nothing",
    # doubted
    r"(?<!no )(?<!without )(?<!any )(?<!not )(?<!n't )(?<!beyond )doubt(?:s|ed|ful)?|den(?:y|ies)"
    r"|rejects?|refuses?|disagree"
    r"|disbelieve|(?<!not )(?:impossible|improbable|implausible|inconceivable|absurd|untrue"
    r"|nonsense|ridiculous)",
    rf"(?<!not )(?:wrong|incorrect|false|mistaken|erroneous|silly)(?:ly)? (?:that|to {_SAY}|for|if"
    rf"|(?:[a-z]+ )?{_NOUN})",
    r"(?:mistakes?|errors?|misconceptions?|traps?|distractors?)"
    rf" (?:is|are|was|would be|(?:that )?gives?|that|to {_SAY}|of \w+ing)",
    r"(?:first|initial|earlier|previous|old|original|naive|tempting|common|popular|typical|rejected"
    r"|discarded"
    rf"|former|invalid|bad|preliminary|premature|intuitive) (?:[a-z]+ )?{_GUESS}",
    # said by others, or once
    r"(?:some|many|most|several|few|other|others|people|students|you|they|he|she|one|someone"
    r"|somebody|anyone|everyone"
    r"|everybody|critics|my (?:friend|teacher|brother|sister))"
    rf"(?: (?:of|us|you|them|the|people|students|persons|readers|others|solvers|may|might|will|would|could"
    rf"|also|often|first|wrongly|mistakenly|incorrectly|falsely|be|tempted|to|even|have)){{0,4}} {_SAY}",
    r"I (?:[a-z]+ )?(?:thought|guessed|assumed|believed|used to think|expected|supposed|had)",
    # supposed
    r"if|whether|unless|suppose|supposing|imagine|pretend|what if",
)
_BETWEEN = (
    r"[\s$\\()\[\]{}:=*_\"'`~]|\b(?:the|an?|correct|right|final|best|true|real|actual|is|are|was"
    r"|were|be|being|been"
    rf"|equals?|it|it's|its|this|that|that's|to|of|for|{_SAY}|sure|certain|convinced|me|my|your"
    rf"|our|their|could|would|can|should|must|may|might|will|has|have|x|question|problem|here"
    rf"|exactly|simply|only"
    rf"|just|about|also|really|necessarily|likely|possible|case|even|quite|there|as|text|so|accept"
    rf"|agree|there|how|{_NOUN})\b"
)
_UNSTATED = re.compile(rf"(?:\b(?:{'|'.join(_CUES)}))(?![\w])(?:{_BETWEEN})*$", re.IGNORECASE)
_QUESTION = re.compile(
    r"^\W*(?:(?:so|but|and|hmm|wait|well|now),? )?(?:is|was|are|were|could|can|would|might|should"
    r"|does|do|did|isn't"
    r"|aren't|wasn't|will (?=the|it|that|this))\b(?! not?\b)", re.IGNORECASE
)  # fmt: skip
_WRONG = (
    r"(?:wrong|incorrect|mistaken|erroneous|invalid|nonsense|absurd|a mistake|an error|a trap"
    r"|too (?:big|small|high|low|large|much|many|few))"
)
_WITHDRAWN = re.compile(
    r"^[\s$\\)\]}*\"']*(?:[:,(]\s*(?:wrong|incorrect|no(?=[,.]))\b|\?\s*(?:no|nope|wrong|incorrect"
    r"|never|not)\b"
    rf"|,?\s*(?:(?:but|which|and|though|although|however),? )*(?:(?:that|this|it|he|she|they|I)\b)?\s*"
    rf"(?:(?:is|are|was|were|am|would be|must be|seems|looks|'s|has to be)\b|'s)\s*(?:[a-z]+ly "
    rf"|just )?(?:(?:an? |the )?{_WRONG}"
    r"|my (?:first|initial|earlier|old|previous|original)\b|not (?:it\b|right|correct|true|valid"
    r"|the |my |an answer|a solution|possible|what))"
    r"|\s*(?:isn't|wasn't|can't|cannot|can not|couldn't)(?: be)? (?:right|correct|true|the |it\b"
    r"|my |valid|possible|so\b))",
    re.IGNORECASE,
)


def unstated(before: str) -> bool:
    """Whether the words right before a value deny, doubt or suppose it, or are those of somebody else."""
    return bool(_UNSTATED.search(before[-MOST_BEFORE:]))


def withdrawn(behind: str) -> bool:
    """Whether the words right behind a value call it wrong."""
    return bool(_WITHDRAWN.match(behind[:MOST_BEHIND]))


def asks(sentence: str) -> bool:
    """Whether a sentence is a question by the order of its words: `Is the answer 5`."""
    return bool(_QUESTION.match(sentence))
