"""The demo scheme's files, and the right answers, written together by one seeded generator.

`python -m tests.generators.demo` rewrites `data/raw/demo/`, the ledger and the audit of
`pipelines/demo/`, and `tests/golden/demo_answers.yml` byte for byte. What is expected is noted
while a record is planted (`Contract`, `Trap`, `Entry`), in plain Python: no file is read back, no
code of `spaser` is used. The mappings `pipelines/demo/mappings/` are written by hand.

Everybody here is fictional: SIREN numbers begin with 000, which the register of businesses never
gives, and pass the Luhn check. The participants of the insertion clauses (`people.py`,
`clauses.py`, `hours.py`, `hour_*.py`) have a number, and no name.
"""
