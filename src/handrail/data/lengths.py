"""How long the texts become that a question builds, before it is asked.

An engine looks at its limits between batches of rows and does not count a text while a function builds it. A
few letters that each subquery joins to themselves are gigabytes after ten. So the longest text that each
expression may make is followed through subqueries and common tables: an estimate, as a value of a dataset
counts as 32 letters, but one that no nesting escapes.
"""

from __future__ import annotations

from collections.abc import Iterable

from sqlglot import exp

from handrail.kernel import NotAllowed

MAX_LETTERS = 250_000  # of all texts that a question builds for one row; a batch has two thousand rows
_VALUE = 32  # letters of what is in a dataset, is given as a parameter, or is no text
_GATHERED = 200  # values in a list or in a text that an aggregate makes
_BUILDERS = (
    *(exp.DPipe, exp.Concat, exp.ConcatWs, exp.Repeat, exp.Pad, exp.Replace, exp.RegexpReplace, exp.Format),
    *(exp.ArrayToString, exp.GroupConcat),
)


def refuse_long_texts(tree: exp.Query) -> None:
    """Refuse NotAllowed a question whose texts may become longer together than MAX_LETTERS."""
    if any(_builds(node) for node in tree.find_all(*_BUILDERS, exp.Anonymous)):
        _Lengths().query(tree, _VALUE)


def _builds(node: exp.Expr) -> bool:
    return isinstance(node, _BUILDERS) or (isinstance(node, exp.Anonymous) and node.name.lower() == "printf")


class _Lengths:
    def __init__(self) -> None:
        self.common: dict[str, int] = {}  # by name, the longest of all common tables of that name
        self.built = 0

    def query(self, node: exp.Expr, outer: int) -> int:
        """The longest text in the answer of a query; `outer`: that in what stands around it."""
        longest = _VALUE
        while True:
            if with_ := node.args.get("with_"):
                for cte in with_.expressions:
                    name = cte.alias.lower()
                    self.common[name] = max(self.common.get(name, 0), self.query(cte.this, outer))
            if isinstance(node, exp.Select):
                return max(longest, self.select(node, outer))
            if isinstance(node, exp.SetOperation):
                longest = max(longest, self.query(node.expression, outer))
            beside = [node.args.get(key) for key in ("order", "limit", "offset")]
            longest = max(longest, self.longest([*beside, *(node.args.get("joins") or ())], outer, {}))
            node = node.this
            if not isinstance(node, exp.Query):
                return max(longest, self.longest([node], outer, {}))

    def select(self, node: exp.Select, outer: int) -> int:
        from_, source = node.args.get("from_"), outer
        items = [
            *([from_] if from_ else []),
            *(node.args.get("joins") or ()),
            *(node.args.get("laterals") or ()),
        ]
        for item in items:
            source = max(source, self.longest([item], source, {}))
        longest, names = 0, dict[str, int]()  # of the items so far, which later ones may name
        for item in node.expressions:
            length = max(source if item.is_star else 0, self.longest([item], source, names))
            names[item.alias_or_name.lower()] = length
            longest = max(longest, length)
        for key, value in node.args.items():
            if key not in ("from_", "joins", "laterals", "with_", "expressions"):
                self.longest(value if isinstance(value, list) else [value], source, names)
        return longest

    def longest(self, parts: Iterable[object], source: int, names: dict[str, int]) -> int:
        """The longest text in these expressions over columns as long as `source`, or by name."""
        todo, longest = [part for part in parts if isinstance(part, exp.Expr)], 0
        while todo:
            part = todo.pop()
            if isinstance(part, exp.Query):
                length = self.query(part, source)
            elif isinstance(part, exp.Table) and isinstance(part.this, exp.Identifier):
                length = self.common.get(part.name.lower(), _VALUE)
                todo += part.args.get("joins") or ()
            elif isinstance(part, exp.Column):
                length = max(source, names.get(part.name.lower(), 0))
            elif isinstance(part, exp.Literal):
                length = len(part.this)
            elif _builds(part):
                length = self.build(part, source, names)
            else:
                length = _VALUE if isinstance(part, exp.Placeholder) else 0
                todo += part.iter_expressions()
            longest = max(longest, length)
        return longest

    def build(self, node: exp.Expr, source: int, names: dict[str, int]) -> int:
        """The length of the text that a function builds of others, which counts towards the limit."""
        if isinstance(node, exp.DPipe):
            length = sum(self.longest([part], source, names) for part in node.flatten())
        else:
            sizes = {
                key: [
                    self.longest([part], source, names)
                    for part in (value if isinstance(value, list) else [value])
                ]
                for key, value in node.args.items()
            }
            length = _made(node, sizes)
        self.built += length
        if self.built > MAX_LETTERS:
            raise NotAllowed(
                f"The texts that this query builds may have more than {MAX_LETTERS:,} letters in one row.",
                next_step="Repeat, join and replace less, by shorter texts, or in fewer steps.",
            )
        return length


def _made(node: exp.Expr, sizes: dict[str, list[int]]) -> int:
    """The length of what a function makes of arguments of these sizes, which `bounded` has looked at."""
    this, others, put = (sum(sizes.get(key, ())) for key in ("this", "expressions", "replacement"))
    between = sum(sizes.get("expression", ())) + sum(sizes.get("separator", ()))
    if isinstance(node, exp.ConcatWs):
        return others + sizes["expressions"][0] * len(node.expressions)
    if isinstance(node, exp.Repeat):
        return this * int(node.args["times"].this)
    if isinstance(node, exp.Pad):
        return max(this, int(node.expression.this))
    if isinstance(node, exp.Replace | exp.RegexpReplace):
        taken = node.expression
        least = len(taken.this) if isinstance(node, exp.Replace) and isinstance(taken, exp.Literal) else 1
        return this * max(1, -(-put // max(1, least)))
    if isinstance(node, exp.ArrayToString | exp.GroupConcat):
        known = len(node.this.expressions) if isinstance(node.this, exp.Array) else _GATHERED
        return (this + between) * known
    if isinstance(node, exp.Concat):
        return others
    shape = str(node.this.this if isinstance(node, exp.Format) else node.expressions[0].this)
    holes = shape.count("{") + shape.count("%")  # each may name any value again
    return len(shape) + holes * max(sizes["expressions"], default=0)
