from __future__ import annotations

import asyncio
import gc
import re
import subprocess
import sys
import weakref
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import DictLoader, Environment
from markupsafe import Markup

import responder
from responder.errors import (
    ClientDisconnected,
    ConfigurationError,
    HTTPError,
    InvalidCookie,
    InvalidHeader,
    TemplateError,
    UnsafeRedirect,
    abort,
)
from responder.exchange.request import Request
from responder.templates import Templates, media_type_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
    from pathlib import Path

    from responder.testing import Session


def url_for(name: str, /, **params: Any) -> str:
    return f"/{name}?{'&'.join(f'{key}={value}' for key, value in params.items())}"


def make(directory: str | Path = "nowhere", **options: Any) -> Templates:
    return Templates(directory, **{"url_for": url_for, "find_request": lambda: None} | options)


def make_request(path: str = "/") -> Request:
    req = Request()
    req.scope = {"type": "http", "method": "GET", "path": path, "headers": []}
    return req


@pytest.fixture
def templates(tmp_path: Path) -> Templates:
    return make(tmp_path)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., None]:
    """Give a function that writes templates: `write(("page.html", "<p>"))`."""

    def write(*files: tuple[str, str]) -> None:
        for name, source in files:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(source, "utf-8")

    return write


def fail(templates: Templates, name: str, **context: Any) -> TemplateError:
    """Give the error of a template that fails, having checked that the async twin fails alike."""
    with pytest.raises(TemplateError) as caught:
        templates.render(name, context)
    with pytest.raises(TemplateError, match=f"^{re.escape(str(caught.value))}$"):
        asyncio.run(templates.render_async(name, context))
    return caught.value


def fail_string(templates: Templates, source: str, **context: Any) -> TemplateError:
    with pytest.raises(TemplateError) as caught:
        templates.render_string(source, context)
    with pytest.raises(TemplateError, match=f"^{re.escape(str(caught.value))}$"):
        asyncio.run(templates.render_string_async(source, context))
    return caught.value


def render_all(templates: Templates, source: str, context: Mapping[str, Any], req: Request | None = None) -> set[str]:
    """Render a text in both ways."""
    return {
        templates.render_string(source, context, req),
        asyncio.run(templates.render_string_async(source, context, req)),
    }


# Rendering


def test_a_template_is_found_in_its_directory(templates: Templates, write: Callable[..., None]) -> None:
    write(("pets/show.html", "<h1>{{ name }}</h1>"))
    assert templates.render("pets/show.html", {"name": "Rex"}) == "<h1>Rex</h1>"
    assert asyncio.run(templates.render_async("pets/show.html", {"name": "Rex"})) == "<h1>Rex</h1>"


def test_templates_extend_include_and_import_each_other(templates: Templates, write: Callable[..., None]) -> None:
    write(
        ("base.html", "<title>{% block title %}{% endblock %}</title>{% include 'foot.html' %}"),
        ("foot.html", "<p>{{ name }}</p>"),
        ("macros.html", "{% macro link(name) %}<a href='{{ url_for('pet', name=name) }}'></a>{% endmacro %}"),
        (
            "page.html",
            "{% extends 'base.html' %}{% import 'macros.html' as m %}{% block title %}{{ m.link(name) }}{% endblock %}",
        ),
    )
    assert templates.render("page.html", {"name": "a"}) == "<title><a href='/pet?name=a'></a></title><p>a</p>"


def test_the_directory_is_read_when_a_template_of_it_is_used(tmp_path: Path) -> None:
    templates = make(tmp_path / "later")
    assert templates.render_string("a", {}) == "a"
    (tmp_path / "later").mkdir()
    (tmp_path / "later" / "page.html").write_text("b")
    assert templates.render("page.html", {}) == "b"


def test_a_relative_directory_is_that_of_the_moment_when_it_was_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., None]
) -> None:
    monkeypatch.chdir(tmp_path)
    templates = make("pages")
    write(("pages/a.html", "a"), ("other/a.html", "b"))
    monkeypatch.chdir(tmp_path / "other")
    assert templates.render("a.html", {}) == "a"


def test_jinja2_is_loaded_by_the_first_template() -> None:
    code = (
        "import sys; from responder.templates import Templates\n"
        "templates = Templates('nowhere', url_for=str, find_request=lambda: None)\n"
        "@templates.context\n"
        "def site(req): return {}\n"
        "print('jinja2' in sys.modules, end=' ')\n"
        "print(templates.render_string('a', {}), 'jinja2' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout  # noqa: S603 - our own lines
    assert shown.split() == ["False", "a", "True"]


def test_a_file_is_read_once(templates: Templates, write: Callable[..., None]) -> None:
    write(("page.html", "old"))
    assert templates.render("page.html", {}) == "old"
    write(("page.html", "newer"))
    assert templates.render("page.html", {}) == "old"


def test_a_changed_file_is_read_again_when_that_is_wanted(tmp_path: Path, write: Callable[..., None]) -> None:
    import os

    templates = make(tmp_path, auto_reload=True)
    write(("base.html", "old{% block a %}{% endblock %}"), ("page.html", "{% extends 'base.html' %}"))
    assert templates.render("page.html", {}) == "old"
    assert asyncio.run(templates.render_async("page.html", {})) == "old"
    write(("base.html", "newer"))
    os.utime(tmp_path / "base.html", (1, 1))
    assert templates.render("page.html", {}) == "newer"
    assert asyncio.run(templates.render_async("page.html", {})) == "newer"


def test_threads_render_at_once(templates: Templates, write: Callable[..., None]) -> None:
    write(("page.html", "{% for n in numbers %}{{ n }}{% endfor %}"))
    with ThreadPoolExecutor(8) as pool:
        rendered = list(pool.map(lambda n: templates.render("page.html", {"numbers": [n] * 50}), range(64)))
    assert rendered == [str(n) * 50 for n in range(64)]


# Async


def test_the_async_twins_await_what_a_template_calls() -> None:
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    async def count() -> AsyncIterator[int]:
        for number in range(3):
            yield number

    source = "{{ double(4) }}:{% for number in count() %}{{ double(number) }}{% endfor %}"
    rendered = asyncio.run(make().render_string_async(source, {"double": double, "count": count}))
    assert rendered == "8:024"


def test_what_is_awaited_is_escaped() -> None:
    async def name() -> str:
        return "<b>"

    assert asyncio.run(make().render_string_async("{{ name() }}", {"name": name})) == "&lt;b&gt;"


def test_both_twins_share_filters_globals_tests_and_extensions(templates: Templates) -> None:
    templates.environment.filters["shout"] = str.upper
    templates.environment.globals["site"] = "pets"
    templates.environment.tests["short"] = lambda text: len(text) < 5
    templates.environment.add_extension("jinja2.ext.do")
    assert render_all(templates, "{% do [] %}{{ site|shout }}{{ site is short }}", {}) == {"PETSTrue"}
    templates.environment.filters["shout"] = str.title
    assert render_all(templates, "{{ site|shout }}", {}) == {"Pets"}


@pytest.mark.parametrize(
    "value",
    [
        {"name": "Rex"},
        {"items": 3, "__class__": 4},
        OrderedDict(name=1),
        SimpleNamespace(name="Rex"),
        ["name"],
        "name",
        None,
    ],
)
@pytest.mark.parametrize("attribute", ["name", "items", "get", "__class__", "__len__", "missing"])
def test_an_attribute_is_looked_up_as_jinja2_does(value: Any, attribute: str) -> None:
    source = (
        f"{{{{ value.{attribute} }}}} {{{{ value.{attribute} is defined }}}} {{{{ value.{attribute} is callable }}}}"
    )
    expected = Environment(autoescape=True).from_string(source).render(value=value)
    assert make().render_string(source, {"value": value}) == expected


def test_a_key_that_is_missing_is_named() -> None:
    with pytest.raises(TemplateError, match="'dict object' has no attribute 'owner'"):
        make().render_string("{{ pet.owner.name }}", {"pet": {"name": "Rex"}})


def test_another_loader_may_take_the_place_of_the_directory(templates: Templates) -> None:
    templates.environment.loader = DictLoader({"page.html": "{{ x }}", "bad.html": "\n{{ x.y.z }}"})
    assert templates.render("page.html", {"x": "<"}) == "&lt;"
    assert asyncio.run(templates.render_async("page.html", {"x": "<"})) == "&lt;"
    assert str(fail(templates, "bad.html", x=1)) == "bad.html, line 2: 'int object' has no attribute 'y'"
    assert str(fail(templates, "no.html")) == "There is no template 'no.html' that DictLoader can find."


# Escaping


ESCAPED = "page.html page.html.j2 page.htm page page.j2 page.xml txt a.txt/page page.txt.html page.txt.bak page.TXT"


@pytest.mark.parametrize("name", [*ESCAPED.split(), "page.txt.j2.j2"])
def test_values_are_escaped(templates: Templates, write: Callable[..., None], name: str) -> None:
    write((name, "{{ x }}"))
    assert templates.render(name, {"x": "<'\"&>"}) == "&lt;&#39;&#34;&amp;&gt;"
    assert asyncio.run(templates.render_async(name, {"x": "<'\"&>"})) == "&lt;&#39;&#34;&amp;&gt;"


@pytest.mark.parametrize("name", ["mail.txt", "mail.txt.j2", "mail.txt.jinja", "mail.txt.jinja2", "mail.de.txt"])
def test_values_in_plain_text_are_not_escaped(templates: Templates, write: Callable[..., None], name: str) -> None:
    write((name, "{{ x }}"))
    assert templates.render(name, {"x": "<&>"}) == "<&>"


def test_values_in_a_text_without_a_name_are_escaped() -> None:
    assert render_all(make(), "{{ x }}", {"x": "<script>"}) == {"&lt;script&gt;"}


def test_what_is_marked_as_safe_is_not_escaped() -> None:
    assert render_all(make(), "{{ x }}{{ '<'|safe }}", {"x": Markup("<b>")}) == {"<b><"}


def test_urls_are_escaped() -> None:
    assert render_all(make(), "{{ url_for('pet', a=1, b=2) }}", {}) == {"/pet?a=1&amp;b=2"}


def test_escaping_can_be_switched_off_everywhere(tmp_path: Path, write: Callable[..., None]) -> None:
    templates = make(tmp_path, auto_escape=False)
    write(("page.html", "{{ x }}"))
    assert templates.render("page.html", {"x": "<"}) == "<"
    assert render_all(templates, "{{ x }}", {"x": "<"}) == {"<"}


# The context


def test_the_request_is_the_one_given_or_the_one_being_served() -> None:
    templates = make(find_request=lambda: make_request("/found"))
    assert render_all(templates, "{{ request.scope.path }}", {}, make_request("/given")) == {"/given"}
    assert render_all(templates, "{{ request.scope.path }}", {}) == {"/found"}
    assert render_all(make(), "{{ request is none }}", {}) == {"True"}


def test_a_provider_adds_to_every_context() -> None:
    templates = make(find_request=lambda: make_request("/found"))

    @templates.context
    def site(req: Request) -> dict[str, str]:
        return {"site": f"Pets at {req.scope['path']}"}

    assert callable(site)
    assert render_all(templates, "{{ site }}", {}) == {"Pets at /found"}
    assert render_all(templates, "{{ site }}", {}, make_request("/given")) == {"Pets at /given"}


def test_a_provider_runs_at_each_rendering() -> None:
    templates = make()
    calls: list[object] = []
    templates.context(lambda req: {"number": calls.append(req) or len(calls)})  # type: ignore[func-returns-value] # for its effect
    assert [templates.render_string("{{ number }}", {}) for _ in range(3)] == ["1", "2", "3"]
    assert calls == [None] * 3


def test_the_nearest_value_of_a_name_wins() -> None:
    templates = make()
    templates.environment.globals.update(dict.fromkeys("abcd", "global"))
    templates.context(lambda req: dict.fromkeys(["b", "c", "d", "request"], "first"))
    templates.context(lambda req: dict.fromkeys("cd", "second"))
    source = "{{ a }} {{ b }} {{ c }} {{ d }} {{ request }} {{ url_for }}"
    assert render_all(templates, source, {"d": "call", "url_for": "own"}) == {"global first second call first own"}


def test_the_mapping_that_is_given_is_not_changed() -> None:
    given_context = {"a": 1}
    assert render_all(make(), "{% set a = 2 %}{% set b = 3 %}{{ a }}", given_context) == {"2"}
    assert given_context == {"a": 1}


def test_an_async_provider_serves_the_async_twins_only() -> None:
    templates = make()

    @templates.context
    async def site(req: Request | None) -> dict[str, str]:
        await asyncio.sleep(0)
        return {"name": "Pets"}

    assert asyncio.run(templates.render_string_async("{{ name }}", {})) == "Pets"
    with pytest.raises(TemplateError, match=r"site \(.*test_templates.py:\d+\) is async\. Await an async twin"):
        templates.render_string("{{ name }}", {})


def test_a_provider_has_to_give_a_mapping() -> None:
    templates = make()
    templates.context(lambda req: ["a"])
    assert re.match(
        r"The context provider .*<lambda> \(.*\) gave 'list'; return a map", str(fail_string(templates, ""))
    )


def test_what_a_provider_raises_comes_out_as_it_is() -> None:
    templates = make()
    templates.context(lambda req: abort(403))
    with pytest.raises(HTTPError):
        templates.render_string("", {})


def provide_nothing() -> dict[str, str]:
    return {}


def provide_by_yield(req: Request) -> Iterator[dict[str, str]]:
    yield {}


@pytest.mark.parametrize(("provider", "said"), [(provide_nothing, r"takes \(req\)"), (provide_by_yield, "yields")])
def test_a_provider_that_cannot_work_is_refused_where_it_is_declared(
    provider: Callable[..., object], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        make().context(provider)


# Errors


def boom(error: BaseException) -> None:
    raise error


def test_an_error_of_syntax_names_template_and_line(templates: Templates, write: Callable[..., None]) -> None:
    write(("pages/pets.html", "\n" * 6 + "{{ a }"), ("page.html", "\n{% include 'pages/pets.html' %}"))
    error = fail(templates, "pages/pets.html")
    assert str(error) == "pages/pets.html, line 7: unexpected '}'"
    assert type(error.__cause__).__name__ == "TemplateSyntaxError"
    assert str(fail(templates, "page.html")) == str(error)


def test_an_attribute_of_what_is_undefined_names_template_and_line(
    templates: Templates, write: Callable[..., None]
) -> None:
    write(("page.html", "<p>\n{{ pet.name }}"))
    error = fail(templates, "page.html")
    assert str(error) == "page.html, line 2: 'pet' is undefined"
    assert type(error.__cause__).__name__ == "UndefinedError"


def test_an_error_of_a_function_names_the_innermost_line(templates: Templates, write: Callable[..., None]) -> None:
    write(
        ("base.html", "\n{% block body %}{% endblock %}"),
        ("page.html", "{% extends 'base.html' %}\n{% block body %}\n{% include 'part.html' %}{% endblock %}"),
        ("part.html", "{% import 'macros.html' as m %}\n{{ m.call(boom, error) }}"),
        ("macros.html", "\n\n\n{% macro call(f, x) %}\n{{ f(x) }}{% endmacro %}"),
    )
    cause = ValueError("too small")
    error = fail(templates, "page.html", boom=boom, error=cause)
    assert str(error) == "macros.html, line 5: ValueError: too small"
    assert error.__cause__ is cause


def test_the_traceback_shows_the_templates_and_not_what_they_compile_to(
    templates: Templates, write: Callable[..., None], tmp_path: Path
) -> None:
    import traceback

    write(("page.html", "<p>\n{{ boom(error) }}"))
    with pytest.raises(TemplateError) as caught:
        templates.render("page.html", {"boom": boom, "error": ValueError("small")})
    shown = "".join(traceback.format_exception(caught.value))
    assert f'File "{tmp_path}/page.html", line 2, in top-level template code\n    {{{{ boom(error) }}}}' in shown


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("{{ a.b }}", "line 1: 'a' is undefined"),
        ("\n{{ a }", "line 2: unexpected '}'"),
        ("\n{{ 1|shout }}", "line 2: No filter named 'shout'."),
        ("\n\n{{ 1 / 0 }}", "line 3: ZeroDivisionError: division by zero"),
        ("\n{% include [] %}", "line 2: Tried to select from an empty list of templates."),
        ("\n{% extends base %}", "line 2: 'base' is undefined"),
    ],
)
def test_a_text_is_called_a_string(source: str, said: str) -> None:
    assert str(fail_string(make(), source)) == f"<string>, {said}"


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (f"{{{{ {'(' * 10_000} }}}}", "<string>: RecursionError: "),
        (f"{{{{ {'9' * 5000} }}}}", "<string>: ValueError: "),
        ("{% for i in x %}" * 40 + "{% endfor %}" * 40, "<string>: SyntaxError: "),
        ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "<string>, line 1: RecursionError: "),
    ],
)
def test_a_text_that_goes_too_far_is_an_error_as_any(source: str, said: str) -> None:
    for render in (make().render_string, run_async(make().render_string_async)):
        with pytest.raises(TemplateError, match=f"^{said}"):
            render(source, {})


def run_async(function: Callable[..., Coroutine[Any, Any, str]]) -> Callable[..., str]:
    return lambda *arguments: asyncio.run(function(*arguments))


def test_a_file_that_cannot_be_read_is_named(templates: Templates, tmp_path: Path) -> None:
    (tmp_path / "latin.html").write_bytes(b"\xe9")
    error = fail(templates, "latin.html")
    assert str(error).startswith("latin.html: UnicodeDecodeError: 'utf-8' codec can't decode byte 0xe9 in position 0")
    assert isinstance(error.__cause__, UnicodeDecodeError)
    with pytest.raises(TemplateError, match=r"^<string>, line 2: UnicodeDecodeError: "):
        templates.render_string("\n{% include 'latin.html' %}", {})


@pytest.mark.parametrize(
    "error",
    [HTTPError(404), ClientDisconnected(), UnsafeRedirect(), InvalidHeader(), InvalidCookie(), TemplateError("own")],
)
def test_an_error_that_is_an_answer_passes_unchanged(error: Exception) -> None:
    for render in (make().render_string, run_async(make().render_string_async)):
        with pytest.raises(type(error)) as caught:
            render("{{ boom(error) }}", {"boom": boom, "error": error})
        assert caught.value is error
        assert error.__cause__ is None


def test_what_ends_the_process_passes_unchanged() -> None:
    with pytest.raises(KeyboardInterrupt):
        make().render_string("{{ boom(error) }}", {"boom": boom, "error": KeyboardInterrupt()})


def test_a_template_within_a_function_of_a_template_is_the_one_named() -> None:
    templates = make()

    def show() -> str:
        return templates.render_string("\n\n{{ 1 / 0 }}", {})

    with pytest.raises(TemplateError, match=r"^<string>, line 3: ZeroDivisionError: division by zero$"):
        templates.render_string("{{ show() }}", {"show": show})


# Names

LEADING_OUT = r"""
../secret.html ./../secret.html /../secret.html sub/../../secret.html sub/../../templates/../secret.html //secret.html
..\secret.html sub\..\..\secret.html %2e%2e/secret.html ..%2fsecret.html ~/secret.html
C:\secret.html file:///secret.html
"""


def test_a_missing_template_names_where_it_was_searched(templates: Templates, tmp_path: Path) -> None:
    error = fail(templates, "no.html")
    assert str(error) == f"There is no template 'no.html' in {tmp_path}."
    assert type(error.__cause__).__name__ == "TemplateNotFound"


def test_a_missing_template_that_another_one_wants_names_that_line(
    templates: Templates, write: Callable[..., None], tmp_path: Path
) -> None:
    write(("page.html", "\n{% include 'no.html' %}"), ("either.html", "{% include ['a', 'b'] %}"))
    assert str(fail(templates, "page.html")) == f"page.html, line 2: There is no template 'no.html' in {tmp_path}."
    assert str(fail(templates, "either.html")) == f"either.html, line 1: There is no template 'a' or 'b' in {tmp_path}."


def test_a_missing_directory_is_told(tmp_path: Path) -> None:
    error = fail(make(tmp_path / "no"), "page.html")
    assert str(error) == f"There is no template 'page.html': {tmp_path / 'no'} is no directory."


def test_near_names_are_told_while_developing(tmp_path: Path, write: Callable[..., None]) -> None:
    write(("pets/list.html", ""), ("about.html", ""))
    missing = f"There is no template 'pet/list.html' in {tmp_path}."
    assert str(fail(make(tmp_path), "pet/list.html")) == missing
    assert str(fail(make(tmp_path, auto_reload=True), "pet/list.html")) == f"{missing} Did you mean 'pets/list.html'?"
    assert "mean" not in str(fail(make(tmp_path, auto_reload=True), "wholly.different"))


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """Give a file beside the directory of `inside`."""
    path = tmp_path / "secret.html"
    path.write_text("secret")
    (tmp_path / "templates" / "sub").mkdir(parents=True)
    return path


@pytest.fixture
def inside(secret: Path) -> Templates:
    return make(secret.parent / "templates")


@pytest.mark.parametrize("name", ["", ".", "..", "/", "sub", "sub/", *LEADING_OUT.split()])
def test_a_name_never_leads_out_of_the_directory(inside: Templates, name: str) -> None:
    assert "There is no template" in str(fail(inside, name))
    assert "There is no template" in str(fail_string(inside, "{% include name %}", name=name))


def test_an_absolute_name_never_leads_out_of_the_directory(inside: Templates, secret: Path) -> None:
    assert "There is no template" in str(fail(inside, str(secret)))


@pytest.mark.parametrize("name", ["page\0.html", "../a\nINFO all is well", "a\x1b[2J", "\ud800", "\u2028", "a" * 1025])
def test_a_name_that_would_write_into_a_log_is_refused(inside: Templates, name: str) -> None:
    for error in (
        fail(inside, name),
        fail_string(inside, "{% include name %}", name=name),
        fail_string(inside, "{% include ['a', name] %}", name=name),
        fail_string(inside, "{% extends name %}", name=name),
        fail_string(inside, "{% import name as m %}", name=name),
    ):
        assert str(error).isprintable()
        assert len(str(error)) < 300
        assert error.__cause__ is None


@given(name=st.text() | st.lists(st.sampled_from(["..", ".", "/", "\\", "a", "\0", "page.html"])).map("".join))
def test_any_name_is_a_template_or_an_error(name: str) -> None:
    with pytest.raises(TemplateError):
        make("/nowhere/at/all").render(name, {})


@pytest.mark.parametrize("name", [None, 7, b"page.html", ["page.html"]])
def test_a_name_or_a_source_of_another_type_is_an_error(name: Any) -> None:
    with pytest.raises(TemplateError, match="name of a template is a str"):
        make().render(name, {})
    with pytest.raises(TemplateError, match="source of a template is a str"):
        make().render_string(name, {})


def test_a_symbolic_link_is_followed(inside: Templates, secret: Path) -> None:
    (secret.parent / "templates" / "linked.html").symlink_to(secret)
    assert inside.render("linked.html", {}) == "secret"


# Texts that a client wrote, by a mistake

_PIECES = ["{{", "}}", "{%", "%}", "{#", "#}", "for", "in", "if", "block", "include", "extends", "set", "macro", "end"]
_PIECES += ["endfor", "endif", "a", "b", "request", ".", "|", "(", ")", "[", "]", "'", '"', "1", "-", "+", "/", "~"]
_PIECES += [" ", "\n", "\0", "\ud800", "\\", "=", "loop", "self", "super", "caller", "recursive", "raw", "import", "as"]


@given(source=st.text() | st.lists(st.sampled_from(_PIECES), max_size=40).map("".join))
def test_any_text_renders_or_is_a_template_error(source: str) -> None:
    templates = make()
    with suppress(TemplateError):
        assert isinstance(templates.render_string(source, {"a": ["<"], "b": {"a": 1}}), str)


def count_compiled(templates: Templates, sources: list[str], monkeypatch: pytest.MonkeyPatch) -> int:
    """Count how many of the texts are compiled, each time that they are rendered."""
    compiled: list[str] = []
    compile_source = templates.environment.compile

    def compile_counted(source: str, *arguments: Any) -> Any:
        compiled.append(source)
        return compile_source(source, *arguments)

    monkeypatch.setattr(templates.environment, "compile", compile_counted)
    for source in sources:
        templates.render_string(source, {})
    return len(compiled)


def test_a_text_is_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_compiled(make(), ["{{ a }}"] * 5, monkeypatch) == 1


def test_a_long_text_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    assert count_compiled(make(), ["a" * 16_385] * 5, monkeypatch) == 5


def test_few_texts_are_kept() -> None:
    templates = make()
    made: list[weakref.ref[Any]] = []
    from_string = templates.environment.from_string

    def from_string_seen(source: str) -> Any:
        template = from_string(source)
        made.append(weakref.ref(template))
        return template

    templates.environment.from_string = from_string_seen  # type: ignore[method-assign,assignment] # to see what it made
    for number in range(300):
        templates.render_string(f"{number}", {})
    gc.collect()
    assert len(made) == 300
    assert len([reference for reference in made if reference() is not None]) == 128


# Media types


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("page.html", "text/html"),
        ("page.html.j2", "text/html"),
        ("page", "text/html"),
        ("j2", "text/html"),
        ("", "text/html"),
        ("page.unknown", "text/html"),
        ("mail.txt", "text/plain"),
        ("mail.txt.j2", "text/plain"),
        ("feed.xml.jinja", "application/xml"),
        ("pet.svg", "image/svg+xml"),
        ("pets.csv.jinja2", "text/csv"),
        ("pets.json", "application/json"),
        ("site.css", "text/css"),
        ("site.js", "text/javascript"),
        ("a.xml/page", "text/html"),
    ],
)
def test_the_name_tells_the_media_type(name: str, media_type: str) -> None:
    assert media_type_of(name) == media_type


# Through the front door


@pytest.fixture
def api(tmp_path: Path) -> responder.API:
    return responder.API(templates_dir=tmp_path)


def test_a_view_renders_a_template_for_its_request(api: responder.API, write: Callable[..., None]) -> None:
    write(("pet.html", "<a href='{{ url_for('pet', name=name) }}'>{{ request.method }}</a>{{ request.params.q }}"))

    @api.get("/pets/{name}", name="pet")
    async def show_pet(req: Request, resp: responder.Response, *, name: str) -> None:
        resp.render("pet.html", name=name)

    answer = api.requests.get("/pets/a%26b", params={"q": "<b>"})
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.text == "<a href='/pets/a&amp;b'>GET</a>&lt;b&gt;"


@pytest.mark.parametrize(("name", "media_type"), [("feed.xml.j2", "application/xml"), ("mail.txt", "text/plain")])
def test_a_response_has_the_media_type_that_the_name_tells(
    api: responder.API, write: Callable[..., None], name: str, media_type: str
) -> None:
    write((name, "é"))

    @api.get("/sync")
    def render(req: Request, resp: responder.Response) -> None:
        resp.render(name)

    @api.get("/async")
    async def render_async(req: Request, resp: responder.Response) -> None:
        await resp.render_async(name)

    for path in ("/sync", "/async"):
        answer = api.requests.get(path)
        assert answer.headers["Content-Type"] == f"{media_type}; charset=utf-8"
        assert answer.content == "é".encode()


def test_what_api_renders_knows_the_request_that_is_served(api: responder.API, write: Callable[..., None]) -> None:
    write(("page.html", "{{ request.params.q }}"))

    @api.get("/sync")
    def render(req: Request, resp: responder.Response) -> str:
        return api.template("page.html") + api.template_string("{{ request.params.q }}")

    @api.get("/async")
    async def render_async(req: Request, resp: responder.Response) -> str:
        return await api.template_async("page.html") + await api.template_string_async("{{ request.params.q }}")

    assert [api.requests.get(path, params={"q": "7"}).text for path in ("/sync", "/async")] == ["77", "77"]


def test_a_template_renders_outside_of_a_request(api: responder.API) -> None:
    assert api.template_string("{{ request is none }}, {{ name }}", name="<") == "True, &lt;"


def test_a_provider_gets_the_request_that_is_served(api: responder.API) -> None:
    api.templates.context(lambda req: {"who": req.params.get("who")})

    @api.get("/")
    def render(req: Request, resp: responder.Response) -> str:
        return api.template_string("{{ who }}")

    assert api.requests.get("/", params={"who": "Ada"}).text == "Ada"


def test_an_answer_within_a_template_is_the_answer(api: responder.API, session: Session) -> None:
    @api.get("/")
    def render(req: Request, resp: responder.Response) -> str:
        return api.template_string("{{ abort(404, 'No such pet.') }}", abort=abort)

    answer = session.get("/")
    assert (answer.status_code, answer.json()["detail"]) == (404, "No such pet.")


def test_a_template_that_fails_is_a_bare_500(api: responder.API, session: Session, write: Callable[..., None]) -> None:
    write(("secret_page.html", "{{ a.b }}"))

    @api.get("/")
    def render(req: Request, resp: responder.Response) -> None:
        resp.render("secret_page.html")

    answer = session.get("/")
    assert (answer.status_code, answer.json()) == (500, {"status": 500, "title": "Internal Server Error"})


def test_templates_are_not_escaped_where_the_api_says_so() -> None:
    assert responder.API(auto_escape=False).template_string("{{ x }}", x="<") == "<"


def test_debug_reads_a_changed_file_again(tmp_path: Path, write: Callable[..., None]) -> None:
    import os

    api = responder.API(templates_dir=tmp_path, debug=True)
    write(("page.html", "old"))
    assert api.template("page.html") == "old"
    write(("page.html", "new"))
    os.utime(tmp_path / "page.html", (1, 1))
    assert api.template("page.html") == "new"


def test_templates_are_beside_the_file_that_makes_the_api(
    tmp_path: Path, write: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    import runpy

    write(("app.py", "import responder\napi = responder.API()"), ("templates/page.html", "beside"))
    monkeypatch.chdir("/")
    assert runpy.run_path(str(tmp_path / "app.py"))["api"].template("page.html") == "beside"
