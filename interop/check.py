"""Gives what was exported to the tools it is for, and imports what a browser recorded.

`make interop` sets up what it needs. What could not be installed is skipped, and says so.
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
import urllib.error
import urllib.request

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "bench")]

import api  # noqa: E402
import kit  # noqa: E402

TOOLS = pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "understudy/tools"
NODE, PEERS = TOOLS / "interop/node_modules", TOOLS / "bench/node_modules"
JSON = {"content-type": "application/json"}
KEY = {"authorization": api.TOKEN}
NEW = {"name": "user 8", "email": "u8@example.org"}
# What clients asked while Understudy watched, in order: method, target, header fields, body.
STORY = [
    *[("GET", target, {}, None) for target in ("/health", "/health", "/users", "/users?page=2", "/users?page=3", "/users?page=x")],
    *[("GET", f"/users/{number}", {}, None) for number in (1, 2, 3, 4, 5, 6, 70, 71, 72)],
    ("GET", "/users/me", {}, None), ("GET", "/users/me", {}, None),
    ("POST", "/users", JSON, NEW), ("POST", "/users", JSON, NEW),
    ("POST", "/users", JSON | KEY, {"name": "nobody"}),
    ("POST", "/users", JSON | KEY, NEW),
    ("DELETE", "/users/7", {}, None), ("DELETE", "/users/7", KEY, None),
    ("DELETE", "/users/6", KEY, None), ("DELETE", "/users/70", KEY, None),
]
# And what nobody asked: an unknown user, a page that was not seen, a new user of another name, somebody without a key.
BEYOND = [
    ("GET", "/users/4711", {}, None, 404),
    ("GET", "/users/2?verbose=1", {}, None, 200),
    ("POST", "/users", JSON | KEY, {"name": "else", "email": "e@example.org"}, 201),
    ("POST", "/users", JSON, {"name": "else", "email": "e@example.org"}, 401),
]


class Skipped(Exception):
    """A tool that is not there."""


def ask(base, method, target, headers, body):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(base + target, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status, response.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def plain(raw):
    try:
        return json.loads(raw)
    except ValueError:
        return raw if isinstance(raw, str) else raw.decode()


def needs(path):
    if not pathlib.Path(path).exists():
        raise Skipped(f"{pathlib.Path(path).name} is not installed (scripts/setup.sh interop says why)")
    return path


def run(command, folder, **more):
    done = subprocess.run([str(part) for part in command], cwd=folder, capture_output=True, text=True, timeout=300, **more)
    if done.returncode:
        raise kit.Failed(f"{pathlib.Path(str(command[0])).name} ended with {done.returncode}: {(done.stdout + done.stderr)[-3000:]}")
    return done.stdout


class Check:
    def __init__(self, folder, upstream, understudy):
        self.folder, self.upstream, self.understudy = folder, upstream, understudy
        self.probes = []

    def teach(self):
        """The newest answer to each request is what a mock should give."""
        newest = {}
        for method, target, headers, body in STORY:
            status, raw = ask(self.understudy.url(""), method, target, headers, body)
            key = (method, target, "authorization" in headers, json.dumps(body))
            newest[key] = ((method, target, headers, body), status, plain(raw))
        self.understudy.settle()
        self.probes = list(newest.values())
        for method, target, headers, body, status in BEYOND:
            self.probes.append(((method, target, headers, body), status, None))

    def export(self, name, file):
        path = self.folder / file
        path.write_bytes(self.understudy.get(f"/admin/export/{name}"))
        return path

    def probe(self, base):
        return self.compare([ask(base, *request) for request, _, _ in self.probes])

    def compare(self, answers):
        wrong = []
        for (request, status, body), (got, raw) in zip(self.probes, answers, strict=True):
            if got != status or body is not None and plain(raw) != body:
                wrong.append(f"{request[0]} {request[1]}: {got} {plain(raw)!r}, expected {status} {body!r}")
        if wrong:
            raise kit.Failed("\n".join(wrong))
        return f"{len(answers)} of {len(answers)} probes answered as the API did"

    def wiremock(self):
        needs(PEERS)
        jar = next(PEERS.glob("wiremock/**/wiremock-standalone-*.jar"), None)
        if jar is None or shutil.which("java") is None:
            raise Skipped("WireMock or Java is not installed (scripts/setup.sh interop says why)")
        port = kit.free_port()
        options = ["--port", port, "--bind-address", kit.HOST, "--disable-banner", "--root-dir", self.folder / "wiremock"]
        with kit.Server("wiremock", ["java", "-jar", jar, *options], port) as server:
            stubs = self.export("wiremock", "wiremock.json").read_bytes()
            request = urllib.request.Request(server.url("/__admin/mappings/import"), data=stubs, headers=JSON)
            urllib.request.urlopen(request, timeout=30).read()
            return self.probe(server.url("")) + f" ({jar.stem.removeprefix('wiremock-standalone-')})"

    def mockoon(self):
        cli = needs(PEERS / ".bin/mockoon-cli")
        port = kit.free_port()
        data = self.export("mockoon", "mockoon.json")
        command = [cli, "start", "--data", data, "--port", port, "--disable-log-to-file"]
        with kit.Server("mockoon", command, port) as server:
            return self.probe(server.url(""))

    def msw(self):
        needs(NODE / "msw")
        self.compile_typescript()
        probes = [{"method": m, "target": t, "headers": h, **({"body": json.dumps(b)} if b is not None else {})}
                  for (m, t, h, b), _, _ in self.probes]
        asked = json.dumps({"base": "http://api.example", "probes": probes})
        shutil.copy(HERE / "msw.mjs", self.folder)
        (self.folder / "package.json").write_text('{"type": "module"}')
        said = json.loads(run(["node", "msw.mjs"], self.folder, input=asked))
        return self.compare([(one["status"], one["body"]) for one in said])

    def compile_typescript(self):
        tsc = needs(NODE / ".bin/tsc")
        self.export("msw", "handlers.ts")
        self.export("typescript", "types.ts")
        for file in ("use.ts", "tsconfig.json"):
            shutil.copy(HERE / file, self.folder)
        link = self.folder / "node_modules"
        if not link.exists():
            link.symlink_to(NODE)
        (self.folder / "package.json").write_text('{"type": "module"}')
        run([tsc, "--project", "tsconfig.json"], self.folder)
        return tsc

    def typescript(self):
        tsc = self.compile_typescript()
        return "types and handlers compile with --strict: " + run([tsc, "--version"], self.folder).strip()

    def k6(self):
        tsc = needs(NODE / ".bin/tsc")
        script = self.export("k6", "script.mjs")
        run(["node", "--check", script], self.folder)
        needs(NODE / "@types/k6")
        link = self.folder / "node_modules"
        if not link.exists():
            link.symlink_to(NODE)
        options = ["--noEmit", "--allowJs", "--checkJs", "--target", "es2022", "--module", "esnext",
                   "--moduleResolution", "bundler", "--types", "k6", "--skipLibCheck", "--ignoreConfig"]
        run([tsc, *options, script], self.folder)
        return "parses as a module, and uses k6's functions as @types/k6 has them"

    def postman(self):
        newman = needs(NODE / ".bin/newman")
        collection = self.export("postman", "postman.json")
        report = self.folder / "newman.json"
        run([newman, "run", collection, "--reporters", "json", "--reporter-json-export", report,
             "--env-var", f"baseUrl={self.upstream.url('')}", "--env-var", f"authorization={api.TOKEN}"], self.folder)
        sent = json.loads(report.read_text())["run"]["executions"]
        for one in sent:
            saved = [response["code"] for response in one["item"]["response"]]
            if one["response"]["code"] not in saved:
                raise kit.Failed(f"newman: {one['item']['name']} gave {one['response']['code']}, saved are {saved}")
        if not sent:
            raise kit.Failed("newman sent nothing")
        return f"newman sent {len(sent)} requests, each got a status that is saved with it"

    def prism(self):
        prism = needs(PEERS / ".bin/prism")
        document = self.export("openapi", "openapi.json")
        told = []
        for mode, more in (("mock", []), ("proxy", [self.upstream.url("")])):
            port = kit.free_port()
            command = [prism, mode, document, *more, "-h", kit.HOST, "-p", port, "--errors"]
            with kit.Server(f"prism-{mode}", command, port) as server:
                # What the API accepts has to be valid, and so has its answer.
                reads = [request for request, status, _ in self.probes if request[0] == "GET"]
                good = [request for request in reads if ask(self.upstream.url(""), *request)[0] == 200]
                for request in good:
                    got, raw = ask(server.url(""), *request)
                    if got != 200:
                        raise kit.Failed(f"prism {mode}: {request[:2]} gave {got} {raw[:500]!r}, expected 200")
                told.append(f"{mode}: {len(good)}")
        return f"requests without a violation: {', '.join(told)}"

    def schemathesis(self):
        tool = needs(TOOLS / "interop/venv/bin/schemathesis")
        document = self.export("openapi", "openapi.json")
        checks = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
        said = run([tool, "--no-color", "run", document, "--url", self.upstream.url(""), "--checks", checks, "--seed", "1",
                    "--max-examples", "30", "--mode", "positive", "--phases", "examples,coverage,fuzzing",
                    "--generation-database", "none", "-H", f"Authorization: {api.TOKEN}"], self.folder)
        return next((line.strip() for line in said.splitlines() if " generated, " in line), "no failure")

    def browser(self):
        modules = needs(HERE.parent / "end2end/node_modules")
        chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        if chromium is None:
            raise Skipped("no Chromium is installed (scripts/setup.sh interop says why)")
        shutil.copy(HERE / "record.mjs", modules.parent / "interop-record.mjs")
        har = self.folder / "browser.har"
        try:
            run(["node", "interop-record.mjs", self.upstream.url(""), har], modules.parent,
                env={**os.environ, "CHROMIUM_PATH": os.environ.get("CHROMIUM_PATH", chromium)})
        finally:
            (modules.parent / "interop-record.mjs").unlink()
        with kit.Understudy(self.upstream, self.folder, "imported") as fresh:
            request = urllib.request.Request(fresh.url("/admin/import"), data=har.read_bytes(), headers=JSON)
            imported = json.loads(urllib.request.urlopen(request, timeout=30).read())
            fresh.settle()
            known = {f"{one['method']} {one['template']}" for one in json.loads(fresh.get("/admin/endpoints"))}
            wanted = {"GET /health", "GET /users", "GET /users/{id}", "GET /users/me", "POST /users"}
            if not wanted <= known:
                raise kit.Failed(f"learned {sorted(known)}, expected {sorted(wanted)}")
        return f"{imported['exchanges']} exchanges of Chromium, {len(known)} endpoints"

    def javascript(self):
        """The plugin in JavaScript, built as its README says and asked by the program."""
        needs(NODE / "@bytecodealliance/componentize-js")
        sources = self.folder / "plugins"
        shutil.copytree(HERE.parent / "plugins/wit", sources / "wit")
        example = shutil.copytree(HERE.parent / "plugins/examples/shops-js", sources / "examples/shops-js",
                                  ignore=shutil.ignore_patterns("node_modules", "*.wasm"))
        (example / "node_modules").symlink_to(NODE)
        run(["node", "build.js"], example)
        plugin = example / "shops-js.wasm"
        told = run([os.environ["UNDERSTUDY_BIN"], "plugin", "test", plugin, "--sample", "GET /shops/north/items", "--sample", "GET /items/7"], example)
        if '"/shops/{shop}/items"' not in told:
            raise kit.Failed(f"its answer is {told!r}")
        return f"{plugin.stat().st_size >> 20} MiB, {' '.join(told.split())}"


ALL = ["wiremock", "mockoon", "msw", "typescript", "k6", "postman", "prism", "schemathesis", "browser", "javascript"]


def main():
    wanted = sys.argv[1:] or ALL
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    with contextlib.ExitStack() as stack:
        folder = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="understudy-interop-")))
        port = kit.free_port()
        upstream = stack.enter_context(kit.Server("api", [sys.executable, HERE / "api.py", port], port))
        understudy = stack.enter_context(kit.Understudy(upstream, folder))
        check = Check(folder, upstream, understudy)
        check.teach()
        for name in wanted:
            begun = time.monotonic()
            try:
                outcome, detail = "passed", getattr(check, name)()
            except Skipped as why:
                outcome, detail = "skipped", str(why)
            except Exception as error:  # Every other tool is still tried.
                outcome, detail = "failed", str(error) if isinstance(error, kit.Failed) else traceback.format_exc()
            counts[outcome] += 1
            print(f"{name:13} {outcome:8} {time.monotonic() - begun:5.1f} s  {detail}", flush=True)
    print(f"\ninterop: {counts['passed']} passed, {counts['failed']} failed, {counts['skipped']} skipped")
    return 1 if counts["failed"] else 0


if __name__ == "__main__":
    sys.exit(main())
