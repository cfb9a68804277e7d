"""The Redis keys of things, and of the imports that tell of them; `keys.Keys` has them all."""

from __future__ import annotations

from wakeline.durations import DAY_MS

IMPORT_KEPT_MS = 400 * DAY_MS  # after the last record of an import


class ThingKeys:
    """Those of one key version, whose prefix is `prefix`."""

    prefix: str

    def thing(self, lane: int, site: str, id: str) -> str:
        """string: JSON of the thing's merged state, see `told`. NET after its end by age, which removes it.

        Writer: the processor.
        """
        return f"{self.prefix}{{{lane}}}:{site}:thing:{id}"

    def naming(self, lane: int, site: str, id: str) -> str:
        """zset, all scores 0: the things of this lane that name a person, a customer or a visitor, and the visitors of
        this lane that were linked to a customer, see `crm.identity.noting`.

        A thing that names another one, or none, is removed, and a visitor that ends. Permanent. Writer: the processor.
        """
        return f"{self.prefix}{{{lane}}}:{site}:naming:{id}"

    def pending(self, lane: int, site: str, name: str) -> str:
        """zset: the things of this lane that are in a state, one of `numbers.PENDINGS` -> ms since when.

        A thing that is in it no more, or ends by age, is removed. Permanent. Writer: the processor.
        """
        return f"{self.prefix}{{{lane}}}:{site}:pending:{name}"

    def best(self, lane: int, site: str, rank: str) -> str:
        """zset: the MOST_RANKED customers of this lane that come first by one of `account.RANKS` -> minor units of the
        site's main currency, above 0. One that was pushed out comes back when something about it changes. Permanent.
        Writer: the processor.
        """
        return f"{self.prefix}{{{lane}}}:{site}:best:{rank}"

    def imports(self, lane: int) -> str:
        """hash: "<site>/<id of an import>" -> "<line> <ms>": the last of its lines that was applied in this lane, and
        the append time of that or of its end. Removed IMPORT_KEPT after that. Writer: the processor.
        """
        return f"{self.prefix}{{{lane}}}:imports"
