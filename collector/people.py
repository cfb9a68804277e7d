"""What in a user agent is a person's device or app, though lists of crawlers take it for a crawler's name.

They collect what they have once seen a crawler pretend to be, such as the build of a phone that millions have. So these
words are left out before such a list is asked: then no version of it can name them.
"""

from __future__ import annotations

import re

WORDS = re.compile(
    r"""
      \bBuild/[^\s;)]+                                        # Android: "Build/AP3A.240617.008", of every phone with 15
    | \bMetaIAB\ \w+                                          # Facebook's and Instagram's own browsers
    | \[FB(?:AN|_IAB)/[^][]*\]                                 # the same, before that
    | \b(?:Instagram|Barcelona)\ [\d.]+\ (?:Android\ )?\([^()]*\)  # Instagram, Threads: a telephone's description
    | \b(?:IABMV|NV)/\d+                                      # what Meta adds to any of these
    | \bSonic\ Slack_SSB/[\d.]+                               # Slack's own window
    | \bFluid/[\d.]+                                          # makes a program of one site, for a person to use
    """,
    re.VERBOSE,
)


def without_words_of_people(user_agent: str) -> str:
    """What is left to be a crawler's. Linear in its length."""
    return WORDS.sub("", user_agent)
