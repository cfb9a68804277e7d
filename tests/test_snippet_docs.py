"""docs/snippet.md is correct: sizes, signatures, modules, HTML in a real Chromium.

Its plain calls are tested by snippet/test/docs.test.mjs.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from benchmarks.children import ROOT
from tests.browser import running_browser
from tests.browsers.site import FULL_SCRIPT, OWN_ENDPOINT, Page
from tests.browsers.stage import Stage, staged
from wakeline.clock import now_ms
from wakeline.config.rules import origin
from wakeline.identity import identified, signature
from wakeline.scripts import FOLDER as SERVED
from wakeline.scripts import Kind

SNIPPET = ROOT / "snippet"
DOCS = {path: (ROOT / path).read_text() for path in ("docs/snippet.md", "snippet/README.md")}
PAGE = DOCS["docs/snippet.md"]
TYPES = (SNIPPET / "types/index.d.ts").read_text()


def blocks(language: str, text: str = PAGE) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.DOTALL | re.MULTILINE)


def html_of(heading: str) -> list[str]:
    """The examples below this heading and above the next."""
    return blocks("html", re.split(rf"^#+ {heading}$", PAGE, flags=re.MULTILINE)[1].split("\n#")[0])


def run(*command: str, cwd: Path) -> str:
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
    return done.stdout


# ---- what is said ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Kind.CORE, Kind.FULL])
def test_the_sizes_beside_others_are_those_of_the_build(kind: Kind) -> None:
    sizes = [(SERVED / f"{kind}.js{form}").stat().st_size for form in ("", ".gz", ".br")]
    row = f"| **`{kind}.js`** | " + " | ".join(f"{size:,}" for size in sizes) + " |"
    assert row in PAGE, f"paste into docs/snippet.md: {row}"


def test_every_call_and_every_event_of_the_types_is_shown() -> None:
    for interface in ("Commands", "Events"):
        (body,) = re.findall(rf"interface {interface} {{\n(.*?)\n}}", TYPES, re.DOTALL)
        for name in re.findall(r"^  (\w+):", body, re.MULTILINE):
            assert f'wakeline("{name}"' in PAGE or f'wakeline("event", "{name}"' in PAGE, name


def test_every_attribute_of_the_tag_is_explained() -> None:
    source = (SNIPPET / "src/tag.ts").read_text()
    (settings,) = re.findall(r"interface Settings \{\n(.*?)\n\}", source, re.DOTALL)
    names = re.findall(r"^  (\w+)\??:", settings, re.MULTILINE)
    assert {"site", "consent", "endpoint", "hash", "search", "status"} == set(names)
    for path, text in DOCS.items():
        assert re.findall(r"^\| `data-(\w+)` \|", text, re.MULTILINE) == names, path


def test_the_recipes_for_banners_are_those_that_browsers_test() -> None:
    tested = [(ROOT / f"tests/browsers/apps/{name}.mjs").read_text() for name in ("cookieconsent", "klaro")]
    assert blocks("mjs") == tested


# ---- signatures -----------------------------------------------------------------------------------------

SECRET, CUSTOMER = "secret of the shop", "customer-1042 ü"
LITERALS = json.dumps(SECRET), json.dumps(CUSTOMER, ensure_ascii=False)
GO = """package main
import ("crypto/hmac"; "crypto/sha256"; "encoding/hex"; "fmt"; "time")
func main() { secret, customerID := %s, %s
%s
fmt.Println(expires, signature) }"""
JAVA = """import javax.crypto.Mac; import javax.crypto.spec.SecretKeySpec; import java.util.HexFormat;
import static java.nio.charset.StandardCharsets.UTF_8;
class Sign { public static void main(String[] args) throws Exception { String secret = %s, customerId = %s;
%s
System.out.println(expires + " " + signature); } }"""

PROGRAMS = {
    "python": (["python3"], "sign.py", "secret, customer_id = %s, %s\n%s\nprint(expires, signature)"),
    "javascript": (["node"], "sign.mjs", "const secret = %s, customerId = %s;\n%s\nconsole.log(expires, signature)"),
    "php": (["php"], "sign.php", '<?php $secret = %s; $customer_id = %s;\n%s\necho "$expires $signature";'),
    "ruby": (["ruby"], "sign.rb", "secret, customer_id = %s, %s\n%s\nputs expires, signature"),
    "go": (["go", "run"], "sign.go", GO),
    "java": (["java", "-Dfile.encoding=UTF-8"], "Sign.java", JAVA),
}


@pytest.mark.parametrize("language", PROGRAMS)
def test_each_language_makes_the_signature_that_is_asked_for(language: str, tmp_path: Path) -> None:
    command, file, program = PROGRAMS[language]
    (code,) = blocks(language)
    if shutil.which(command[0]) is None:
        pytest.skip(f"{command[0]} is not installed")
    (tmp_path / file).write_text(program % (*LITERALS, code))
    before = now_ms()
    expires, said = run(*command, file, cwd=tmp_path).split()
    assert said == signature(SECRET, identified(CUSTOMER, int(expires)))
    assert before - 1 <= int(expires) - 3_600_000 <= now_ms() + 1


# ---- modules --------------------------------------------------------------------------------------------


IMPORT = 'import { wakeline } from "wakeline";\n'
DECLARED = '\nwakeline("configured", { product: "runner-7", colour: "red" });'
AMBIENT = """declare namespace JSX { interface IntrinsicElements { [name: string]: any } }
declare function defineProps(names: string[]): any;"""


@pytest.mark.parametrize("path", DOCS)
def test_every_example_has_the_right_types(path: str, tmp_path: Path) -> None:
    text = DOCS[path]
    scripts = [*blocks("jsx?", text), *re.findall(r"<script setup>\n(.*?)</script>", text, re.DOTALL)]
    scripts += [code + DECLARED for code in blocks("ts", text)]
    for index, code in enumerate(scripts):
        (tmp_path / f"example{index}.tsx").write_text(code if code.startswith("import") else IMPORT + code)
    (tmp_path / "frameworks.d.ts").write_text(AMBIENT)
    parts = {
        "wakeline": "index",
        "wakeline/vitals": "vitals",
        "wakeline/datalayer": "datalayer",
        "wakeline/usability": "usability",
    }
    paths = {module: [str(SNIPPET / f"types/{name}.d.ts")] for module, name in parts.items()}
    options = {"strict": True, "noImplicitAny": False, "noEmit": True, "target": "es2022", "module": "esnext"}
    options |= {"moduleResolution": "bundler", "lib": ["es2022", "dom"], "jsx": "preserve", "paths": paths, "types": []}
    (tmp_path / "tsconfig.json").write_text(json.dumps({"compilerOptions": options, "include": ["*.ts", "*.tsx"]}))
    run("node", str(SNIPPET / "node_modules/typescript/bin/tsc"), "-p", str(tmp_path), cwd=tmp_path)


# ---- HTML -----------------------------------------------------------------------------------------------


ADDRESSES = {"stats": "{collector}", "www": "{site}", "cdn": "{other}"}
MORE_THAN_FIRST_VIEW_MS = 1_500
ANSWERED = "new Promise((done) => setInterval(() => performance.getEntriesByName('%s')[0] && done(), 20))"
TALL = '<div style="height: 500vh"></div>'
SHADOW = '<shop-app style="display: block; height: 100%"><template shadowrootmode="open">{}</template></shop-app>'

# It recreates each script, without our attributes.
TAG_MANAGER = """<script>addEventListener("load", () => {
  const html = new DOMParser().parseFromString(%s, "text/html");
  for (const { text, src } of html.querySelectorAll("script"))
    document.body.append(Object.assign(document.createElement("script"), src ? { src } : { text }));
})</script>"""


def example(heading: str) -> str:
    """The only HTML below this heading and above the next, with the addresses of the stage in it."""
    (html,) = html_of(heading)
    for name, address in ADDRESSES.items():
        html = html.replace(f"https://{name}.your-site.example", address)
    return html.replace("KEY", "demo")


@pytest_asyncio.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    async with running_browser() as browser, staged(browser, tmp_path) as stage:
        yield stage


@pytest.mark.browser
async def test_the_banner_and_marked_html_do_what_is_said(stage: Stage) -> None:
    """All of it on one page."""
    head, marked = html_of("In HTML")
    body = example("A banner") + marked
    page = Page(script=FULL_SCRIPT, head=head, body=body, tag='defer data-consent="off"')
    stage.site.pages |= {"/trails": Page(scripts=0), "/thanks": Page(scripts=0)}
    tab = await stage.open("/shoes", page)
    await tab.click('[data-choice="full"]')
    (view,) = await stage.seen("page_view /shoes")
    assert view.interests == ["running", "shoes"]
    assert await tab.run("document.getElementById('banner').hidden")
    await tab.click("button[data-wakeline-event]")
    (configured,) = await stage.seen("configured /shoes")
    assert configured.props == {"product": "trail-runner", "colour": "red"}
    await tab.click("a[data-wakeline-interest]")
    (interest,) = await stage.seen("interest /shoes")
    assert interest.props == {"category": "trails"}
    tab = await stage.open("/shoes")
    await stage.seen("page_view /shoes", 2)
    assert await tab.run("document.getElementById('banner').hidden"), "the choice was made on an earlier page"
    await tab.click("form button")
    await stage.seen("newsletter /shoes")
    await stage.quiet()
    (subscribed,) = await stage.told("newsletter")
    assert subscribed.props == {"place": "footer"}
    (sent,) = await stage.told("form_submit")
    assert sent.props["fields"] == ["email"]


@pytest.mark.browser
async def test_a_data_layer_is_told_with_one_more_tag(stage: Stage) -> None:
    html = "".join(html_of("A data layer")).replace("https://stats.your-site.example", "{collector}")
    await stage.open("/shoes", Page(scripts=0, head=html.replace("KEY", "demo")))
    await stage.tells("page_view /shoes", "add_to_cart /shoes", "purchase /shoes", refuted=["purchase /shoes"])
    (added,) = await stage.told("add_to_cart")
    assert added.props == {"currency": "EUR", "items": [{"item_id": 42, "price": 129.9, "quantity": 1}]}


@pytest.mark.browser
async def test_a_tag_manager_passes_on_what_stands_in_the_address(stage: Stage) -> None:
    html = json.dumps(example("Google Tag Manager")).replace("</", r"<\/")
    tab = await stage.open("/shoes", Page(scripts=0, head=TAG_MANAGER % html))
    await tab.run("new Promise((done) => setInterval(() => wakeline.q === 0 && done(), 20))")
    await tab.run(f"new Promise((done) => setTimeout(done, {MORE_THAN_FIRST_VIEW_MS}))")
    await stage.quiet()
    assert await stage.log() == [], "nobody has agreed yet"
    await tab.do("wakeline('consent', 'anonymous')")
    await stage.tells("page_view /shoes", refuted=["page_view /shoes"])


@pytest.mark.browser
async def test_events_go_to_the_whole_address_and_a_relative_one_to_the_base(stage: Stage) -> None:
    html = example("Base tags")
    tab = await stage.open("/shoes", Page(scripts=0, head=html))
    await stage.seen("page_view /shoes")
    await tab.run(ANSWERED % (stage.site.url + OWN_ENDPOINT))
    tab = await stage.open("/cart", Page(scripts=0, head=html.replace("{site}" + OWN_ENDPOINT, "/elsewhere")))
    await tab.run(ANSWERED % (stage.site.other + "/elsewhere"))
    await stage.tells("page_view /shoes", "leave /shoes", refuted=["page_view /cart"])


@pytest.mark.browser
async def test_an_inner_scroller_is_measured_but_not_in_a_shadow_root(stage: Stage) -> None:
    html = example("Inner scrollers").replace("...", TALL)
    tab = await stage.open("/shoes", Page(body=html))
    await stage.seen("page_view /shoes")
    await tab.do("document.querySelector('main').scrollTo(0, 2 * innerHeight)")
    await tab.hide()
    await stage.open("/app", Page(head=html.split("<main>")[0], body=SHADOW.format(html)))
    await stage.seen("page_view /app")
    await stage.tabs[-1].hide()
    events = await stage.tells(
        *("page_view /shoes", "leave /shoes", "page_view /app", "leave /app"), refuted=["leave /shoes", "leave /app"]
    )
    assert [event.scroll for event in events if event.leave] == [60, 100]


@pytest.mark.browser
async def test_a_frame_tells_of_itself_unless_it_has_no_address(stage: Stage) -> None:
    stage.refusals = {"bad_url": 2}  # the view of the srcdoc, its leave
    nameless = """<iframe srcdoc="<script src='{collector}/wakeline.js' data-site='demo'></script>"></iframe>"""
    stage.site.pages["/configurator"] = Page()
    tab = await stage.open("/around", Page(body=example("Frames") + nameless))
    await stage.seen("page_view /configurator")
    await stage.until(stage.collector.rejected, "the collector refuses what has no address")
    assert await tab.run("frames[0].origin") == stage.site.url
    assert origin("null"), "no site can list it"
    await tab.hide()
    await stage.tells(
        *("page_view /around", "leave /around", "page_view /configurator", "leave /configurator"),
        refuted=["page_view /around", "page_view /configurator"],
    )


@pytest.mark.browser
async def test_the_first_view_is_of_where_a_router_led_to(stage: Stage) -> None:
    await stage.open("/", Page(body=example("The first view")))
    await stage.tells("page_view /home", "greeted /home", refuted=["page_view /", "greeted /", "page_view /home"])


@pytest.mark.browser
async def test_names_of_elements_do_no_harm(stage: Stage) -> None:
    tab = await stage.open("/shoes", Page(body=example("Names in the page"), title="Shoes"))
    (view,) = await stage.seen("page_view /shoes")
    assert view.title == "Shoes"
    await tab.hide()
    await stage.tells("page_view /shoes", "leave /shoes", refuted=["page_view /shoes"])
    assert stage.site.posted == []
