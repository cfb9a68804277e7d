"""Receives events over HTTP: validates, cleans and appends them to the log, and answers 202 once they are on disk.

In reading order: app (wires the parts), workers (processes on one port), server (the HTTP edge), connections (how many
may be open), limiter (how many requests one address may send), budget (how many new profiles it may begin), memory (how
full the server is, and what is taken then), intake (`POST /v1/events` as a checklist), body (bytes in, within limits),
policy (what one site allows), context (what is known of a request), steps (an event's way to a record, step by step;
shop_steps those of a shop), clean (text without people in it), cards (numbers of payment cards in it), fields (which
fields are not searched for them), urls (what is kept of an address), links (of addresses among an event's properties),
names (of events), props (properties of an event), lists (those that arrive as text), shop (its amounts and order
numbers), signatures (what the site's server has signed), choices (how consent was given), server_intake (`POST
/v1/server/events`), keyring (its API keys), told (an event as its type's fields), facts (from that to a record),
fact_fields (their cleaning), server_answers (replies to servers), campaigns (`/v1/server/campaigns`), plans (where what
they plan is told), openapi (describes all this to them, with campaigns_described), agents and addresses (who sent it,
coarsely), people (words that make nobody a bot), salts (daily secrets of anonymous ids), marks (whether all have the
same), opening (the log of the deployment), writer (group commit; waiting: the requests in it), customer_cards (personal
values of customers, encrypted), spool (what is taken while the log is away; its files: spool_folder, spool_frames,
spool_disk), responses (replies with CORS), script (`GET /wakeline.js`), mail_links (links of mails and letters;
link_api, which makes them; link_pages, what is answered; link_outcomes, the words of their metric; mail_machines, who
is no person; agreed, whether a customer may be named; folded, when people go on; live_redis, which both ask), health
(alive, ready), metrics (every number of this process).
"""
