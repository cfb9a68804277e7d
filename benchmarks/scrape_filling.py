"""Fills Redis for the scrape benchmark: scripts that make a full list, and profiles, where they are kept."""

from __future__ import annotations

from wakeline import keys

PAGES = 40  # really read, in every lane

# KEYS: a list. ARGV: what its scanned values begin with, values, pages, ms to live.
FULL = """
local scores = {'10000', '(other)'}
for page = 1, tonumber(ARGV[3]) do
  scores[#scores + 1] = 100 + page
  scores[#scores + 1] = '/page-' .. page
end
for scanned = 1, tonumber(ARGV[2]) - tonumber(ARGV[3]) do
  scores[#scores + 1] = 1
  scores[#scores + 1] = ARGV[1] .. scanned .. '.php'
end
redis.call('ZADD', KEYS[1], unpack(scores))
redis.call('PEXPIRE', KEYS[1], ARGV[4])
"""
OF_PAGES = sum(100 + page for page in range(1, PAGES + 1))
SUM = 10_000 + OF_PAGES + keys.TOP_MEMBERS - PAGES

# KEYS: a profile's key without its id. ARGV: ids from, to.
PROFILE = """
for id = tonumber(ARGV[1]), tonumber(ARGV[2]) do
  redis.call('HSET', KEYS[1] .. 'visitor-' .. id, 'first_seen', 1790000000000 + id, 'last_seen', 1790000100000 + id,
             'visits', 3, 'page_views', 17, 'engaged_ms', 93000, 'source', 'newsletter', 'session',
             string.rep('s', 200))
end
"""
