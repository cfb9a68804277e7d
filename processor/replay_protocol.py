"""The scripts by which a lane of another version begins and goes live, and a torn one is rebuilt; see `lane_protocol`.

Each is one atomic call.
"""

from __future__ import annotations

# ---- a replay

# KEYS: a lane of a version that is not live; ARGV: log, offset, where its numbers begin. A lane that was live before
# continues from its place.
BEGIN = """
if redis.call('EXISTS', KEYS[1]) == 0 then
  redis.call('HSET', KEYS[1], 'log', ARGV[1], 'offset', ARGV[2], 'skipped', ARGV[2], 'begins', ARGV[3])
elseif redis.call('HDEL', KEYS[1], 'moved') == 1 then
  redis.call('HINCRBY', KEYS[1], 'revision', 1)
end
"""

# KEYS: DEPLOYMENT; ARGV: live version, new one, token. Returns the live version, and the one being switched to.
ANNOUNCE = """
local found = redis.call('HMGET', KEYS[1], 'version', 'moving')
local version, moving = found[1] or '1', string.match(found[2] or '', '^%d+') or '0'
if version == ARGV[1] and (moving == '0' or moving == ARGV[2]) then
  redis.call('HSET', KEYS[1], 'moving', ARGV[2] .. ' ' .. ARGV[3])
  moving = ARGV[2]
end
return {version, moving}
"""

# KEYS: DEPLOYMENT; ARGV: live version, new one, token. Returns the version that is live afterwards.
FLIP = """
local found = redis.call('HMGET', KEYS[1], 'version', 'moving')
if (found[1] or '1') == ARGV[1] and found[2] == ARGV[2] .. ' ' .. ARGV[3] then
  redis.call('HSET', KEYS[1], 'version', ARGV[2])
  redis.call('HDEL', KEYS[1], 'moving')
end
return redis.call('HGET', KEYS[1], 'version') or '1'
"""

# KEYS: a lane; ARGV: new version, token, writer. Returns where it continues, its offset and step, whether it is torn.
# This switch takes over a lane that an interrupted switch to the same version left frozen.
FREEZE = """
local moved = redis.call('HGET', KEYS[1], 'moved')
if not moved then redis.call('HINCRBY', KEYS[1], 'revision', 1) end
if not moved or string.match(moved, '^%d+ ') == ARGV[1] .. ' ' then
  moved = ARGV[1] .. ' ' .. ARGV[2]
  redis.call('HSET', KEYS[1], 'moved', moved, 'writer', ARGV[3])
end
local found = redis.call('HMGET', KEYS[1], 'offset', 'step', 'torn')
return {moved, found[1] or '0', found[2] or '0', found[3] or '0'}
"""

# KEYS: a lane; ARGV: its own version, token or ''. A lane that is being rebuilt in place is not changed.
THAW = """
local moved = redis.call('HGET', KEYS[1], 'moved')
if moved and moved ~= ARGV[1] and (ARGV[2] == '' or string.match(moved, ' (.*)$') == ARGV[2]) then
  redis.call('HDEL', KEYS[1], 'moved')
end
"""

# KEYS: a hash with sent:<lane>, an outbox; ARGV: id of a delta, field, its `after`.
TAKE_BACK = """
if redis.call('XDEL', KEYS[2], ARGV[1]) == 1 then redis.call('HSET', KEYS[1], ARGV[2], ARGV[3]) end
"""

# KEYS: the new lane; ARGV: revision expected, offset expected, stamp, fields and values of sent:<lane>.
HAND_OVER = """
local found = redis.call('HMGET', KEYS[1], 'revision', 'offset', 'writer')
if found[3] == ARGV[3] then return 1 end
if found[1] ~= ARGV[1] or (found[2] or '0') ~= ARGV[2] then return 0 end
for i = 4, #ARGV, 2 do redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1]) end
redis.call('HSET', KEYS[1], 'writer', ARGV[3])
redis.call('HINCRBY', KEYS[1], 'revision', 1)
return 1
"""

# ---- a torn lane

# KEYS: the lane, the hash that saves its facts; ARGV: its version. Returns 1: saved, 2: saved and already emptied,
# 0: not torn, -1: held by a switch.
KEEP = """
local lane, kept = KEYS[1], KEYS[2]
if redis.call('EXISTS', kept) == 1 then return redis.call('HEXISTS', kept, 'emptied') + 1 end
local found = redis.call('HMGET', lane, 'torn', 'moved')
if found[1] ~= '1' then return 0 end
if found[2] and found[2] ~= ARGV[1] then return -1 end
redis.call('HSET', lane, 'moved', ARGV[1])
redis.call('HINCRBY', lane, 'revision', 1)
local fields = redis.call('HGETALL', lane)
for i = 1, #fields, 2 do
  local name = fields[i]
  if name == 'log' or name == 'offset' or name == 'step' or name == 'revision' or string.sub(name, 1, 5) == 'sent:' then
    redis.call('HSET', kept, name, fields[i + 1])
  end
end
return 1
"""

# KEYS: the lane, the hash that saves its facts; ARGV: its version, its first offset, where its numbers begin. Resets
# the lane to the state before its first record.
EMPTY = """
local lane, kept = KEYS[1], KEYS[2]
if redis.call('HEXISTS', kept, 'emptied') == 1 then return end
local found = redis.call('HMGET', kept, 'log', 'revision')
redis.call('DEL', lane)
redis.call('HSET', lane, 'log', found[1] or '', 'offset', ARGV[2], 'skipped', ARGV[2], 'begins', ARGV[3],
  'moved', ARGV[1], 'revision', found[2])
redis.call('HSET', kept, 'emptied', '1')
"""

# KEYS: the lane, the hash that saves its facts; ARGV: revision expected.
FINISH = """
local lane, kept = KEYS[1], KEYS[2]
if redis.call('EXISTS', kept) == 0 then return 1 end
if redis.call('HGET', lane, 'revision') ~= ARGV[1] then return 0 end
local fields = redis.call('HGETALL', kept)
for i = 1, #fields, 2 do
  if string.sub(fields[i], 1, 5) == 'sent:' then redis.call('HSET', lane, fields[i], fields[i + 1]) end
end
redis.call('HDEL', lane, 'moved')
redis.call('HINCRBY', lane, 'revision', 1)
redis.call('DEL', kept)
return 1
"""
