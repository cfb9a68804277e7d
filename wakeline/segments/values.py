"""The values in rules: fields, functions, constants, and what is computed from them."""

from __future__ import annotations

import ast
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any

from wakeline.segments.fields import COUNTED, FIELDS, FUNCTIONS, Field, Kind
from wakeline.segments.parts import NUMBERS, Leaf, Part, Site, a, alike, computed
from wakeline.segments.source import AMOUNT, LENGTH, MOST_NESTED, UNITS, BadRule, Source
from wakeline.vocabulary.money import BadAmount, minor_units

MOST_NUMBER = 10**15
MOST_INSIDE = 10  # segments, one within the other
MOST_CODE = 20_000  # characters of a rule as Python, with all that it refers to
NO_CURRENCY = 'the site has none: set currency = "EUR", or another, for it'
ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class Values:
    """Checks the values of one rule."""

    def __init__(self, source: Source, site: Site) -> None:
        self._source = source
        self._site = site
        self._currency = site.currency
        self._depth = 0
        self.leaves: list[Leaf] = []

    def _condition(self, node: ast.expr) -> Part:
        """What is yes or no."""
        raise NotImplementedError

    @contextmanager
    def _deeper(self, node: ast.expr) -> Iterator[None]:
        """Within another part. Python's own parser would give up somewhat later, in other words."""
        self._depth += 1
        if self._depth > MOST_NESTED:
            raise self._bad(f"nested more than {MOST_NESTED} deep", node)
        yield
        self._depth -= 1

    def _value(self, node: ast.expr) -> Part:
        for of, check in self._values:
            if isinstance(node, of):
                with self._deeper(node):
                    found: Part = check(self, node)
                    return found
        raise self._bad(
            f"{self._said(node)} has no meaning in a rule: compare fields, and join with and, or, not", node
        )

    def _constant(self, node: ast.Constant) -> Part:
        value = node.value
        if isinstance(value, bool):
            return Part(Kind.FLAG, repr(value), constant=value)
        if isinstance(value, str):
            return Part(Kind.TEXT, repr(value), constant=value)
        if isinstance(value, (int, float)):
            if not value <= MOST_NUMBER:
                raise self._bad(f"the number is beyond {MOST_NUMBER:,}", node)
            return Part(Kind.NUMBER, repr(value), constant=value)
        if value is None:
            raise self._bad("there is no None: of what is not known no comparison holds", node)
        raise self._bad(f"{self._said(node)} is no text, number, length of time or amount", node)

    def _name(self, node: ast.Name) -> Part:
        field = self._field(node.id, node)
        if field.of_each:
            raise self._bad(f'{node.id} has many entries: ask for one, such as {node.id}["name"]', node)
        return self._of_person(node.id, field, node)

    def _entry(self, node: ast.Subscript) -> Part:
        if not isinstance(node.value, ast.Name):
            raise self._bad("brackets follow the name of a field", node)
        name = node.value.id
        field = self._field(name, node.value)
        if not field.of_each:
            raise self._bad(f"{name} is one {field.kind.value}: it has no entries", node)
        if not isinstance(node.slice, ast.Constant) or not isinstance(node.slice.value, str):
            raise self._bad(f'the entry is named by a text in quotation marks, such as {name}["name"]', node.slice)
        key = repr(node.slice.value)
        source = f"p.{field.attribute or name}"
        if field.kind is Kind.SCORE:
            return Part(Kind.SCORE, f"({source}.get({key}, 0.0) * faded)")
        if name == "channels":
            return Part(Kind.FLAG, f"({source}.get({key}) is not False)")
        if field.kind is Kind.FLAG:
            return Part(Kind.FLAG, f"({source}.get({key}) is True)")
        return Part(field.kind, f"{source}.get({key})")

    def _of_person(self, name: str, field: Field, node: ast.expr) -> Part:
        if field.kind is Kind.MONEY and not self._currency:
            raise self._bad(
                f'{name} is in the site\'s main currency, which it has not: set currency = "EUR", or another', node
            )
        return Part(field.kind, f"p.{field.attribute or name}")

    def _field(self, name: str, node: ast.expr) -> Field:
        if name not in FIELDS:
            if name in FUNCTIONS:
                raise self._bad(f"{name} is a function: {FUNCTIONS[name].call}", node)
            raise self._bad(f"there is no field {name}{nearest(name, FIELDS)}", node)
        return FIELDS[name]

    def _call(self, node: ast.Call) -> Part:
        if not isinstance(node.func, ast.Name):
            raise self._bad("only functions of rules are called, by their name", node)
        name = node.func.id
        values = [each.value if isinstance(each, ast.Constant) else None for each in node.args]
        if name == LENGTH:
            return self._length(node, *values)
        if name == AMOUNT:
            return self._amount(node, *values)
        if name not in FUNCTIONS:
            raise self._bad(f"there is no function {name}{nearest(name, FUNCTIONS)}", node)
        shown = FUNCTIONS[name].call
        if node.keywords or any(isinstance(each, ast.Starred) for each in node.args):
            raise self._bad(f"it is called like this: {shown}", node)
        if name == "in_segment":
            if len(values) != 1 or not isinstance(values[0], str):
                raise self._bad(f"it has a name in quotation marks: {shown}", node)
            return self._of_segment(values[0], node.args[0])
        if name == "share":
            if len(values) != 1 or not isinstance(values[0], str):
                raise self._bad(f"it has a name in quotation marks: {shown}", node)
            return Part(Kind.NUMBER, f"share(p.id, {values[0]!r})")
        if len(node.args) != 2 or not isinstance(values[0], str):
            raise self._bad(f"it counts an event within a length of time: {shown}", node)
        if values[0] not in COUNTED:
            raise self._bad(
                f"when a person did {values[0]!r} is not kept, only of {', '.join(COUNTED)}"
                + nearest(values[0], COUNTED),
                node.args[0],
            )
        length = self._value(node.args[1])
        if length.kind is not Kind.LENGTH or length.constant is None:
            raise self._bad(f"within which length of time? {shown}", node.args[1])
        times = f"p.{COUNTED[values[0]]}"
        moments = (f"leaves({times}, {length.code}, now)",)
        return Part(Kind.NUMBER, f"within({times}, now - {length.code})", moments)

    def _of_segment(self, name: str, node: ast.expr) -> Part:
        """The rule of another segment, which stands here in its place."""
        if name not in self._site.segments:
            raise self._bad(f"there is no segment {name!r}{nearest(name, self._site.segments)}", node)
        if name in self._site.inside:
            through = ", ".join(self._site.inside[self._site.inside.index(name) :])
            raise self._bad(f"the segment refers to itself, through {through}: take one of them out", node)
        if len(self._site.inside) > MOST_INSIDE:
            raise self._bad(f"segments refer to each other more than {MOST_INSIDE} deep", node)
        try:
            source = Source(self._site.segments[name])
            found = type(self)(source, self._site._replace(inside=(*self._site.inside, name))).check()
        except BadRule as error:
            raise self._bad(f"the segment {name!r} cannot be used: {error}", node) from None
        if len(found.code) > MOST_CODE:
            raise self._bad(f"the segment {name!r} is too large with all that it refers to", node)
        return found

    def check(self) -> Part:
        """The whole rule, which is yes or no."""
        return self._condition(self._source.tree)

    def _length(self, node: ast.Call, number: Any, unit: Any) -> Part:
        length = number * UNITS[unit]
        if length > MOST_NUMBER:
            raise self._bad("that is longer than anything lasts", node)
        return Part(Kind.LENGTH, repr(length), constant=length)

    def _amount(self, node: ast.Call, number: Any, currency: Any) -> Part:
        if not self._currency:
            raise self._bad(NO_CURRENCY, node)
        if currency != self._currency:
            raise self._bad(f"amounts are in the site's main currency: write {number} {self._currency}", node)
        try:
            amount = minor_units(str(number), currency)
        except BadAmount as error:
            raise self._bad(f"{self._said(node)} {error}", node) from None
        return Part(Kind.MONEY, repr(amount), constant=amount)

    def _sign(self, node: ast.UnaryOp) -> Part:
        if isinstance(node.op, ast.Not):
            return self._condition(node)
        found = self._value(node.operand)
        if not isinstance(node.op, (ast.USub, ast.UAdd)) or found.kind not in NUMBERS:
            raise self._bad(f"{a(found.kind)} has no sign", node)
        symbol = "-" if isinstance(node.op, ast.USub) else "+"
        return found._replace(code=f"({symbol}{found.code})")

    def _sum(self, node: ast.BinOp) -> Part:
        symbol = ARITHMETIC.get(type(node.op))
        if symbol is None:
            raise self._bad("only + - * / compute", node)
        one, other = self._value(node.left), self._value(node.right)
        one, other = alike(one, other), alike(other, one)
        kind = computed(one.kind, symbol, other.kind)
        if kind is None:
            raise self._bad(f"{a(one.kind)} {symbol} {a(other.kind)} is nothing", node)
        if symbol == "/" and other.constant == 0:
            raise self._bad("this divides by zero", node.right)
        code = f"ratio({one.code}, {other.code})" if symbol == "/" else f"({one.code} {symbol} {other.code})"
        return Part(kind, code, one.moments + other.moments)

    _values: Sequence[tuple[type[ast.expr] | tuple[type[ast.expr], ...], Callable[[Values, Any], Part]]] = (
        (ast.Constant, _constant),
        (ast.Name, _name),
        (ast.Subscript, _entry),
        (ast.Call, _call),
        (ast.UnaryOp, _sign),
        (ast.BinOp, _sum),
        ((ast.Compare, ast.BoolOp), _condition),
    )

    def _said(self, node: ast.expr) -> str:
        return self._source.written(node)

    def _bad(self, why: str, node: ast.expr) -> BadRule:
        return self._source.error(why, node)


def nearest(name: str, known: Collection[str]) -> str:
    found = get_close_matches(name, list(known), n=1, cutoff=0.5)
    if found:
        return f": did you mean {found[0]}?"
    return f": there are {', '.join(known)}" if known else ""
