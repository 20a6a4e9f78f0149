"""Templates whose texts and icons are filled in once for each language, when they are compiled, and not on each page.

A page shows more than a hundred texts and icons whose words stand in the template: `{{ _('Save') }}`,
`{{ icon('phone') }}`. In one language each of them is always the same, so it becomes part of the HTML around it.
What depends on the reader or on data stays a call: one of a filter where the global is a filter too, since Jinja asks of
every other callable, each time, whether it wants the context.
"""

import threading
from collections.abc import Callable, Container, MutableMapping
from typing import Any

from flask.sansio.app import App
from flask.templating import Environment
from jinja2 import Template, nodes
from jinja2.compiler import CodeGenerator, Frame
from jinja2.nodes import Impossible
from jinja2.visitor import NodeTransformer

# Globals of templates that answer the same in the same language, whoever asks and whenever.
FOLDED = frozenset({"_", "icon", "static_url"})


class Spoken(Environment):
    """Flask's templates, compiled once for each language."""

    def __init__(self, app: App, **options: Any) -> None:
        super().__init__(app, **options)
        self.language: Callable[[], str] = lambda: ""  # of the page that is being made
        self._by_language: dict[str, Spoken] = {}
        self._making = threading.Lock()

    def get_or_select_template(self, *given: Any, **named: Any) -> Template:
        """Return a template in the language of the page; what it includes and extends comes from there too."""
        if self.overlayed:
            return super().get_or_select_template(*given, **named)
        return self._of(self.language()).get_or_select_template(*given, **named)

    def _of(self, language: str) -> "Spoken":
        with self._making:
            one = self._by_language.get(language)
            if one is None:
                # A cache of bytecode knows names of templates and no languages.
                one = self.overlay(bytecode_cache=None)
                one.code_generator_class = _Generator
                self._by_language[language] = one
            return one


class _Generator(CodeGenerator):
    def visit_Template(self, node: nodes.Template, frame: Frame | None = None) -> None:  # noqa: N802 - Jinja's name
        _Fold(self.environment.globals, self.environment.filters).visit(node)
        super().visit_Template(node, frame)


class _Fold(NodeTransformer):
    """Puts the answer in the place of a call whose arguments all stand in the template, and filters in that of others."""

    def __init__(self, known: MutableMapping[str, Any], filters: Container[str]) -> None:
        self._known = known
        self._filters = filters

    def visit_Call(self, node: nodes.Call) -> nodes.Node:  # noqa: N802 - Jinja's name
        self.generic_visit(node)  # an argument may be such a call itself
        called = node.node
        if not isinstance(called, nodes.Name) or node.dyn_args or node.dyn_kwargs:
            return node
        return self._folded(node, called.name) if called.name in FOLDED else self._filtered(node, called.name)

    def _folded(self, node: nodes.Call, name: str) -> nodes.Expr:
        try:
            given = [one.as_const() for one in node.args]
            named = {pair.key: pair.value.as_const() for pair in node.kwargs}
        except Impossible:
            return node
        return nodes.Const(self._known[name](*given, **named), lineno=node.lineno, environment=node.environment)

    def _filtered(self, node: nodes.Call, name: str) -> nodes.Expr:
        if name not in self._known or name not in self._filters or not node.args:
            return node
        value, *others = node.args
        return nodes.Filter(
            value, name, others, node.kwargs, None, None, lineno=node.lineno, environment=node.environment
        )
