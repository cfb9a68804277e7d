"""The grammar of rules: what each part of one is, and the Python that computes it.

Only what stands here, in `values` and in `parts` gets into that Python, so a rule cannot run for long, reach anything
or fail. Beside it are the moments at which a rule may change although nothing happens.
"""

from __future__ import annotations

import ast
from itertools import pairwise

from wakeline.segments.fields import Kind
from wakeline.segments.parts import NUMBERS, Leaf, Part, a, alike, flag, joined, of_score
from wakeline.segments.values import Values

ORDER = {ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">="}
EQUALITY = {ast.Eq: "==", ast.NotEq: "!="}
MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
TURNS_AT = {"<": "reached", ">=": "reached", "<=": "passed", ">": "passed"}
"""By an age's comparison: in `running`, when it changes."""


class Checker(Values):
    """Checks one rule. Raises BadRule."""

    def _condition(self, node: ast.expr) -> Part:
        with self._deeper(node):
            return self._yes_or_no(node)

    def _yes_or_no(self, node: ast.expr) -> Part:
        if isinstance(node, ast.BoolOp):
            parts = [self._condition(each) for each in node.values]
            return joined(parts, " and " if isinstance(node.op, ast.And) else " or ")
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            inner = self._condition(node.operand)
            return inner._replace(code=f"(not {inner.code})")
        if isinstance(node, ast.Compare):
            return self._comparisons(node)
        found = self._value(node)
        if found.kind is Kind.TRAIT:
            found = found._replace(kind=Kind.FLAG, code=f"({found.code} is True)")
        if found.kind is not Kind.FLAG:
            raise self._bad(f"{self._said(node)} is {a(found.kind)}: compare it, such as with > or ==", node)
        self.leaves.append(Leaf(self._source.written(node), found, found))
        return found

    def _comparisons(self, node: ast.Compare) -> Part:
        operands = [node.left, *node.comparators]
        found = []
        for (left, right), op in zip(pairwise(operands), node.ops, strict=True):
            asked, whole = self._comparison(left, op, right)
            written = f"{self._source.written(left)} {_word(op)} {self._source.written(right)}"
            self.leaves.append(Leaf(written, asked, whole))
            found.append(whole)
        return joined(found, " and ")

    def _comparison(self, left: ast.expr, op: ast.cmpop, right: ast.expr) -> tuple[Part, Part]:
        """The side that is asked for, and the comparison."""
        if isinstance(op, (ast.In, ast.NotIn)):
            return self._membership(left, op, right)
        one, other = self._value(left), self._value(right)
        one, other = alike(one, other), alike(other, one)
        if (symbol := ORDER.get(type(op))) is not None:
            if (one.kind, other.kind) == (Kind.LENGTH, Kind.TIME):
                return other, self._age(other, MIRRORED[symbol], one)
            if (one.kind, other.kind) == (Kind.TIME, Kind.LENGTH):
                return one, self._age(one, symbol, other)
            if (one.kind, other.kind) == (Kind.NUMBER, Kind.SCORE):
                return other, of_score(other, MIRRORED[symbol], one)
            if (one.kind, other.kind) == (Kind.SCORE, Kind.NUMBER):
                return one, of_score(one, symbol, other)
            if one.kind is other.kind and one.kind in (*NUMBERS, Kind.TIME):
                return one, flag(f"({one.code} {symbol} {other.code})", one, other)
        elif (symbol := EQUALITY.get(type(op))) is not None:
            if one.kind is other.kind and one.kind in (Kind.NUMBER, Kind.MONEY, Kind.TEXT, Kind.FLAG):
                code = f"({one.code} {symbol} {other.code})"
                if symbol == "!=" and one.kind in NUMBERS:
                    code = f"differs({one.code}, {other.code})"
                return one, flag(code, one, other)
            if {one.kind, other.kind} & {Kind.TIME, Kind.LENGTH, Kind.SCORE}:
                raise self._bad("times, lengths of time and scores are hardly ever equal: use < or >", right)
        raise self._bad(self._no_comparison(left, one, op, right, other), right)

    def _age(self, time: Part, symbol: str, length: Part) -> Part:
        found = flag(f"(now - {time.code} {symbol} {length.code})", time, length)
        turns = f"{TURNS_AT[symbol]}({time.code} + {length.code}, now)"
        return found._replace(moments=(*found.moments, turns))

    def _membership(self, left: ast.expr, op: ast.In | ast.NotIn, right: ast.expr) -> tuple[Part, Part]:
        one = self._value(left)
        word = "not in" if isinstance(op, ast.NotIn) else "in"
        if isinstance(right, (ast.Tuple, ast.List, ast.Set)):
            options = [self._value(each) for each in right.elts]
            if not options:
                raise self._bad("nothing is in an empty list", right)
            for option, each in zip(options, right.elts, strict=True):
                if option.constant is None or option.kind not in (Kind.TEXT, Kind.NUMBER):
                    raise self._bad(f"{self._said(each)} is neither a text in quotation marks nor a number", each)
                if option.kind is not options[0].kind:
                    raise self._bad("a list is of texts only, or of numbers only", each)
            one = alike(one, options[0])
            if one.kind is options[0].kind:
                return one, flag(f"({one.code} {word} ({', '.join(each.code for each in options)},))", one)
            raise self._bad(f"{self._said(left)} is {a(one.kind)}, and this a list of {options[0].kind.value}s", right)
        other = self._value(right)
        if one.kind is Kind.TEXT and other.kind in (Kind.TEXTS, Kind.TEXT, Kind.TRAIT):
            other = alike(other, one) if other.kind is Kind.TRAIT else other
            return other, flag(f"({one.code} {word} {other.code})", one, other)
        raise self._bad(
            f'"in" looks for a text in a list or a text, such as "vip" in tags: not in {self._said(right)}', right
        )

    def _no_comparison(self, left: ast.expr, one: Part, op: ast.cmpop, right: ast.expr, other: Part) -> str:
        if _word(op).startswith("is"):
            return f"write == for {_word(op)}" if isinstance(op, ast.Is) else "write != for is not"
        if one.kind is Kind.TEXT and other.kind is Kind.TEXT:
            return "texts are equal or not: use ==, != or in"
        said = f"{self._said(left)} is {a(one.kind)}, {self._said(right)} {a(other.kind)}"
        if one.kind is Kind.TIME:
            return f"{said}: compare it with how long ago it is, such as < 2d"
        if {one.kind, other.kind} == {Kind.TEXT, Kind.NUMBER} and other.constant is not None:
            return f'{said}: write "{other.constant}"' if other.kind is Kind.NUMBER else f"{said}: write a number"
        if Kind.MONEY in (one.kind, other.kind):
            return f"{said}: write an amount such as 50 {self._currency}"
        if Kind.LENGTH in (one.kind, other.kind):
            return f"{said}: write a length such as 10min or 2d"
        return f"{said}: they cannot be compared so"


def _word(op: ast.cmpop) -> str:
    words = {ast.In: "in", ast.NotIn: "not in", ast.Is: "is", ast.IsNot: "is not"} | ORDER | EQUALITY
    return words[type(op)]
