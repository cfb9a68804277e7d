"""The fields of a lane in Redis, and the scripts that alone may change them; those of replays are in `replay_protocol`.

Each script is one atomic call. A lane's hash has the fields of `LanePlace`, `skipped`, and `sent:<lane>` for each
lane that it sends to; its hop hash has a field for each lane that it receives deltas from, and `end:<lane>` for each
that told it of the end of a customer.
"""

from __future__ import annotations

from msgspec import Struct

from processor.messages import SAYING
from wakeline.card_ending import ENDING
from wakeline.record import Place, Position

SENT = "sent:"  # prefix; sent:<lane> is the position up to which deltas for that lane were made
END = "end:"  # prefix, in the hop hash; end:<lane> is the place of the latest end of a customer of that lane


def text_of(position: Position) -> str:
    """A position as stored in `hop` and `sent:<lane>`: "<offset>", and ":<step>" if the step is not 0."""
    offset, step = position
    return f"{offset}:{step}" if step else str(offset)


def position_of(text: bytes) -> Position:
    """The position that `text_of` wrote."""
    offset, _, step = text.partition(b":")
    return int(offset), int(step or 0)


def place_of(text: bytes) -> Place:
    """The place that `text_of_place` wrote."""
    offset, step, number = map(int, text.split(b":"))
    return offset, step, number


def text_of_place(place: Place) -> str:
    """A place as stored in `hop`."""
    return ":".join(map(str, place))


class LanePlace(Struct):
    """The fields of a lane's hash that describe its place; see `keys.Keys.lane`."""

    log: str = ""
    offset: int = 0
    step: int = 0
    begins: int = 0
    clock: int = 0
    doubted: int = 0
    revision: int = 0
    writer: str = ""
    torn: bool = False
    moved: str = ""
    deaths: int = 0
    died_at: int = -1
    unlinked: str = ""  # "<offset> <id>": how far a record has come that more than one call folds, see `others.unlink`


# ---- one batch

# KEYS: the lane, then every key that is written. ARGV: revision expected, revision to set, stamp,
# commands as one msgpack argument, top list cap, OTHER, the due set's key, `moved` expected, writer expected: after a
# restored backup another writer may have reached the same revision; what STORE stores, end to end.
# Returns the first deadline, the ids of what XADD put into the outbox, each list of BEST with its lowest score if it is
# full, and what `SAYING` counted.
# Those in `own` are not Redis commands, but for XADD and HINCRBY; for SAY, HOLD and SAID see `messages`. STORE: set to
# a part of ARGV[10], from its first byte to its last, as Lua's msgpack knows no bytes, for a lifetime (ms). TOP: add to
# a top list that is not loaded, in order and within the cap, like `Changes` for loaded lists. BEST: set a
# member's score in each list, or take it out, and take out the lowest ones beyond the cap. LATEST: set to a time
# (ms) if it is later than the stored one, as a replay applies old erasures after newer ones. DEAD: add a dead letter to
# the stream and the people it names to the set; beyond the maximum number of names the oldest letters are deleted.
# FORGET: delete dead letters about a person, up to a time. CARD: delete what a customer's card holds of up to a time,
# and what finds it; with a moment only if the lane has not spoken up to there, so that folding again ends nobody's
# card.
WRITE = (
    SAYING
    + ENDING
    + """
local function drop(letters, about, letter)
  for i = 1, #letter[2], 2 do
    if letter[2][i] == 'about' then
      for line in string.gmatch(letter[2][i + 1], '[^\\n]+') do call('ZREM', about, line .. ' ' .. letter[1]) end
    end
  end
  call('XDEL', letters, letter[1])
end
local lane = KEYS[1]
local found = call('HMGET', lane, 'revision', 'writer', 'torn', 'moved')
if found[3] == '1' then return {-1} end
if (found[4] or '') ~= ARGV[8] then return {-2, found[4] or ''} end
if (found[1] or '0') ~= ARGV[1] or (found[2] or '') ~= ARGV[9] then return {0, found[1] or '0', found[2] or ''} end
local commands = cmsgpack.unpack(ARGV[4])
local owed = {}
call('HSET', lane, 'torn', '1')
for _, c in ipairs(commands) do
  if c[1] == 'SAY' or c[1] == 'HOLD' then leaves(c[7], c[9]) end
end
local own = {}
function own.TOP(c)
  for j = 3, #c, 2 do
    local member = c[j]
    if not call('ZSCORE', c[2], member) and
       (call('ZCARD', c[2]) >= tonumber(ARGV[5]) or tonumber(c[j + 1]) < 0) then
      member = ARGV[6]
    end
    if tonumber(call('ZINCRBY', c[2], c[j + 1], member)) == 0 then call('ZREM', c[2], member) end
  end
end
local best = {}
function own.BEST(c)
  local most = tonumber(c[#c - 1])
  for i = 2, #c - 2, 2 do
    best[c[i]] = most
    if tonumber(c[i + 1]) <= 0 then call('ZREM', c[i], c[#c])
    elseif call('ZADD', c[i], c[i + 1], c[#c]) == 1 then
      local over = call('ZCARD', c[i]) - most
      if over > 0 then call('ZREM', c[i], unpack(call('ZRANGE', c[i], 0, over - 1))) end
    end
  end
end
function own.HINCRBY(c)
  redis.pcall('HINCRBY', c[2], c[3], c[4])  -- a sum that leaves 64 bits stays as it was: it must not stop the lane
end
function own.STORE(c)
  call('SET', c[2], string.sub(ARGV[10], c[3], c[4]), 'PX', c[5])
end
function own.LATEST(c)
  if tonumber(c[3]) > tonumber(call('GET', c[2]) or 0) then call('SET', c[2], c[3], 'PX', c[4]) end
end
function own.DEAD(c)
  local id = call('XADD', c[2], '*', 'about', c[5], unpack(c, 6))
  for line in string.gmatch(c[5], '[^\\n]+') do call('ZADD', c[3], 0, line .. ' ' .. id) end
  while call('ZCARD', c[3]) > tonumber(c[4]) do
    local oldest = call('XRANGE', c[2], '-', '+', 'COUNT', 1)[1]
    if not oldest then call('DEL', c[3]) break end
    drop(c[2], c[3], oldest)
  end
end
function own.FORGET(c)
  for _, found in ipairs(call('ZRANGE', c[3], '[' .. c[4] .. ' ', '(' .. c[4] .. ' ' .. c[5], 'BYLEX')) do
    local letter = call('XRANGE', c[2], string.match(found, '%S+$'), string.match(found, '%S+$'))[1]
    if letter then drop(c[2], c[3], letter) end
    call('ZREM', c[3], found)
  end
end
function own.CARD(c)
  if c[7] == '' or is_later(c[7], call('GET', c[4]) or '0-0') then end_card(c[2], c[3], c[5], tonumber(c[6])) end
end
function own.SAY(c)
  say(c[2], c[3], c[4], c[5], {unpack(c, 6)})
end
function own.HOLD(c)
  if call('EXISTS', c[3]) == 1 and is_later(c[4], call('GET', c[3])) then put(c[2], c[4], c[5], {unpack(c, 6)}) end
end
function own.SAID(c)
  has_said(c[2], c[3])
end
function own.XADD(c)
  owed[#owed + 1] = call(unpack(c))
end
for i = 1, #commands do
  local c = commands[i]
  local act = own[c[1]]
  if act then act(c) else call(unpack(c)) end
end
call('HSET', lane, 'revision', ARGV[2], 'writer', ARGV[3], 'torn', '0')
local lowest = {}
for key, most in pairs(best) do
  local is_full = call('ZCARD', key) >= most
  lowest[#lowest + 1] = key
  lowest[#lowest + 1] = is_full and call('ZRANGE', key, 0, 0, 'WITHSCORES')[2] or ''
end
return {1, call('ZRANGE', ARGV[7], 0, 0, 'WITHSCORES'), owed, lowest, said, cut}
"""
)

TWO, THREE = slice(1, 3), slice(1, 4)
KEYS_OF = {"DEAD": TWO, "FORGET": TWO, "SAY": TWO, "HOLD": TWO, "CARD": THREE, "BEST": slice(1, -2, 2)}
"""Where the keys of a command are, if there is more than one."""

# KEYS: the due set, then strings, then sorted sets; ARGV: the number of strings, then members of the due set. Returns
# the strings, the members' scores and the sets. Each command that a script calls costs as much as reading a key, and
# Lua's unpack takes less than 8,000 arguments.
LOAD = """
local strings, scores, sets = {}, {}, {}
local last = tonumber(ARGV[1]) + 1
local function add(found, all) for i = 1, #found do all[#all + 1] = found[i] end end
for i = 2, last, 4000 do add(redis.call('MGET', unpack(KEYS, i, math.min(i + 3999, last))), strings) end
for i = 2, #ARGV, 4000 do add(redis.call('ZMSCORE', KEYS[1], unpack(ARGV, i, math.min(i + 3999, #ARGV))), scores) end
for i = last + 1, #KEYS do sets[#sets + 1] = redis.call('ZRANGE', KEYS[i], 0, -1, 'WITHSCORES') end
return {strings, scores, sets}
"""

# KEYS: the hashes. ARGV: the hashes and their fields, as one msgpack argument.
RECALL = """
local found = {}
for i, asked in ipairs(cmsgpack.unpack(ARGV[1])) do found[i] = redis.call('HMGET', unpack(asked)) end
return found
"""

# The commands that loading and writing may use.
COMMANDS = (
    "HSET", "HINCRBY", "HDEL", "HGETALL", "SET", "GET", "MGET", "DEL", "PEXPIRE", "ZADD", "ZREM", "ZSCORE", "ZMSCORE",
    "ZCARD", "ZINCRBY", "ZRANGE", "ZREMRANGEBYSCORE", "XADD", "XDEL", "XRANGE", "XTRIM", "EXISTS",
)  # fmt: skip

OF_PLACE = """
local found = {}
for i, key in ipairs(KEYS) do found[i] = redis.call('HGETALL', key) end
return found
"""

# KEYS: the lane, its hop, definitions and imports. A script, for redis-py has no transactions worth the name on a
# cluster.
PLACE = OF_PLACE

# KEYS: as of PLACE; ARGV: writer, what `moved` must be, COMMANDS. What another writer has under way
# fails from now on. A command that the user may not give would stop a write half-way.
CLAIM = (
    """
for i = 3, #ARGV do
  if not redis.acl_check_cmd(ARGV[i], KEYS[1], KEYS[1], KEYS[1]) then
    return redis.error_reply('NOPERM this user of Redis may not ' .. ARGV[i] .. ': docs/redis.md lists what it needs')
  end
end
local held = redis.call('HMGET', KEYS[1], 'torn', 'moved')
if held[1] ~= '1' and (held[2] or '') == ARGV[2] then
  redis.call('HINCRBY', KEYS[1], 'revision', 1)
  redis.call('HSET', KEYS[1], 'writer', ARGV[1])
end
"""
    + OF_PLACE
)

# KEYS: the lane; ARGV: offset.
DIED = """
if redis.call('HGET', KEYS[1], 'died_at') ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'died_at', ARGV[1], 'deaths', 0)
end
return redis.call('HINCRBY', KEYS[1], 'deaths', 1)
"""
