"""A browser that several people share: an event belongs to the customer whose turn it was when it happened.

A turn begins with an identify, by event time, and ends with that of another customer. The latest is the visitor's link:
`customer`, `linked`, `named` of its state. What came before the first turn belongs to it. A turn that an erasure or a
withdrawal ended is nobody's.

A late identify moves what lies in its turn. So the state of a linked visitor holds what was added in the last minutes;
what lies further back stays where it was. What a visitor did before anybody was identified is moved as one.
"""

from __future__ import annotations

from collections.abc import Iterator

from crm.identity.state import Lately, Turn
from crm.out import Out
from crm.state import Visitor, VisitorState
from wakeline.durations import MINUTE_MS
from wakeline.profile_fields import COUNTS, VISITS, ProfileCount
from wakeline.record import Agreed, CustomerShare

MAX_TURNS = 8  # with the present one
MAX_EARLIER = 8  # customers of turns that are not kept any more; they too are told when the visitor ends
MAX_REPEATS = 8  # identifies that repeated a turn's
MAX_LATELY = 16  # records
MOST_LETTERS = 1_400  # of the interests in all that was added lately: one event may have 16 long ones
LATELY_MS = 10 * MINUTE_MS  # of log time
NOBODY = Turn(0)


def turn_at(state: VisitorState, time: int) -> Turn:
    """Whose turn it was at `time`, ms."""
    return _at([*state.turns, _present(state)] if state.customer else state.turns, state, time)


def _at(turns: list[Turn], state: VisitorState, time: int) -> Turn:
    for turn in reversed(turns):
        if turn.began <= time:
            return turn
    return NOBODY if state.earlier or not turns else turns[0]


def _present(state: VisitorState) -> Turn:
    return Turn(state.linked, state.customer, state.named)


def all_turns(state: VisitorState) -> list[Turn]:
    """Copies of all turns, in order; the last one may be one that only a tombstone keeps out."""
    held, linked, named = state.link()
    turns = [Turn(turn.began, turn.customer, turn.named) for turn in state.turns]
    return [*turns, Turn(linked, held, named)] if held else turns


def customer_at(state: VisitorState, time: int) -> str:
    """The customer whose turn it was at `time`, ms, also one that only a tombstone keeps out; "" for nobody."""
    return _at(all_turns(state), state, time).customer


def former(state: VisitorState) -> Iterator[str]:
    """The customers to whom it belonged before, without the present one."""
    for one in dict.fromkeys((*state.earlier, *(turn.customer for turn in state.turns))):
        if one and one != state.customer:
            yield one


def keep(state: VisitorState, turns: list[Turn], *, is_kept_out: bool = False) -> None:
    """Store turns. `is_kept_out`: the last one is kept out by a tombstone, if it is somebody's."""
    held = turns.pop() if turns and turns[-1].customer else NOBODY
    state.turns = turns
    link = held.customer, held.began, held.named
    if is_kept_out:
        state.kept_out = link if held.customer else None
    else:
        state.customer, state.linked, state.named = link


def insert(state: VisitorState, turns: list[Turn], customer: str, time: int) -> bool:
    """Add an identify to all turns of a visitor; returns whether a turn began. In one millisecond the id decides."""
    index = max((at for at, turn in enumerate(turns) if (turn.began, turn.customer) <= (time, customer)), default=-1)
    within = turns[index] if index >= 0 else NOBODY
    after = turns[index + 1] if index + 1 < len(turns) else NOBODY
    if within.customer == customer:
        within.named = max(within.named, time)
        repeat(state, time)
        return False
    if within.named > time:  # it was repeated after the new one
        again = min([one for one in state.repeats if time < one < within.named], default=within.named)
        rest = Turn(again, within.customer, within.named if within.named > again else 0)
        within.named = max([one for one in state.repeats if within.began < one < time], default=0)
        turns[index + 1 : index + 1] = [Turn(time, customer), rest]
    elif after.customer == customer:
        repeat(state, after.began)
        after.named, after.began = after.latest, time
    else:
        turns.insert(index + 1, Turn(time, customer))
    _bound(state, turns)
    return True


def repeat(state: VisitorState, time: int) -> None:
    """Keep the time of an identify that repeated its turn's, ms."""
    if time not in state.repeats:
        state.repeats = sorted((*state.repeats, time))[-MAX_REPEATS:]


def _bound(state: VisitorState, turns: list[Turn]) -> None:
    while len(turns) > MAX_TURNS:
        gone = turns.pop(0).customer
        state.earlier = [*[one for one in state.earlier if one != gone][1 - MAX_EARLIER :], gone]
        state.lately = [one for one in state.lately if one.time >= turns[0].began]


def is_of(state: VisitorState, customer: str, *, upto: int) -> bool:
    """Whether a turn of a customer began up to `upto`, ms."""
    return any(turn.customer == customer and turn.began <= upto for turn in all_turns(state))


def has_turn(state: VisitorState, customer: str) -> bool:
    """Whether a turn of a customer is left, also one that only a tombstone keeps out."""
    return any(turn.customer == customer for turn in all_turns(state))


def end(state: VisitorState, customer: str, *, upto: int, is_kept_out: bool = False) -> int:
    """End a customer's turns of up to `upto` (ms); returns the latest identify of a turn that is left, 0: none.

    A turn that an identify after `upto` repeated begins with that. What lies in an ended turn is nobody's from now on.
    """
    turns = all_turns(state)
    kept: list[Turn] = []
    for turn in turns:
        if turn.customer == customer and turn.began <= upto:
            _add(kept, Turn(turn.began))
            if turn.latest > upto:
                kept.append(Turn(turn.latest, customer))
        else:
            _add(kept, turn)
    was = [(one, _at(turns, state, one.time).customer) for one in state.lately]
    state.lately = [one for one, owner in was if owner == _at(kept, state, one.time).customer]
    state.repeats = [repeat for repeat in state.repeats if _at(kept, state, repeat).customer]
    _bound(state, kept)
    latest = max([turn.latest for turn in kept if turn.customer == customer], default=0)
    keep(state, kept, is_kept_out=is_kept_out)
    return latest


def stay(state: VisitorState, customer: str) -> None:
    """What a customer was told lately is moved no more."""
    turns = all_turns(state)
    state.lately = [one for one in state.lately if _at(turns, state, one.time).customer != customer]


def _add(turns: list[Turn], turn: Turn) -> None:
    if turn.customer or not turns or turns[-1].customer:
        turns.append(turn)


# ---- what was added lately


def note_lately(state: VisitorState, share: CustomerShare, time: int, now: int) -> None:
    """Keep what was added at event time `time`, folded at append time `now`; both in ms."""
    since = 0 if share.since == time else share.since
    _append(state, Lately(time, now, share.linked, share.counts, share.interests, since))


def _append(state: VisitorState, one: Lately) -> None:
    lately = state.lately
    lately.append(one)
    _trim(state, one.at)
    if not one.interests:
        return
    letters = 0
    for index in range(len(lately) - 1, -1, -1):
        for name in lately[index].interests:
            letters += len(name)
        if letters > MOST_LETTERS:
            del lately[: index + 1]
            break


def tidy(state: VisitorState, now: int) -> None:
    """Forget what is not of the last minutes before append time `now`, ms."""
    _trim(state, now)
    if state.repeats and not state.lately:
        state.repeats = []


def _trim(state: VisitorState, now: int) -> None:
    lately = state.lately
    while lately and (now - lately[0].at > LATELY_MS or len(lately) > MAX_LATELY):
        del lately[0]


def begin(customer: str, time: int, visitor: Visitor, out: Out) -> None:
    """Add an identify of a customer to a visitor, and move to the customer what lies in its turn."""
    state = visitor.state
    _trim(state, out.now)
    turns, before = all_turns(state), all_turns(state)
    is_first = not before and not state.unlinked
    if not before and not is_first:
        turns.append(Turn(0))  # an earlier version did not keep the turn that ended
    is_known = len(state.repeats) < MAX_REPEATS or time > state.repeats[0]
    owners = [(one, _at(before, state, one.time).customer) for one in state.lately]
    begins = insert(state, turns, customer, time)
    now = list(turns)
    keep(state, turns)
    visitor.traits_changed = True
    if not begins:
        return
    _tell(_at(now, state, time), time, visitor, out, is_first=is_first)
    owners = [(one, owner) for one, owner in owners if one in state.lately]
    moving = [(one, owner) for one, owner in owners if _at(now, state, one.time).customer != owner]
    if not is_known:  # nor by which identify its turn ended: what may lie in it stays
        state.lately = [one for one in state.lately if all(one is not other for other, _ in moving)]
        return
    for one, owner in moving:
        _move(one, owner, _at(now, state, one.time), visitor, out)


def _tell(turn: Turn, time: int, visitor: Visitor, out: Out, *, is_first: bool) -> None:
    """Tell a customer of its visitor, with all that came before if it is the first."""
    state = visitor.state
    if not turn.customer:  # it is one that is not kept
        return
    share = _share(visitor, turn, since=time, first_seen=time, last_seen=time)
    share.counts = {count.name: getattr(state, count.name) if is_first else 0 for count in COUNTS}
    if turn.customer == state.customer and turn.began == state.linked:
        share.last_seen, share.source = state.last_seen, state.latest.source
    if is_first:
        share.interests = dict(visitor.interests.scores)
        share.first_seen = state.first_seen
        counts = {name: count for name, count in share.counts.items() if count}
        if counts or share.interests:
            _append(state, Lately(0, out.now, time, counts, share.interests, time))
    share.agreed = _agreed(turn, state)
    out.tell(share)


def _agreed(turn: Turn, state: VisitorState) -> Agreed | None:
    """What the visitor agreed to last, if it did so in this turn, or before it in nobody's."""
    agreed = state.agreed
    if agreed is None:
        return None
    owner = turn_at(state, agreed.time)
    if not owner.customer:
        owner = next((one for one in all_turns(state) if one.customer and one.began > agreed.time), NOBODY)
    return agreed if owner.customer == turn.customer else None


def _move(one: Lately, owner: str, turn: Turn, visitor: Visitor, out: Out) -> None:
    """Take back from its `owner` what was added, by a share that is refused where the former was; tell the other."""
    if owner:
        share = _share(visitor, Turn(one.linked, owner), since=one.since or one.time)
        share.taken_back = True
        share.counts = {name: -amount for name, amount in one.counts.items()}
        share.interests = {name: -amount for name, amount in one.interests.items()}
        out.tell(share)
    one.linked = turn.latest
    if not one.time:
        one.since = turn.began
    if turn.customer:
        share = _share(visitor, turn, since=one.since or one.time, last_seen=one.time or turn.began)
        share.first_seen = one.time or visitor.state.first_seen
        share.counts, share.interests = one.counts, one.interests
        out.tell(share)


def count_at(number: ProfileCount, amount: int, time: int, visitor: Visitor, out: Out) -> None:
    """Subtract from a number of the profile, and of the customer whose turn it was at `time`, ms."""
    share = visitor.share
    visitor.share = None
    visitor.count(number, amount)
    visitor.share = share
    if share is None:
        return
    state = visitor.state
    turn = turn_at(state, time)
    told = _share(visitor, turn, since=time)
    told.taken_back = True
    told.counts = {number.name: amount}
    if turn.customer:
        out.tell(told)
    note_lately(state, told, time, out.now)


def move_visit(visitor: Visitor, out: Out, *, was: int) -> None:
    """Move a visit to the current event, with which it began earlier than at `was`, ms, if that was told lately."""
    if visitor.share is None:
        return
    if sum(one.counts.get(VISITS.name, 0) for one in visitor.state.lately if one.time == was) > 0:
        count_at(VISITS, -1, was, visitor, out)
        visitor.count(VISITS)


def _share(visitor: Visitor, turn: Turn, *, since: int, first_seen: int = 0, last_seen: int = 0) -> CustomerShare:
    return CustomerShare(
        site=visitor.site, customer=turn.customer, visitor=visitor.id, since=since, linked=turn.latest,
        first_seen=first_seen, last_seen=last_seen, source=source_at(visitor.state, last_seen),
    )  # fmt: skip


def source_at(state: VisitorState, time: int) -> str:
    """The source of the visit at `time`, ms, as far as it is known."""
    return (state.latest if state.latest.time <= time else state.first).source
