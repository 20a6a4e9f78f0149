import gc
import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from hub.mapping.apply import apply
from hub.mapping.expression import (
    LARGEST_EXACT_INTEGER,
    LONGEST_EXPRESSION,
    Engine,
    ExpressionError,
    ExpressionLimitError,
    PythonEngine,
    RustEngine,
)
from hub.mapping.load import read_document
from hub.mapping.transforms import Context, Registry

CORPUS = json.loads((Path(__file__).parents[2] / "fixtures/mapping/expressions.json").read_text(encoding="utf-8"))
ENGINES: list[Engine] = [RustEngine(), PythonEngine()]
engines = pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)

# The limit is 100 ms; a busy machine gets more, an expression that is not stopped gets nowhere near.
PATIENCE_S = 5.0


def evaluate(engine: Engine, source: str, record: Any) -> Any:
    return engine.compile(source)(engine.prepare(record))


@engines
@pytest.mark.parametrize("case", CORPUS["cases"], ids=lambda case: case["expr"])
def test_both_engines_answer_the_corpus_alike(engine: Engine, case: dict[str, Any]) -> None:
    record = CORPUS["records"][case["record"]]
    if "error" in case:
        with pytest.raises(ExpressionError) as caught:
            evaluate(engine, case["expr"], record)
        if engine.name == "jsonatapy":
            assert caught.value.code == case["error"]
    else:
        assert evaluate(engine, case["expr"], record) == case["value"]


@engines
@pytest.mark.parametrize("source", ["(", "a.[", "$foo(", "a b", "'open", "{'a'}"])
def test_a_syntax_error_is_found_when_compiling(engine: Engine, source: str) -> None:
    with pytest.raises(ExpressionError):
        engine.compile(source)


@engines
def test_a_very_long_expression_is_refused(engine: Engine) -> None:
    with pytest.raises(ExpressionError, match="longer"):
        engine.compile("1+" * LONGEST_EXPRESSION + "1")


@engines
@pytest.mark.parametrize(
    "source", ["$eval(text)", "$now()", "$millis()", "($r := $random; $r())", "$pad('x', 2000000000)"]
)
def test_what_is_unsafe_or_never_the_same_twice_is_refused(engine: Engine, source: str) -> None:
    with pytest.raises(ExpressionError, match="not allowed"):
        engine.compile(source)


@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("($f := function($x){$f($x)}; $f(1))", "D1012"),  # endless tail recursion: time
        ("($f := function($x){1 + $f($x)}; $f(1))", "D1011"),  # endless recursion: depth
        ("[1..10000000]", "D2015"),  # a huge sequence
        ("$map([1..1000000], function($x){$x})", "D2015"),
        ("$count([1..90000].[1..90000])", ""),  # a product of two allowed ones: length or time
    ],
)
def test_a_bomb_is_stopped_with_a_named_error(source: str, code: str) -> None:
    started = time.monotonic()
    with pytest.raises(ExpressionLimitError) as caught:
        evaluate(RustEngine(), source, {})
    assert time.monotonic() - started < PATIENCE_S
    if code:
        assert caught.value.code == code


def test_a_catastrophic_pattern_does_not_backtrack() -> None:
    started = time.monotonic()
    assert evaluate(RustEngine(), "$contains(text, /^(a+)+$/)", {"text": "a" * 5_000 + "!"}) is False
    assert time.monotonic() - started < PATIENCE_S


@engines
def test_a_pattern_of_ten_thousand_states_is_refused(engine: Engine) -> None:
    with pytest.raises(ExpressionError, match="repetitions"):
        engine.compile("$contains(text, /(a{1,100}){1,100}b/)")
    assert evaluate(engine, "$contains(zip, /^[0-9]{2}-[0-9]{3}$/)", {"zip": "00-950"}) is True


def test_the_other_engine_stops_endless_recursion_too() -> None:
    started = time.monotonic()
    with pytest.raises(ExpressionLimitError):
        evaluate(PythonEngine(), "($f := function($x){$f($x)}; $f(1))", {})
    assert time.monotonic() - started < PATIENCE_S


def test_one_expression_serves_many_threads() -> None:
    engine = RustEngine()
    expression = engine.compile("a & '!'")
    answers: list[Any] = []

    def work(number: int) -> None:
        answers.append(expression(engine.prepare({"a": number})))

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    gc.collect()  # an engine object dropped by the wrong thread would be an unraisable error here
    assert sorted(answers) == [f"{number}!" for number in range(8)]


@engines
def test_variables_of_one_record_are_gone_for_the_next(engine: Engine) -> None:
    expression = engine.compile("($seen := $exists($kept) ? 'leaked' : 'clean'; $kept := a; $seen)")
    assert [expression(engine.prepare({"a": a})) for a in (1, 2)] == ["clean", "clean"]


@engines
def test_a_number_that_may_be_rounded_is_refused(engine: Engine) -> None:
    with pytest.raises(ExpressionError, match="path"):
        evaluate(engine, "id", {"id": LARGEST_EXACT_INTEGER * 4 + 4})


def test_a_record_the_engine_cannot_take_is_an_error_of_the_record() -> None:
    with pytest.raises(ExpressionError):
        evaluate(RustEngine(), "id", {"id": 2**70})
    with pytest.raises(ExpressionError):
        evaluate(RustEngine(), "id", {"id": b"bytes"})


def test_a_panic_of_the_engine_stops_only_the_record(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def panics(_record: Any) -> Any:
        raise PanicException("index out of bounds")

    monkeypatch.setattr("hub.mapping.expression.jsonatapy.JsonataData", panics)
    with pytest.raises(ExpressionError, match="engine failed"):
        RustEngine().prepare({})


def test_an_interrupt_is_not_swallowed(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupts(_record: Any) -> Any:
        raise KeyboardInterrupt

    monkeypatch.setattr("hub.mapping.expression.jsonatapy.JsonataData", interrupts)
    with pytest.raises(KeyboardInterrupt):
        RustEngine().prepare({})


def errors_of_threads(work: Callable[[], Any]) -> list[str]:
    """Run work in threads, look at its errors here, and return what could not be raised anywhere."""
    with pytest.MonkeyPatch.context() as patch:
        noise: list[str] = []
        patch.setattr(sys, "unraisablehook", lambda one: noise.append(str(one.exc_value)))
        with ThreadPoolExecutor(4) as pool:
            results = [pool.submit(work) for _ in range(12)]
        errors = [result.exception() for result in results]
        del results, errors  # dropped here, with all their frames
        gc.collect()
        return noise


@pytest.mark.parametrize(
    "source", ["a & 'x'", "$number(a)", "$undefined(a)", "a.(", "$map([1..200000], function($x){$x})"]
)
def test_an_error_that_is_looked_at_in_another_thread_drops_nothing_of_the_engine_there(source: str) -> None:
    engine = RustEngine()

    def work() -> Any:
        return evaluate(engine, source, {"a": "b"})

    assert errors_of_threads(work) == []


def test_a_mapping_used_from_several_threads_drops_nothing_of_the_engine_in_another() -> None:
    fields = {"name": {"expr": "first & ' ' & last"}, "tax": {"expr": "$number(tax)"}}
    mapping = read_document({"stream": "s", "record": "r", "fields": fields}, name="acme/s.toml", registry=Registry({}))
    payload = {"id": "1", "first": "Dana", "last": "Levi", "tax": "no number"}
    context = Context("IL", "UTC")
    assert errors_of_threads(lambda: apply(mapping, payload, context)) == []
    good = {**payload, "tax": "12"}
    assert errors_of_threads(lambda: apply(mapping, good, context)) == []


def test_a_process_ends_in_silence_though_threads_have_used_expressions() -> None:
    program = """
import threading
from hub.mapping.expression import RustEngine

engine, used, for_ever = RustEngine(), threading.Event(), threading.Event()
read = engine.compile("a & 'x'")

def work():
    assert read(engine.prepare({"a": "b"})) == "bx"
    used.set()
    for_ever.wait()

threading.Thread(target=work, daemon=True).start()
assert used.wait(30)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stderr == ""
