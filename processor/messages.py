"""What a call says to others: messages about people, in the order of the moments that say them.

A lane keeps up to where it has spoken, see `keys.lane_said`, outside of the key version: whoever folds it again, after
a crash or an older backup, does not say again what comes before. What a replay would say is nobody's concern, but for
records that the live version had not applied when the lane moved to the new one: these are held until that is live.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from crm.out import Said
from processor.changes import Changes
from processor.command import Command
from wakeline import keys
from wakeline.keys import FORGOTTEN, MESSAGES_OF_A_MOMENT
from wakeline.record import Position

HELD_AT_ONCE = 1_000


def id_of(offset: int, step: int, number: int = 0) -> str:
    """Of a message in its lane's stream; without a number that of the moment, which comes before its messages."""
    return f"{offset}-{step * MESSAGES_OF_A_MOMENT + number}"


def moment_of(id: str) -> tuple[int, int, int]:
    """Offset, step and number."""
    offset, _, rest = id.partition("-")
    return int(offset), *divmod(int(rest), MESSAGES_OF_A_MOMENT)


def messages(changes: Changes, *, place: Position) -> Iterator[Command]:
    """What a call says, and that the lane has spoken up to the call's place."""
    stream, said = keys.lane_messages(changes.lane), keys.lane_said(changes.lane)
    for message in changes.messages:
        yield ["SAY", stream, said, id_of(*message[:3]), str(keys.MESSAGES_OF_A_LANE), *_fields(message)]
    yield ["SAID", said, id_of(*place)]


def _fields(message: Said) -> Command:
    who = f"{message.site}/{message.id}"
    return ["who", who, "kind", message.kind, "time", str(message.time), "body", message.body]


def held_back(commands: Iterable[Command], *, into: str) -> list[Command]:
    """The commands of a call of a replay, which says nothing: what the live version may not come to say waits."""
    return [
        ["HOLD", into, *command[2:]] if command[0] == "SAY" else command for command in commands if command[0] != "SAID"
    ]


# Three commands of a write. SAY: put a message into the lane's stream, unless the lane has spoken up to there; of who
# is forgotten nothing else remains in it. HOLD: the same into the stream of a version that is not live, without
# speaking. SAID: the lane has spoken up to there. All messages of a call go to one stream, which is looked through
# once, however many are forgotten: `leaves` is called for each message of the call before the first is put.
SAYING = f"""
local call = redis.call
local said, cut = 0, 0
local function is_later(one, other)
  local offset, rest = string.match(one, '(%d+)-(%d+)')
  local others, rest_of_it = string.match(other, '(%d+)-(%d+)')
  if offset ~= others then return tonumber(offset) > tonumber(others) end
  return tonumber(rest) > tonumber(rest_of_it)
end
local leaving, about = {{}}, nil
local function leaves(who, kind)
  if kind == '{FORGOTTEN}' then leaving[who] = true end
end
local function note(who, id)
  if leaving[who] then
    about[who] = about[who] or {{}}
    table.insert(about[who], id)
  end
end
local function forget(stream, who)
  if not about then
    about = {{}}
    local start = '-'
    repeat
      local found = call('XRANGE', stream, start, '+', 'COUNT', 500)
      for _, one in ipairs(found) do
        note(one[2][2], one[1])
        start = '(' .. one[1]
      end
    until #found < 500
  end
  for _, id in ipairs(about[who] or {{}}) do call('XDEL', stream, id) end
  about[who] = nil
end
local function put(stream, id, most, fields)
  if fields[4] == '{FORGOTTEN}' then forget(stream, fields[2]) end
  call('XADD', stream, id, unpack(fields))
  if about then note(fields[2], id) end
  return call('XTRIM', stream, 'MAXLEN', most)
end
local function has_said(key, id)
  if call('EXISTS', key) == 0 or is_later(id, call('GET', key)) then call('SET', key, id) end
end
local function say(stream, key, id, most, fields)
  if not is_later(id, call('GET', key) or '0-0') then return end
  cut = cut + put(stream, id, most, fields)
  said = said + 1
  call('SET', key, id)
end
"""

# KEYS: what is held, the lane's stream, up to where it has spoken; ARGV: the lane's place as an id, most that the
# stream may hold. Returns whether there is more, how many were said, how many were cut off. What was held is of after
# the place at which the live version stopped, and of before this one's.
SAY_HELD = (
    SAYING
    + f"""
local found = call('XRANGE', KEYS[1], '-', '+', 'COUNT', {HELD_AT_ONCE})
for _, one in ipairs(found) do leaves(one[2][2], one[2][4]) end
for _, one in ipairs(found) do
  say(KEYS[2], KEYS[3], one[1], ARGV[2], one[2])
  call('XDEL', KEYS[1], one[1])
end
if #found < {HELD_AT_ONCE} then
  call('DEL', KEYS[1])
  has_said(KEYS[3], ARGV[1])
end
return {{#found < {HELD_AT_ONCE} and 0 or 1, said, cut}}
"""
)
