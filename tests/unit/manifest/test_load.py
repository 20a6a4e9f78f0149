"""What is wrong with a manifest is said with file, line, column and setting; what is hostile is refused."""

import pytest

from hub.connector.located import locate
from hub.connector.manifest.load import LARGEST_FILE, BadManifestError, read_toml
from tests.unit.manifest.desk import HEAD, manifest

PAGE = '{ type = "page", param = "page" }'


def wrong(text: str) -> list[str]:
    with pytest.raises(BadManifestError) as caught:
        read_toml(text, name="books.toml")
    return [str(one) for one in caught.value.problems]


def test_a_small_manifest_is_whole() -> None:
    found = read_toml(manifest(), name="books.toml")
    assert (found.name, found.stream[0].kind, found.proven) == ("books", "invoices", False)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version = 1\nname = ?\n", "books.toml:2:8: Invalid value"),
        (manifest(colour='"red"'), "books.toml:21:1: stream.0.colour: there is no such setting: colour"),
        (manifest(title=""), "books.toml:14:3: stream.0.title: title is missing"),
        (manifest(page='{ type = "pages" }'), "books.toml:19:1: stream.0.page: Input tag 'pages' found"),
        (
            manifest(page='{ type = "page", parm = "p" }'),
            "books.toml:19:25: stream.0.page.parm: there is no such setting: parm",
        ),
        (
            manifest(page='{ type = "page", param = "p", size = 0 }'),
            "books.toml:19:38: stream.0.page.size: Input should be",
        ),
        (
            manifest(cursor='{ type = "param", field = "x" }'),
            "books.toml:20:1: stream.0.cursor.param: param is missing",
        ),
        (manifest(id='"a..b"'), "books.toml:18:1: stream.0.id"),
        (manifest(every_min='"often"'), "books.toml:21:1: stream.0.every_min: Input should be a valid integer"),
        (
            manifest(query='{ a = { setting = "nothing" } }'),
            "books.toml:21:11: stream.0.query.a: there is no setting 'nothing'",
        ),
        (manifest(query='{ a = { setting = "token" } }'), "'token' is a secret: it may stand under auth only"),
        (manifest(body="{ a = 1 }"), "`body` and `search` speak of a POST"),
        (manifest(method='"POST"'), "method POST must say `search = true`"),
        (manifest(method='"DELETE"'), "books.toml:21:1: stream.0.method: Input should be 'GET' or 'POST'"),
        (
            manifest(filter='"a eq 1"'),
            "books.toml:21:1: stream.0.filter: a filter needs to know its language: set `dialect`",
        ),
        (manifest('dialect = "frappe"\n', filter='"a = 1"'), "of Frappe: a JSON list of conditions"),
        (manifest(lines='{ at = "rows", text = "name" }'), "`lines` are read from `one`, and there is none"),
        (manifest(one='"/invoices/{number}"'), "only {id} and the paths of `id` may stand in it, not {number}"),
        (
            manifest() + "\n[[stream]]\n" + manifest().partition("[[stream]]\n")[2],
            "books.toml:23:1: stream.1.name: there are two streams",
        ),
        (manifest('error = [{ at = "x" }]\n'), "books.toml:1:1: error.0.means: means is missing"),
        (manifest('headers = { Authorization = "x" }\n'), "the header Authorization is the hub's own"),
        (HEAD, "books.toml: stream: stream is missing"),
    ],
)
def test_a_mistake_is_named_with_its_place(text: str, said: str) -> None:
    assert any(said in one for one in wrong(text)), wrong(text)


HOSTILE = [
    manifest(path='"https://evil.example/"'),
    manifest(path='"//evil.example/"'),
    manifest(path='"/../admin"'),
    manifest(path='"/a/..%2fadmin"'),
    manifest(path='"/a?b=c"'),
    manifest(path='"/a\\\\b"'),
    manifest(path='"/{{ 7 * 7 }}"'),
    manifest(link='"javascript:alert(1)"'),
    manifest(link='"http://evil.example/{id}"'),
    manifest(link='"{base_url}/{id!r}"'),
    manifest(link='"{base_url}/{id.__class__.__mro__:>9999}"'),
    manifest(link='"{base_url}/{}"'),
    manifest(link='"{base_url}/../{id}"'),
    manifest(one='"/a/../{id}"'),
    manifest(one='"{base_url}/{id}"'),
    manifest(headers='{ Host = "evil.example" }'),
    manifest(headers='{ "X\\r\\nHost" = "x" }'),
    manifest(headers='{ X = "a\\r\\nHost: b" }'),
    manifest('hosts = ["*"]\n'),
    manifest('hosts = ["evil.example/path"]\n'),
    manifest('base_path = "/../x"\n'),
    HEAD.replace("https://books.example/api", "https://books.example/api?x=y") + manifest().partition(HEAD)[2],
    HEAD.replace("https://books.example/api", "file:///etc/passwd") + manifest().partition(HEAD)[2],
    manifest(transform='"eval"'),
    manifest(body="{ a = " * 9 + "1" + " }" * 9, method='"POST"', search="true"),
    manifest(page='{ type = "page", param = "page", size = 1000000 }'),
    "a = " + "[" * 100_000,
    f'x = "{"x" * LARGEST_FILE}"',
]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_would_lead_elsewhere_or_run_is_refused(text: str) -> None:
    assert wrong(text)


def test_a_place_is_found_in_the_right_one_of_several_tables() -> None:
    text = (
        '[[stream]]\nname = "a"\n[stream.page]\ntype = "page"\n\n[[stream]]\nname = "b"\n[stream.page]\ntype = "odd"\n'
    )
    assert locate(text, ["stream", "1", "name"]) == (7, 1)
    assert locate(text, ["stream", "1", "page", "type"]) == (9, 1)
    assert locate(text, ["stream", "0", "page"]) == (3, 2)
    assert locate(text, ["nothing"]) == (0, 0)
