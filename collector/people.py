"""Words in user agents that identify people's devices or apps, but that lists of crawlers mistake for crawlers.

Such lists contain everything that a crawler once pretended to be, such as the build of a common phone. These words are
removed before the list is used, so that no version of it can match them.
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
    """The rest of the user agent. Linear in its length."""
    return WORDS.sub("", user_agent)
