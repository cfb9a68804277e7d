"""The part of scripts that takes values off cards. It needs no key."""

from __future__ import annotations

# A field of a card is "<time>:<hashes>:<encrypted value>", see `card_keys.card`. What takes a value off the index, for
# the scripts that write and that erase. `upto`: only what was said by then.
ENDING = """
local function unlist(index, customer, field)
  for hash in string.gmatch(string.match(field, '^%d+:([^:]*):') or '', '%S+') do
    redis.call('ZREM', index, hash .. ':' .. customer)
  end
end
local function end_card(card, index, customer, upto)
  local fields = redis.call('HGETALL', card)
  for i = 1, #fields, 2 do
    if (tonumber(string.match(fields[i + 1], '^%d+')) or 0) <= upto then
      unlist(index, customer, fields[i + 1])
      redis.call('HDEL', card, fields[i])
    end
  end
end
"""

# KEYS: card, index; ARGV: customer, ms. Ends what was said of one customer by then.
END = ENDING + "end_card(KEYS[1], KEYS[2], ARGV[1], tonumber(ARGV[2]))"
