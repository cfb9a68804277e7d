"""The store's scripts in Lua, and the commands that they may give. Each is one call, so one moment."""

from __future__ import annotations

# KEYS: the lane, then every key that is written. ARGV: revision expected, revision to set, stamp,
# commands as one msgpack argument, top list cap, OTHER, the due set's key, what the lane's `moved` must be, writer
# expected: after an older backup another one may have come to the same revision.
# Four are our own. TOP: add to a top list whose members the writer does not know, within the cap. LATEST: set to a
# time (ms) that is later than what is there: a replay meets old erasures when newer ones are known. DEAD: add a dead
# letter to the stream and whom it is about to the set, of which there are no more than so many: the oldest go. FORGET:
# remove the dead letters that are about a person, up to a time.
WRITE = """
local call = redis.call
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
call('HSET', lane, 'torn', '1')
for i = 1, #commands do
  local c = commands[i]
  if c[1] == 'TOP' then
    for j = 3, #c, 2 do
      local member = c[j]
      if not call('ZSCORE', c[2], member) and
         (call('ZCARD', c[2]) >= tonumber(ARGV[5]) or tonumber(c[j + 1]) < 0) then
        member = ARGV[6]
      end
      call('ZINCRBY', c[2], c[j + 1], member)
    end
  elseif c[1] == 'LATEST' then
    if tonumber(c[3]) > tonumber(call('GET', c[2]) or 0) then call('SET', c[2], c[3], 'PX', c[4]) end
  elseif c[1] == 'DEAD' then
    local id = call('XADD', c[2], '*', 'about', c[5], unpack(c, 6))
    for line in string.gmatch(c[5], '[^\\n]+') do call('ZADD', c[3], 0, line .. ' ' .. id) end
    while call('ZCARD', c[3]) > tonumber(c[4]) do
      local oldest = call('XRANGE', c[2], '-', '+', 'COUNT', 1)[1]
      if not oldest then call('DEL', c[3]) break end
      drop(c[2], c[3], oldest)
    end
  elseif c[1] == 'FORGET' then
    for _, found in ipairs(call('ZRANGE', c[3], '[' .. c[4] .. ' ', '(' .. c[4] .. ' ' .. c[5], 'BYLEX')) do
      local letter = call('XRANGE', c[2], string.match(found, '%S+$'), string.match(found, '%S+$'))[1]
      if letter then drop(c[2], c[3], letter) end
      call('ZREM', c[3], found)
    end
  else
    call(unpack(c))
  end
end
call('HSET', lane, 'revision', ARGV[2], 'writer', ARGV[3], 'torn', '0')
return {1, call('ZRANGE', ARGV[7], 0, 0, 'WITHSCORES')}
"""

WITH_TWO_KEYS = ("DEAD", "FORGET")

# KEYS: state, interests, tombstone of each, then top lists; ARGV: how many of the former.
LOAD = """
local people, tops = {}, {}
local n = tonumber(ARGV[1])
for i = 1, n * 3, 3 do
  people[#people + 1] = {redis.call('GET', KEYS[i]), redis.call('ZRANGE', KEYS[i + 1], 0, -1, 'WITHSCORES'),
    redis.call('GET', KEYS[i + 2])}
end
for i = n * 3 + 1, #KEYS do tops[#tops + 1] = redis.call('ZRANGE', KEYS[i], 0, -1, 'WITHSCORES') end
return {people, tops}
"""

# ARGV: keys and fields of hashes, as one msgpack argument. Declared too.
RECALL = """
local found = {}
for i, asked in ipairs(cmsgpack.unpack(ARGV[1])) do found[i] = redis.call('HMGET', unpack(asked)) end
return found
"""

# What a write may consist of.
WRITES = (
    "HSET", "HINCRBY", "SET", "GET", "DEL", "PEXPIRE", "ZADD", "ZREM", "ZSCORE", "ZCARD", "ZINCRBY", "ZRANGE",
    "ZREMRANGEBYSCORE", "XADD", "XDEL", "XRANGE",
)  # fmt: skip

# KEYS: the lane, its hop. A script, for redis-py has no transactions worth the name on a cluster.
PLACE = "return {redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2])}"

# KEYS: the lane, its hop; ARGV: writer, what `moved` must be, WRITES. What another writer has under way fails from
# now on. A command that the user may not give would stop a write half-way.
CLAIM = """
for i = 3, #ARGV do
  if not redis.acl_check_cmd(ARGV[i], KEYS[1], KEYS[1], KEYS[1]) then
    return redis.error_reply('NOPERM this user of Redis may not ' .. ARGV[i] .. ': docs/redis.md lists what it needs')
  end
end
local found = redis.call('HMGET', KEYS[1], 'torn', 'moved')
if found[1] ~= '1' and (found[2] or '') == ARGV[2] then
  redis.call('HINCRBY', KEYS[1], 'revision', 1)
  redis.call('HSET', KEYS[1], 'writer', ARGV[1])
end
return {redis.call('HGETALL', KEYS[1]), redis.call('HGETALL', KEYS[2])}
"""

# KEYS: the lane; ARGV: offset.
DIED = """
if redis.call('HGET', KEYS[1], 'died_at') ~= ARGV[1] then
  redis.call('HSET', KEYS[1], 'died_at', ARGV[1], 'deaths', 0)
end
return redis.call('HINCRBY', KEYS[1], 'deaths', 1)
"""
