"""Two years of a shop, made up from a seed: what it decided is the truth, and what Wakeline makes of it is compared.

`make test-history` runs thousands of customers; `make test` some of them, see tests/integration/test_shop_years.py.

catalogue.py  the products: with a cost, with a category's margin rate, with neither
ways.py       how people come: the URL and the referrer of their first page, and what is true of it
plans.py      the campaigns: what they cost, who comes by them, and what that is known to bring
decided.py    what the shop decides: customers, orders, refunds, contacts, visits and other costs
habits.py     customers with their habits, and what comes of them in two years
journeys.py   what campaigns do: mails, visits, and what those people buy, at once or weeks later
fates.py      what becomes of an order: amended, paid, refunded, cancelled, returned
telling.py    who tells of a decision, by which events, when they arrive, and how often
pages.py      what browsers tell: visits, some of which buy
service.py    what the service desk, the workshop and the mailer tell
files.py      the files that are imported
truth.py      what all of it is worth, computed from the decisions alone, as JSON lines
purchases.py  what each customer brought and cost, likewise
visited.py    the visits that browsers made, likewise
owed.py       to which visits each order is owed, by each model, likewise
brought.py    what campaigns brought and cost, likewise
stage.py      a deployment on real servers, fed by an import, a log of before, and requests
reading.py    what Wakeline says in the end: orders, products, customers, totals
campaigns.py  what it says of campaigns: its views, and the lists of each day
comparing.py  where that differs from the truth
effects.py    where what it says of campaigns does, and whether it finds their effects
playing.py    all of it, one step after the other
"""
