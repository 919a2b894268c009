"""Passphrases: five words out of a list, and how hard one is to guess."""

from byzwizard.i18n import _
from byzwizard.screens.items import Mark

WORDS = 5  # of 7,776: 64 bits, beyond what can be tried against SAE, which allows one guess per exchange


def five_words() -> str:
    """Five words of the EFF's long list (3 to 9 letters each), drawn by the system's random source."""
    from random import SystemRandom

    from diceware.wordlist import WordList, get_wordlist_path

    words = list(WordList(get_wordlist_path("en_eff")))
    return " ".join(SystemRandom().choice(words) for _n in range(WORDS))


def strength(passphrase: str) -> int:
    """zxcvbn's score, 0 to 4. Loads 12 MB of word lists, so it is asked only for what a person typed."""
    from zxcvbn import zxcvbn

    return int(zxcvbn(passphrase)["score"])


def word(score: int) -> tuple[Mark, str]:
    """A score as mark and word."""
    return (("bad", _("weak")), ("bad", _("weak")), ("look", _("fair")), ("good", _("good")), ("good", _("strong")))[
        score
    ]
